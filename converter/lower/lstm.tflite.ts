/** TFLite's integer LSTM (int8 with an int16 cell) → one kernel call per direction. Source: TFLite unidirectional_sequence_lstm.cc. */
import type { Node, Tensor } from "../ir/graph.ts";
import type { LoweringContext, Operand, Params } from "./context.ts";
import { directionOf, paddedRows, paddedTo8, weightsI8, type Gates } from "./gates.ts";
import { perTensorOf, quantizeMultiplier } from "./multipliers.ts";

interface Layer extends Gates { node: Node<"lstm">; c: LoweringContext; D: number; T: number; N: number; I: number; P: number }

const f = Math.fround, none = 0, G = 4;
/** Steps of the gates before activation, Q3.12. */
const GATE = 2 ** -12;

export function lstmTflite(node: Node<"lstm">, c: LoweringContext): void {
  const [T, N, I] = c.tensor(node.inputs[0]!).shape as [number, number, number], { hidden: H, direction } = node.attributes, D = direction === "bidirectional" ? 2 : 1;
  for (let d = 0; d < D; d++) direct({ node, c, d, D, G, H, T, N, I, P: paddedTo8(H) }, d === 1 || direction === "reverse");
}

function direct(layer: Layer, reverse: boolean): void {
  const { node, c, d, D, T, N, I, H, P } = layer, [x, w, r] = node.inputs as [string, string, string], [y, hn, cn] = node.outputs as [string, string, string];
  const state = (name: string | undefined, bytes: number): Operand | number => (name ? c.at(name, bytes * d * N * H) : none);
  const hidden = perTensorOf(c.tensor(y)), cell = perTensorOf(c.tensor(cn)), clip = node.attributes.cellClip ?? 0;
  c.call("lstmI8Tflite", {
    x: c.at(x), w: weightsI8(c, w, layer, I), r: weightsI8(c, r, layer, H), b: biases(layer), m: multipliers(layer),
    h0: state(node.inputs[4], 1), c0: state(node.inputs[5], 2), y: state(y, 1), hn: state(hn, 1), cn: state(cn, 2), s: c.scratch(24 * P), c: c.scratch(2 * P), q: c.scratch(P),
    T, N, I, H, yStep: D * N * H, reverse: Number(reverse), cellBits: 15 + Math.log2(cell.scale), clip: Math.trunc(Math.min(32767, f(f(clip) / cell.scale))), zh: hidden.zeroPoint,
  } satisfies Params, ["y", "hn", "cn", "s", "c", "q"], T * N * G * H * (I + H));
}

/** [2][4P]: bias − zx · Σ w and −zh · Σ r. */
function biases({ node, c, ...gates }: Layer): Operand {
  const [x, w, r, b] = node.inputs as [string, string, string, string?], rows = G * gates.H, packed = new Int32Array(8 * gates.P);
  const given = b ? directionOf(c.tensor(b).data as Int32Array, gates.d, rows) : new Int32Array(rows);
  const ofX = shifted(c.tensor(w), gates, gates.I, perTensorOf(c.tensor(x)).zeroPoint), ofH = shifted(c.tensor(r), gates, gates.H, perTensorOf(c.tensor(node.outputs[1]!)).zeroPoint);
  packed.set(paddedRows(ofX.map((v, o) => v + given[o]!), gates, 1));
  packed.set(paddedRows(ofH, gates, 1), 4 * gates.P);
  return c.constant(packed);
}

/** −z · Σk w[o,k] */
function shifted(weights: Tensor, { d, H }: Gates, K: number, z: number): Int32Array {
  const w = directionOf(weights.data as Int8Array, d, G * H * K);
  return Int32Array.from({ length: G * H }, (_, o) => -z * w.subarray(o * K, (o + 1) * K).reduce((sum, v) => sum + v, 0));
}

/** [9][3]: of the gates' sums of x, of h, of the hidden state. */
function multipliers({ node, c, d, H }: Layer): Operand {
  const [x, w, r] = node.inputs as [string, string, string], scaleOf = (name: string) => perTensorOf(c.tensor(name)).scale;
  const ofGates = (weights: string, scale: number) => Array.from({ length: G }, (_, g) => f(f(c.tensor(weights).quantization!.scale[(d * G + g) * H]! * scale) / GATE));
  const hidden = 2 ** -15 / scaleOf(node.outputs[0]!) * 2 ** -15;
  return c.constant(Int32Array.from([...ofGates(w, scaleOf(x)), ...ofGates(r, scaleOf(node.outputs[1]!)), hidden].flatMap((real) => {
    const { multiplier, shift } = quantizeMultiplier(real);
    return [2 ** Math.max(0, shift), shift < -30 ? 0 : multiplier, 2 ** (30 + Math.max(-30, Math.min(0, shift)))];
  })));
}
