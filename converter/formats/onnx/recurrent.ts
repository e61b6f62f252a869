/** LSTM, GRU and RNN in every form. ONNX's gate orders: lstm i,o,f,c · gru z,r,h. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { tensorOf, type Quantization, type TypedArray } from "../../ir/graph.ts";
import type { ActivationOp, RecurrentActivation } from "../../ir/ops.ts";
import { entry } from "../wire/json.ts";
import type { Operators, OnnxNode } from "./node.ts";
import { permuteWeights, reorderBlocks } from "./spatial.ts";
import { add, cast, constantValue, damaged, expand, misfit, outputNames, rankOf, sliceAxis, transpose } from "./write.ts";

/** ONNX i,o,f,c → graph i,f,g,o */
const lstmOrder = [0, 2, 3, 1];

/** Activation functions with ONNX's default alpha and beta; a default says that a value is taken from the lists. */
const activations: Record<string, { fn: ActivationOp; alpha?: number; beta?: number; fixed?: [alpha: number, beta: number] }> = {
  sigmoid: { fn: "sigmoid" }, tanh: { fn: "tanh" }, softsign: { fn: "softsign" }, softplus: { fn: "softplus" },
  relu: { fn: "clip", fixed: [0, Infinity] },
  leakyrelu: { fn: "leakyRelu", alpha: 0.01 },
  thresholdedrelu: { fn: "thresholdedRelu", alpha: 1 },
  elu: { fn: "elu", alpha: 1 },
  affine: { fn: "affine", alpha: 1, beta: 0 },
  hardsigmoid: { fn: "hardSigmoid", alpha: 0.2, beta: 0.5 },
};

/** The lists of alpha and beta are consumed by those functions that take them, in order. */
function activationsOf(n: OnnxNode, g: GraphBuilder, defaults: string[], directions: number): RecurrentActivation[] {
  const names = n.strings("activations") ?? Array.from({ length: directions }, () => defaults).flat();
  const alphas = [...(n.floats("activation_alpha") ?? [])], betas = [...(n.floats("activation_beta") ?? [])];
  if (names.length !== defaults.length * directions) damaged(g, `found ${names.length} activations, expected ${defaults.length * directions}`);
  return names.map((name) => {
    const a = entry(activations, name.toLowerCase()) ?? g.fail(`activation "${name}" is not supported, expected ${Object.keys(activations).join(", ")}`);
    const alpha = a.alpha === undefined ? undefined : (alphas.shift() ?? a.alpha);
    const beta = a.beta === undefined ? undefined : (betas.shift() ?? a.beta);
    return { fn: a.fn, alpha: a.fixed?.[0] ?? alpha ?? 0, beta: a.fixed?.[1] ?? beta ?? 0 };
  });
}

type Direction = "forward" | "reverse" | "bidirectional";
interface Form { direction: Direction; D: number; H: number; T: number; N: number; batchFirst: boolean; x: string }

/** x [T,N,I], or [N,T,I] with layout 1 · w [D,gates·H,I] */
function formOf(n: OnnxNode, g: GraphBuilder, w: string, gates: number): Form {
  const direction = n.string("direction", "forward"), batchFirst = n.int("layout", 0) === 1;
  if (direction !== "forward" && direction !== "reverse" && direction !== "bidirectional")
    return g.fail(`direction is "${direction}", expected forward, reverse or bidirectional`);
  if (rankOf(g, n.input(0)) !== 3 || rankOf(g, w) !== 3) misfit(g, "expected an input and weights of rank 3");
  const x = batchFirst ? transpose(g, n.input(0), [1, 0, 2]) : n.input(0), [T, N] = g.shape(x) as [number, number];
  const D = direction === "bidirectional" ? 2 : 1, H = g.shape(w)[1]! / gates;
  if (!Number.isInteger(H) || H < 1) misfit(g, `weights have ${g.shape(w)[1]} rows, expected ${gates} gates`);
  if (n.has("hidden_size") && n.int("hidden_size") !== H) misfit(g, `hidden_size is ${n.int("hidden_size")}, the weights have ${H}`);
  return { direction, D, H, T, N, batchFirst, x };
}

/** An initial state [D,N,H], or [N,D,H] with layout 1. */
function stateOf(n: OnnxNode, g: GraphBuilder, input: number, form: Form): string {
  const state = n.optional(input), shape = [form.D, form.N, form.H];
  if (!state) return "";
  const turned = form.batchFirst ? transpose(g, state, [1, 0, 2]) : state;
  if (rankOf(g, turned) !== 3) misfit(g, `an initial state has shape [${g.shape(state).join(",")}], expected [${shape.join(",")}]`);
  return expand(g, turned, shape);
}

/** Sequence lengths [N]; none where all are known to be T. */
function lengthsOf(n: OnnxNode, g: GraphBuilder, form: Form): string {
  const lengths = n.optional(4);
  if (!lengths) return "";
  if (g.shape(lengths).join() !== String(form.N)) misfit(g, `sequence_lens has shape [${g.shape(lengths).join(",")}], expected [${form.N}]`);
  const known = constantValue(g, lengths);
  if (known?.some((l) => l < 0 || l > form.T)) misfit(g, `sequence_lens are [${known.join(",")}], expected 0 to ${form.T}`);
  return known?.every((l) => l === form.T) ? "" : cast(g, lengths, "int32");
}

/** Biases of the input and of the recurrence, [D,2·gates·H] → their sum [D,gates·H]. */
function summedBias(n: OnnxNode, g: GraphBuilder, width: number): string {
  const b = n.optional(3);
  if (!b) return "";
  checkBias(g, b, 2 * width);
  return add(g, sliceAxis(g, b, 1, 0, width), sliceAxis(g, b, 1, width, width));
}

function checkBias(g: GraphBuilder, b: string, width: number): void {
  if (rankOf(g, b) !== 2 || g.shape(b)[1] !== width) misfit(g, `the bias has shape [${g.shape(b).join(",")}], expected [directions,${width}]`);
}

/** y [T,D,N,H] → [N,T,D,H] and states [D,N,H] → [N,D,H] with layout 1. */
function finish(g: GraphBuilder, outputs: string[], form: Form): string[] {
  if (!form.batchFirst) return outputs;
  return outputs.map((o, i) => (o ? transpose(g, o, i === 0 ? [2, 0, 1, 3] : [1, 0, 2]) : ""));
}

/** A trailing run of absent inputs is left out. */
const trimmed = (inputs: string[]): string[] => inputs.slice(0, inputs.findLastIndex((i) => i !== "") + 1);

const clipOf = (n: OnnxNode): number => n.float("clip", 0);

function lstm(n: OnnxNode, g: GraphBuilder, w = n.input(1), r = n.input(2)): string[] {
  const form = formOf(n, g, w, 4), { H, D, direction, x } = form, bias = summedBias(n, g, 4 * H);
  const gates = (t: string) => (t ? reorderBlocks(g, t, 1, lstmOrder) : "");
  const inputs = [x, gates(w), gates(r), gates(bias), stateOf(n, g, 5, form), stateOf(n, g, 6, form), n.optional(7), lengthsOf(n, g, form)];
  const peephole = n.optional(7);
  if (peephole && g.shape(peephole).join() !== [D, 3 * H].join())
    misfit(g, `peepholes have shape [${g.shape(peephole).join(",")}], expected [${D},${3 * H}]`);
  const outputs = outputNames(g, n, 3);
  g.add("lstm", trimmed(inputs), {
    direction, hidden: H, clip: clipOf(n), inputForget: n.int("input_forget", 0) !== 0, activations: activationsOf(n, g, ["Sigmoid", "Tanh", "Tanh"], D),
  }, outputs);
  return finish(g, outputs, form);
}

function gru(n: OnnxNode, g: GraphBuilder): string[] {
  const form = formOf(n, g, n.input(1), 3), { H, D, direction, x } = form, bias = n.optional(3);
  if (bias) checkBias(g, bias, 6 * H);
  const outputs = outputNames(g, n, 2);
  g.add("gru", trimmed([x, n.input(1), n.input(2), bias, stateOf(n, g, 5, form), lengthsOf(n, g, form)]), {
    direction, hidden: H, clip: clipOf(n), linearBeforeReset: n.int("linear_before_reset", 0) !== 0, activations: activationsOf(n, g, ["Sigmoid", "Tanh"], D),
  }, outputs);
  return finish(g, outputs, form);
}

function rnn(n: OnnxNode, g: GraphBuilder): string[] {
  const form = formOf(n, g, n.input(1), 1), { H, D, direction, x } = form, outputs = outputNames(g, n, 2);
  const inputs = [x, n.input(1), n.input(2), summedBias(n, g, H), stateOf(n, g, 5, form), lengthsOf(n, g, form)];
  g.add("rnn", trimmed(inputs), { direction, hidden: H, clip: clipOf(n), activations: activationsOf(n, g, ["Tanh"], D) }, outputs);
  return finish(g, outputs, form);
}

/**
 * com.microsoft: an LSTM whose weights are integers, w [D,I,4H] and r [D,H,4H], each with scale and zero point per
 * direction, or per direction and column. Activations stay float: their quantization is the converter's own.
 */
function dynamicQuantizeLstm(n: OnnxNode, g: GraphBuilder): string[] {
  return lstm(n, g, columnWeights(n, g, 1, 8), columnWeights(n, g, 2, 10));
}

/** q [D,K,4H] with parameters at input `scale` and the next → real [D,4H,K] */
function columnWeights(n: OnnxNode, g: GraphBuilder, q: number, scale: number): string {
  const t = tensorOf(g.graph, n.input(q)), data = constantValue(g, n.input(q)), scales = constantValue(g, n.input(scale));
  const zeros = constantValue(g, n.input(scale + 1));
  if (!data || !scales || !zeros || t.shape.length !== 3 || zeros.length !== scales.length)
    return g.fail("weights, scales and zero points must be constants of the same form", "", "ERR_OCTAVO_OPERATOR");
  const [D, K, G] = t.shape as [number, number, number], quantization = quantizationOf(scales, zeros, D, G);
  if (!quantization) return g.constant(t.name, "float32", [D, G, K], dequantized(data, scales, zeros, D, K, G));
  const named = g.constant(t.name, t.dtype, t.shape, data, quantization);
  return permuteWeights(g, g.add("dequantize", [named], {}), [0, 2, 1]);
}

/** One axis can carry scales; per direction and column only where there is one direction. */
function quantizationOf(scales: TypedArray, zeros: TypedArray, D: number, G: number): Quantization | undefined {
  const axis = scales.length === 1 || scales.length === D ? 0 : D === 1 && scales.length === G ? 2 : -1;
  return axis < 0 ? undefined : { scale: Float32Array.from(scales), zeroPoint: Int32Array.from(zeros), axis };
}

/** [D,K,G] with parameters [D,G] → real [D,G,K] */
function dequantized(q: TypedArray, scales: TypedArray, zeros: TypedArray, D: number, K: number, G: number): Float32Array {
  const real = new Float32Array(D * K * G);
  for (let d = 0; d < D; d++) for (let k = 0; k < K; k++) for (let j = 0; j < G; j++) {
    const at = d * G + j;
    real[at * K + k] = (q[(d * K + k) * G + j]! - (zeros[at] ?? 0)) * (scales[at] ?? 0);
  }
  return real;
}

export const recurrent: Operators = { LSTM: (n, g) => lstm(n, g), GRU: gru, RNN: rnn };
export const recurrentContrib: Operators = { DynamicQuantizeLSTM: dynamicQuantizeLstm };
