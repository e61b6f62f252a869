/**
 * lstm, gru, rnn → one dense call for the inputs of all steps (`gates`), then one call per direction for the steps.
 * Float tensors: a dense layer and lstmF32 …; int8 x and weights: gatesI8, of many rows gatesPanelI8, and lstmI8 …
 */
import { tensorOf, type Node, type TypedArray } from "../ir/graph.ts";
import type { RecurrentActivation } from "../ir/ops.ts";
import { functionNumber, type KernelName } from "../write/layout.ts";
import type { LoweringContext, Operand, Params } from "./context.ts";
import { rows } from "./dense.ts";
import { directionOf, paddedRows, paddedTo8, perGate, weightsF32, weightsI8, type Gates } from "./gates.ts";
import { lstmTflite } from "./lstm.tflite.ts";

type RecurrentNode = Node<"lstm"> | Node<"gru"> | Node<"rnn">;

/** One direction of one node. */
interface Layer extends Gates { node: RecurrentNode; c: LoweringContext; D: number; T: number; N: number; I: number; P: number; reverse: boolean; activations: RecurrentActivation[] }

/** From this many rows, and steps, on the weights are expanded to i16 first. */
const PANELS_FROM = 8, WIDE_FROM = 12;
const gateCount = { lstm: 4, gru: 3, rnn: 1 } as const, none = 0;

export function recurrent(node: RecurrentNode, c: LoweringContext): void {
  if (node.op === "lstm" && c.rounding === "tflite" && node.outputs[2] && c.tensor(node.outputs[2]).dtype === "int16") return lstmTflite(node, c);
  const [T, N, I] = c.tensor(node.inputs[0]!).shape as [number, number, number], G = gateCount[node.op], H = node.attributes.hidden;
  const { direction, activations } = node.attributes, D = direction === "bidirectional" ? 2 : 1, each = activations.length / D;
  for (let d = 0; d < D; d++) {
    direct({ node, c, d, D, G, H, T, N, I, P: paddedTo8(H), reverse: d === 1 || direction === "reverse", activations: activations.slice(d * each, (d + 1) * each) });
  }
}

function direct(layer: Layer): void {
  const { node, c, T, N, G, P, H } = layer, int8 = c.tensor(node.inputs[0]!).dtype === "int8";
  const gates = c.scratch(4 * T * N * G * P);
  if (int8) gatesInt8(layer, gates);
  else gatesFloat(layer, gates);
  const own = { lstm, gru, rnn }[node.op](layer), quantized = int8 ? recurrentInt8(layer) : { r: weightsF32(c, node.inputs[2]!, layer, H) };
  const isWide = int8 && node.op === "lstm" && T >= WIDE_FROM, wide: Params = isWide ? { t: c.scratch(2 * P + 8 * P * Math.ceil(H / 4) * 4) } : {};
  const kernel = `${node.op}${isWide ? "Wide" : ""}${int8 ? "I8" : "F32"}` as KernelName;
  c.call(kernel, { gates, ...common(layer, int8 ? 1 : 4), ...own, ...quantized, ...wide }, ["gates", "y", "hn", "h", "cn", "c", "sums", "reset", "q", "resetQ", "t"], T * N * G * H * H);
}

/** b[o] + Σ x · w for every step. */
function gatesFloat(layer: Layer, y: Operand): void {
  const { node, c, T, N, I, G, P } = layer, [x, w, , b] = node.inputs as [string, string, string, string?];
  rows(c, { x: c.at(x), w: weightsF32(c, w, layer, I), b: perGate(c, b, layer, node.op === "gru" ? 6 : G), y, N: T * N, I, O: G * P, lo: -Infinity, hi: Infinity }, T * N * I * G * layer.H);
}

function gatesInt8(layer: Layer, y: Operand): void {
  const { node, c, T, N, I, G, P, H } = layer, [x, w] = node.inputs as [string, string], q = c.tensor(x).quantization!;
  const m = rowScales(layer, w, q.scale[0]!), b = biasOf(layer, w, m, I, q.zeroPoint[0]!, node.op === "gru" ? 6 : G, 0);
  const hidden = node.op === "gru" ? b : minusZeroPoint(layer, b);
  const operands = { x: c.at(x), w: weightsI8(c, w, layer, I), m: c.constant(paddedRows(m, layer, 1)), b: c.constant(paddedRows(hidden, layer, 1)), y, N: T * N, I, O: G * P }, K = Math.ceil(I / 4) * 4;
  if (T * N < PANELS_FROM) c.call("gatesI8", operands, ["y"], T * N * I * G * H);
  else c.call("gatesPanelI8", { ...operands, t: c.scratch(32 + 8 * (K + 8) + 2 * K * G * P) }, ["y", "t"], T * N * I * G * H);
}

/** Scale of each row's sum: scale of the vector times the scale of the row. */
function rowScales({ c, d, G, H }: Layer, weights: string, scale: number): Float32Array {
  return Float32Array.from(directionOf(c.tensor(weights).quantization!.scale, d, G * H), (s) => s * scale);
}

/** b[o] − m[o] · zeroPoint · Σ w[o]: the zero point of the vector, folded into the bias. */
function biasOf({ node, c, d, G, H }: Layer, weights: string, m: Float32Array, K: number, zeroPoint: number, all: number, first: number): Float32Array {
  const b = node.inputs[3] ? tensorOf(c.graph, node.inputs[3]).data! : undefined;
  return lessZeroPoint(m.map((_, o) => (b ? b[(d * all + first) * H + o]! : 0)), directionOf(c.tensor(weights).data!, d, G * H * K), m, K, zeroPoint);
}

/** As assembly/kernels/commit.ts computes: in double, rounded once. */
function lessZeroPoint(b: Float32Array, w: TypedArray, m: Float32Array, K: number, zeroPoint: number): Float32Array {
  return m.map((scale, o) => {
    let sum = 0;
    for (let k = 0; k < K; k++) sum += w[o * K + k]!;
    return b[o]! - scale * zeroPoint * sum;
  });
}

/** Takes the hidden state's zero point out of the gates' bias. */
function minusZeroPoint(layer: Layer, bias: Float32Array): Float32Array {
  const { c, d, G, H } = layer, hidden = hiddenOf(layer), r = layer.node.inputs[2]!;
  return lessZeroPoint(bias, directionOf(c.tensor(r).data!, d, G * H * H), rowScales(layer, r, hidden.scale), H, hidden.zeroPoint);
}

/** The hidden state is quantized as y is. */
function hiddenOf({ node, c }: Layer): { scale: number; zeroPoint: number } {
  const q = c.tensor(node.outputs[0]!).quantization!;
  return { scale: q.scale[0]!, zeroPoint: q.zeroPoint[0]! };
}

function recurrentInt8(layer: Layer): Params {
  const { node, c, N, H, P } = layer, r = node.inputs[2]!, { scale, zeroPoint } = hiddenOf(layer), m = rowScales(layer, r, scale);
  const params: Params = { r: weightsI8(c, r, layer, H), m: c.constant(paddedRows(m, layer, 1)), q: c.scratch(N * P), inverseScale: 1 / scale, zeroPoint };
  if (node.op !== "gru") return params;
  const rb = biasOf(layer, r, m, H, zeroPoint, 6, 3);
  return { ...params, rb: c.constant(paddedRows(rb, layer, 1)), resetQ: c.scratch(P) };
}

/** Fields of the struct Recurrent, but for `gates` and `r`. `bytes`: of one element of y. */
function common(layer: Layer, bytes: number): Params {
  const { node, c, d, D, T, N, H, P, reverse } = layer, [y, hn] = node.outputs, state = 4 * d * N * H;
  const lengths = node.inputs[node.op === "lstm" ? 7 : 5], h0 = node.inputs[4];
  return {
    h0: h0 ? c.at(h0, state) : none, y: y ? c.at(y, bytes * d * N * H) : none, hn: hn ? c.at(hn, state) : none, lengths: lengths ? floats(c, lengths) : none,
    h: c.scratch(4 * N * P), T, N, H, yStep: D * N * H, reverse: Number(reverse), clip: node.attributes.clip,
  };
}

/** Constants of integers are stored as the floats that kernels read. */
function floats(c: LoweringContext, name: string): Operand {
  const { data } = c.tensor(name);
  return data ? c.constant(Float32Array.from(data)) : c.at(name);
}

const activation = (name: string, a: RecurrentActivation): Params => ({ [`${name}Fn`]: functionNumber(a.fn), [`${name}Alpha`]: a.alpha, [`${name}Beta`]: a.beta });

function lstm({ node, c, d, N, H, P, activations }: Layer): Params {
  const { attributes, inputs, outputs } = node as Node<"lstm">, [gate, cell, hidden] = activations as [RecurrentActivation, RecurrentActivation, RecurrentActivation], state = 4 * d * N * H;
  return {
    c0: inputs[5] ? c.at(inputs[5], state) : none, cn: outputs[2] ? c.at(outputs[2], state) : none, c: c.scratch(4 * N * P),
    peephole: inputs[6] ? perGate(c, inputs[6], { d, G: 3, H }, 3) : none, inputForget: Number(attributes.inputForget), cellClip: attributes.cellClip ?? 0,
    ...activation("gate", gate), ...activation("cell", cell), ...activation("hidden", hidden),
  };
}

function gru({ node, c, d, H, P, activations }: Layer): Params {
  const [gate, candidate] = activations as [RecurrentActivation, RecurrentActivation];
  return {
    rb: perGate(c, node.inputs[3], { d, G: 3, H }, 6, 3), sums: c.scratch(4 * P), reset: c.scratch(4 * P),
    linearBeforeReset: Number((node as Node<"gru">).attributes.linearBeforeReset), ...activation("gate", gate), ...activation("candidate", candidate),
  };
}

const rnn = ({ activations }: Layer): Params => activation("hidden", activations[0]!);
