/** Vectors of CMSIS-NN with a state or more than one layer. */
import { tensorOf } from "../../converter/ir/graph.ts";
import { noClamp } from "../../converter/ir/ops.ts";
import { connect, convolve, finished, mixed, operatorCase, QuantizedGraph, real, scaled, type Case, type Vector } from "./cmsis-nn.ts";

/** Where TFLite computes something else since, and this project follows TFLite: within a step. */
export const differing: Record<string, string> = { fully_connected_int16: "TFLite rounds dense layers of int16 once, CMSIS-NN by a multiplier of 16 bits" };

/** Why a vector is not run; undefined where it is. */
export function skipped({ name, array }: Vector): string | undefined {
  if (/^lstm.*s16/.test(name)) return "TFLite has no integer LSTM of 16-bit activations; this is the one of TensorFlow Lite Micro";
  if (name === "softmax_s8_s16") return "TFLite has no softmax from int8 to int16; this is the one of TensorFlow Lite Micro";
  if (name === "lstm_one_time_step") return "its arrays are of two generations, the result of one fits neither's input";
  if (mixed.has(name)) return "its input belongs to one generation of the vector, its result to another";
  return array("output_ref", "output") ? undefined : "has no result";
}

export function caseOf(v: Vector): Case {
  if (/^svdf/.test(v.name)) return svdf(v);
  if (/^lstm/.test(v.name)) return lstm(v);
  return v.name === "ds_cnn_l" ? network(v) : operatorCase(v);
}

/** One frame after the other from the given state. See converter/formats/tflite/svdf.ts. */
function svdf(v: Vector): Case {
  const d = v.define, b = new QuantizedGraph(v), [N, F, M, R, I] = [d("INPUT_BATCHES"), d("FEATURE_BATCHES"), d("TIME_BATCHES"), d("RANK"), d("INPUT_SIZE")], U = F / R;
  const sequence = v.array("input_sequence")!, wf = b.weights([F, I], v.array("weights_feature")!, real(d("MULTIPLIER_IN"), d("SHIFT_1"))), ofState = b.as(1, 0, "int16");
  const wt = b.constant("time", "int16", [U, M, 1, R], framesFirst(v.array("weights_time")!, R, M), scaled(real(d("MULTIPLIER_OUT"), d("SHIFT_2")), 0));
  let state = b.add("transpose", [b.values("state", [N, F, M, 1], 1, 0, "int16")], { perm: [0, 2, 3, 1] }, [], ofState);
  const inputs: Record<string, number[]> = { state: v.array("state")! };
  for (let at = 0, frame = 0; at < sequence.length; at += N * I, frame++) {
    const x = b.values(`x${frame}`, [N, I], 1, -d("INPUT_OFFSET")), f = b.add("reshape", [b.add("dense", [x, wf], { clamp: noClamp }, [], ofState)], { shape: [N, 1, 1, F] }, [], ofState);
    const kept = b.add("slice", [state], { starts: [0, 1, 0, 0], steps: [1, 1, 1, 1], sizes: [N, M - 1, 1, F] }, [], ofState);
    inputs[x] = sequence.slice(at, at + N * I);
    state = b.add("concat", [kept, f], { axis: 1 }, [], ofState);
  }
  const window = { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: U, clamp: noClamp };
  b.output(b.add("conv2d", [state, wt, b.bias(v.array("biases")!)], window, [], b.as(1, d("OUTPUT_OFFSET"))));
  return finished(b, inputs, v.array("output_ref")!);
}

/** [U,R,M] → [U,M,R] */
const framesFirst = (w: number[], R: number, M: number): Int16Array => Int16Array.from(w, (_, i) => w[Math.floor(i / (R * M)) * R * M + (i % R) * M + (Math.floor(i / R) % M)]!);

function lstm(v: Vector): Case {
  const d = v.define, b = new QuantizedGraph(v), [N, T, I, H] = [d("BATCH_SIZE"), d("TIME_STEPS"), d("INPUT_SIZE"), d("HIDDEN_SIZE")], x = v.array("input_tensor")!, gates = ["input", "forget", "cell", "output"];
  const steps = 2 ** -12, scale = 2 ** -30 / real(d("OUTPUT_MULTIPLIER"), d("OUTPUT_SHIFT")), zero = d("OUTPUT_ZERO_POINT");
  const all = (kind: string) => gates.flatMap((g) => v.array(`${g}_gate_${kind}`)!);
  const weights = (kind: "input" | "hidden", K: number, sx: number) =>
    b.constant("w", "int8", [1, 4 * H, K], Int8Array.from(all(`${kind}_weights`)), scaled(gates.flatMap((g) => Array<number>(H).fill(real(d(`${g}_GATE_${kind}_MULTIPLIER`.toUpperCase()), d(`${g}_GATE_${kind}_SHIFT`.toUpperCase())) * steps / sx)), 0));
  const frames = b.add("transpose", [b.values("x", [N, T, I], 1, -d("INPUT_ZERO_POINT"))], { perm: [1, 0, 2] }, [], b.as(1, -d("INPUT_ZERO_POINT")));
  const bias = b.constant("b", "int32", [1, 4 * H], Int32Array.from(all("bias")), scaled(1, 0));
  const tanh = { fn: "tanh" as const, alpha: 0, beta: 0 }, activations = [{ fn: "sigmoid" as const, alpha: 0, beta: 0 }, tanh, tanh];
  const y = b.add("lstm", [frames, weights("input", I, 1), weights("hidden", H, scale), bias], { direction: "forward", hidden: H, activations, clip: 0, inputForget: false }, ["y", "h", "c"], b.as(scale, zero));
  Object.assign(tensorOf(b.graph, "h"), b.as(scale, zero));
  Object.assign(tensorOf(b.graph, "c"), b.as(2 ** d("CELL_SCALE_POWER"), 0, "int16"));
  b.output(b.add("transpose", [y], { perm: [2, 0, 1, 3] }, [], b.as(scale, zero)));
  return finished(b, { x }, v.array("output")!);
}

/** DS-CNN of keyword spotting, from its layers; each works in steps of 1 where their multipliers leave the scale open. */
function network(v: Vector): Case {
  const b = new QuantizedGraph(v), x = v.array("input")!, first = v.layer("conv_2d", 1).define, shape = [1, first("INPUT_H"), first("INPUT_W"), 1];
  let at = b.values("x", shape, 1, -first("INPUT_OFFSET"));
  for (let k = 1; k < 12; k++) {
    const depthwise = k % 2 === 0, name = depthwise ? "depthwise_conv_2d" : "conv_2d";
    at = convolve(v.layer(name, k), b, at, `y${k}`, depthwise);
  }
  const [, H, W, C] = b.shape(at) as [number, number, number, number], last = v.layer("fully_connected", 14);
  const window = { kernel: [H, W], stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], clamp: noClamp, countIncludePad: false };
  const pooled = b.add("averagePool2d", [at], window, [], b.as(1, -last.define("INPUT_OFFSET"))), row = b.add("reshape", [pooled], { shape: [1, C] }, [], b.as(1, -last.define("INPUT_OFFSET")));
  // The factor of TFLite's softmax is the scale in Q5.26.
  const softmax = v.layer("softmax", 15).define, scale = real(softmax("MULT"), softmax("SHIFT")) / 2 ** 26;
  const weights = b.weights([softmax("ROW_SIZE"), C], last.array("weights")!, real(last.define("OUTPUT_MULTIPLIER"), last.define("OUTPUT_SHIFT")) * scale);
  b.output(b.add("softmax", [connect(last, b, row, weights, scale)], { axis: 1 }, [], b.as(1 / 256, -128)));
  return finished(b, { x }, v.array("output_ref")!);
}
