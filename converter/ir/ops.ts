/**
 * The operators of the graph: arity, attributes, shape rule. Semantics follow ONNX unless said otherwise; `eval.ts` is
 * their definition in code. An operator that can be written with these is written with these, by the reader.
 */
import { sizeOf, type DType } from "./graph.ts";
import { trainOps, type TrainAttributes } from "./ops.train.ts";
import { fail, show, spatial, type Inputs, type OpRule, type Result, type Window } from "./shapes.ts";

/** Bounds of a fused ReLU-like activation, real numbers, ±Infinity where there is none. */
export type Clamp = [min: number, max: number];
/** Integers of a symmetric range about 0, or of the values' own range; byChannel: of that, and the scales of the weights come first. */
export type Hybrid = "symmetric" | "asymmetric" | "byChannel";
/** `activations`: elementwise operators with their parameters, per direction, in ONNX order (lstm: gates, cell, hidden; gru: gates, hidden; rnn: hidden). */
interface Recurrent { direction: "forward" | "reverse" | "bidirectional"; hidden: number; activations: RecurrentActivation[]; clip: number }
export interface RecurrentActivation { fn: ActivationOp; alpha: number; beta: number }

/** y = f(x), one element at a time; alpha and beta as ONNX defines them for that operator. */
export const unaryOps = [
  "clip", // min alpha, max beta: relu is clip(0, Infinity), relu6 clip(0, 6)
  "leakyRelu", "elu", "selu", "celu", "sigmoid", "tanh", "hardSigmoid", // alpha · x + beta
  "hardSwish", "swish", // x · sigmoid(alpha · x)
  "gelu", "geluTanh", "mish", "softplus", "softsign", "thresholdedRelu", "exp", "log", "sqrt", "abs", "neg", "reciprocal",
  "erf", "ceil", "floor", "round", "sign", "not", "sin", "cos", "isNan", "isInf",
  "affine", // alpha · x + beta
  "truncate", // towards zero: a cast to an integer type
  "rsqrt", // 1 / √x of integers, whose kernels round it as a whole; of floats a reader writes sqrt and reciprocal
] as const;
export type UnaryOp = (typeof unaryOps)[number];
/** Those that recurrent layers may have. */
export type ActivationOp = Exclude<UnaryOp, "rsqrt">;
export const activationOps: readonly string[] = unaryOps.filter((op) => op !== "rsqrt");

/** y = f(a, b), broadcast as in NumPy. */
export const binaryOps = [
  "add", "sub", "mul", "div", "pow", "min", "max", "prelu", // x, slope
  "equal", "greater", "greaterOrEqual", "less", "lessOrEqual", "and", "or", "xor",
  "mod", // sign of the divisor
  "fmod", // sign of the dividend
  "atan2",
  "squaredDifference", // (a − b)² of integers, as rsqrt
] as const;
export type BinaryOp = (typeof binaryOps)[number];
const comparisons = new Set<string>(["equal", "greater", "greaterOrEqual", "less", "lessOrEqual", "and", "or", "xor"]);

export const reduceOps = ["reduceSum", "reduceMean", "reduceMax", "reduceMin", "reduceProd", "reduceL1", "reduceL2", "reduceSumSquare", "reduceLogSumExp"] as const;
export type ReduceOp = (typeof reduceOps)[number];

export interface OpAttributes extends Record<UnaryOp, { alpha: number; beta: number }>, Record<BinaryOp, { clamp: Clamp }>,
  Record<ReduceOp, { axes: number[]; keepDims: boolean }>, TrainAttributes {
  /** x [N,H,W,C] · w [O,KH,KW,C/groups] · b [O]? → [N,OH,OW,O]; hybrid: each x[n] as below */
  conv2d: Window & { groups: number; clamp: Clamp; hybrid?: Hybrid };
  /** x [N,H,W,C] · w [O,KH,KW,C/groups] · b [O]? ; `pad` crops the full result, `outputPadding` [h,w] extends its end. */
  convTranspose2d: Window & { groups: number; outputPadding: number[]; clamp: Clamp; hybrid?: Hybrid };
  /** x [...,I] · w [O,I] · b [O]? → [...,O]; hybrid: each row of a float x becomes int8 in every run, w is int8. */
  dense: { clamp: Clamp; hybrid?: Hybrid };
  /** a [...,M,K] · b [...,K,N], leading axes broadcast; both may be activations. */
  matmul: Record<never, never>;
  maxPool2d: Window & { kernel: number[]; clamp: Clamp };
  averagePool2d: Window & { kernel: number[]; countIncludePad: boolean; clamp: Clamp };
  /**
   * x [T,N,I] · w [D,4H,I] · r [D,4H,H] · b [D,4H]? · h0 [D,N,H]? · c0 [D,N,H]? · peephole [D,3H]? (i,o,f) · lengths [N]?
   * → y [T,D,N,H], h [D,N,H], c [D,N,H]; an unused output is "". `inputForget`: f = 1 − i. `cellClip`: |c| ≤ cellClip.
   */
  lstm: Recurrent & { inputForget: boolean; cellClip?: number };
  /** x [T,N,I] · w [D,3H,I] · r [D,3H,H] · b [D,6H]? (of w, then of r) · h0 [D,N,H]? · lengths [N]? → y [T,D,N,H], h [D,N,H] */
  gru: Recurrent & { linearBeforeReset: boolean };
  /** x [T,N,I] · w [D,H,I] · r [D,H,H] · b [D,H]? · h0 [D,N,H]? · lengths [N]? → y [T,D,N,H], h [D,N,H] */
  rnn: Recurrent;
  softmax: { axis: number };
  logSoftmax: { axis: number };
  /** x · scale [C] · bias [C] · mean [C] · variance [C], C at `axis` */
  batchNorm: { axis: number; epsilon: number };
  /** (x − mean) / sqrt(variance + epsilon) over `axes`: the core of layer, instance and group normalization. */
  normalize: { axes: number[]; epsilon: number };
  reshape: { shape: number[] };
  transpose: { perm: number[] };
  /** y[i] = x[start + i · step] per axis; all three have one entry per axis, starts in range, steps not zero. */
  slice: { starts: number[]; steps: number[]; sizes: number[] };
  concat: { axis: number };
  /** Negative amounts crop. */
  pad: { before: number[]; after: number[]; mode: "constant" | "reflect" | "edge" | "wrap"; value: number };
  /** NumPy broadcast to `shape`. */
  expand: { shape: number[] };
  tile: { repeats: number[] };
  /** data, indices: negative indices count from the end. */
  gather: { axis: number };
  gatherElements: { axis: number };
  gatherNd: { batchDims: number };
  /** data, indices, updates */
  scatterElements: { axis: number; reduction: "none" | "add" | "mul" | "max" | "min" };
  /** condition, a, b: broadcast */
  where: Record<never, never>;
  /** Each output index of `axis` is Σ taps: y[o] = Σt weights[o·taps+t] · x[indices[o·taps+t]]. All resizing is this, per axis. */
  resample: { axis: number; taps: number; indices: number[]; weights: number[] };
  argMax: { axis: number; keepDims: boolean; selectLast: boolean };
  argMin: { axis: number; keepDims: boolean; selectLast: boolean };
  cumSum: { axis: number; exclusive: boolean; reverse: boolean };
  /** → values, indices */
  topK: { axis: number; k: number; largest: boolean };
  cast: { to: DType };
  /** float → integer, by the output's quantization. */
  quantize: Record<never, never>;
  /** integer → float, by the input's quantization. */
  dequantize: Record<never, never>;
  /** integer → integer of another quantization. */
  requantize: Record<never, never>;
  /** x int8 · table int8 [256] → y = table[x + 128]: any function of one int8 tensor, by its stored values. */
  lut: Record<never, never>;
}

export type OpName = keyof OpAttributes;
export type Attributes<K extends OpName = OpName> = OpAttributes[K];
export const noClamp: Clamp = [-Infinity, Infinity];

/** Whether an operator leaves its result as it is: it has no clamp, or one without bounds. */
export function isUnclamped({ attributes }: { attributes: object }): boolean {
  const [lo, hi] = (attributes as { clamp?: Clamp }).clamp ?? noClamp;
  return lo === -Infinity && hi === Infinity;
}

export type { Inputs, OpRule, Result } from "./shapes.ts";

const same = (_: unknown, [x]: Inputs): Result[] => [{ dtype: x!.dtype, shape: [...x!.shape] }];

/** NumPy's broadcast of several shapes. */
export function broadcastShapes(...shapes: (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, axis) => {
    let size = 1;
    for (const s of shapes) {
      const d = s[axis - rank + s.length] ?? 1;
      if (d !== 1 && size !== 1 && d !== size) fail(`shapes ${shapes.map(show).join(" and ")} do not broadcast`);
      if (d !== 1) size = d;
    }
    return size;
  });
}

function conv2d(a: OpAttributes["conv2d"], [x, w]: Inputs): Result[] {
  const [O, KH, KW, Cg] = w!.shape as [number, number, number, number];
  const [oh, ow] = spatial(x!, [KH, KW], a);
  if (Cg * a.groups !== x!.shape[3] || O % a.groups) fail(`weights ${show(w!.shape)} with ${a.groups} groups do not fit input ${show(x!.shape)}`);
  return [{ dtype: x!.dtype, shape: [x!.shape[0]!, oh, ow, O] }];
}

function convTranspose2d(a: OpAttributes["convTranspose2d"], [x, w]: Inputs): Result[] {
  if (x!.shape.length !== 4) fail(`input has shape ${show(x!.shape)}, expected [N,H,W,C]`);
  const [O, KH, KW, Cg] = w!.shape as [number, number, number, number];
  if (Cg * a.groups !== x!.shape[3]) fail(`weights ${show(w!.shape)} with ${a.groups} groups do not fit input ${show(x!.shape)}`);
  const size = (axis: 0 | 1, kernel: number) =>
    a.stride[axis]! * (x!.shape[1 + axis]! - 1) + a.dilation[axis]! * (kernel - 1) + 1 - a.pad[axis]! - a.pad[axis + 2]! + a.outputPadding[axis]!;
  const oh = size(0, KH), ow = size(1, KW);
  if (oh < 1 || ow < 1) fail(`padding ${show(a.pad)} leaves nothing of the output`);
  return [{ dtype: x!.dtype, shape: [x!.shape[0]!, oh, ow, O] }];
}

function dense(_: OpAttributes["dense"], [x, w]: Inputs): Result[] {
  const [O, I] = w!.shape as [number, number];
  if (x!.shape.at(-1) !== I) fail(`input ${show(x!.shape)} does not end in the ${I} columns of the weights ${show(w!.shape)}`);
  return [{ dtype: x!.dtype, shape: [...x!.shape.slice(0, -1), O] }];
}

function matmul(_: unknown, [a, b]: Inputs): Result[] {
  const [M, K] = a!.shape.slice(-2), [K2, N] = b!.shape.slice(-2);
  if (a!.shape.length < 2 || b!.shape.length < 2 || K !== K2) fail(`shapes ${show(a!.shape)} and ${show(b!.shape)} do not multiply`);
  return [{ dtype: a!.dtype, shape: [...broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2)), M!, N!] }];
}

const pool = (a: Window & { kernel: number[] }, [x]: Inputs): Result[] =>
  [{ dtype: x!.dtype, shape: [x!.shape[0]!, ...spatial(x!, a.kernel, a), x!.shape[3]!] }];

const recurrent = (gates: number, states: number) => (a: Recurrent, [x, w, r]: Inputs): Result[] => {
  const D = a.direction === "bidirectional" ? 2 : 1, H = a.hidden;
  if (x!.shape.length !== 3) fail(`input has shape ${show(x!.shape)}, expected [T,N,I]`);
  const [T, N, I] = x!.shape as [number, number, number];
  if (show(w!.shape) !== show([D, gates * H, I])) fail(`input weights are ${show(w!.shape)}, expected ${show([D, gates * H, I])}`);
  if (show(r!.shape) !== show([D, gates * H, H])) fail(`recurrent weights are ${show(r!.shape)}, expected ${show([D, gates * H, H])}`);
  const state = { dtype: x!.dtype, shape: [D, N, H] };
  return [{ dtype: x!.dtype, shape: [T, D, N, H] }, ...Array.from({ length: states }, () => ({ ...state }))];
};

const broadcast = (dtype?: DType) => (_: unknown, [a, b]: Inputs): Result[] =>
  [{ dtype: dtype ?? a!.dtype, shape: broadcastShapes(a!.shape, b!.shape) }];

/** Axes are in 0 … rank − 1 already. */
const reduced = (shape: readonly number[], axes: readonly number[], keepDims: boolean): number[] =>
  shape.flatMap((d, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [d]));

function reshape(a: OpAttributes["reshape"], [x]: Inputs): Result[] {
  if (sizeOf(a.shape) !== sizeOf(x!.shape)) fail(`${show(x!.shape)} cannot become ${show(a.shape)}`);
  return [{ dtype: x!.dtype, shape: [...a.shape] }];
}

function concat(a: OpAttributes["concat"], inputs: Inputs): Result[] {
  const shape = [...inputs[0]!.shape];
  for (const x of inputs.slice(1)) {
    if (x!.shape.some((d, i) => i !== a.axis && d !== shape[i]) || x!.shape.length !== shape.length) fail(`shapes ${inputs.map((t) => show(t!.shape)).join(" and ")} do not join along axis ${a.axis}`);
    shape[a.axis]! += x!.shape[a.axis]!;
  }
  return [{ dtype: inputs[0]!.dtype, shape }];
}

const arg = (a: { axis: number; keepDims: boolean }, [x]: Inputs): Result[] => [{ dtype: "int64", shape: reduced(x!.shape, [a.axis], a.keepDims) }];

function topK(a: OpAttributes["topK"], [x]: Inputs): Result[] {
  const shape = x!.shape.map((d, i) => (i === a.axis ? a.k : d));
  return [{ dtype: x!.dtype, shape }, { dtype: "int64", shape: [...shape] }];
}

const quantized = (dtype: DType) => (_: unknown, [x]: Inputs): Result[] => [{ dtype, shape: [...x!.shape] }];

const unary = { inputs: [1, 1] as [number, number], infer: same };
const predicates = new Set<string>(["not", "isNan", "isInf"]);
const each = <K extends string, V>(names: readonly K[], of: (name: K) => V) => Object.fromEntries(names.map((n) => [n, of(n)])) as Record<K, V>;

/** `quantize` and `requantize` give int8; the caller sets another dtype on the tensor where it wants one. */
export const ops: { [K in OpName]: OpRule<OpAttributes[K]> } = {
  ...each(unaryOps, (op) => (predicates.has(op) ? { ...unary, infer: quantized("bool") } : unary)),
  ...each(binaryOps, (op) => ({ inputs: [2, 2] as [number, number], infer: broadcast(comparisons.has(op) ? "bool" : undefined) })),
  ...each(reduceOps, () => ({
    inputs: [1, 1] as [number, number],
    infer: (a: { axes: number[]; keepDims: boolean }, [x]: Inputs): Result[] => [{ dtype: x!.dtype, shape: reduced(x!.shape, a.axes, a.keepDims) }],
  })),
  conv2d: { inputs: [2, 3], infer: conv2d },
  convTranspose2d: { inputs: [2, 3], infer: convTranspose2d },
  dense: { inputs: [2, 3], infer: dense },
  matmul: { inputs: [2, 2], infer: matmul },
  maxPool2d: { inputs: [1, 1], infer: pool },
  averagePool2d: { inputs: [1, 1], infer: pool },
  lstm: { inputs: [3, 8], infer: recurrent(4, 2) },
  gru: { inputs: [3, 6], infer: recurrent(3, 1) },
  rnn: { inputs: [3, 6], infer: recurrent(1, 1) },
  softmax: unary,
  logSoftmax: unary,
  batchNorm: { inputs: [5, 5], infer: same },
  normalize: unary,
  reshape: { inputs: [1, 1], infer: reshape },
  transpose: { inputs: [1, 1], infer: (a, [x]) => [{ dtype: x!.dtype, shape: a.perm.map((p) => x!.shape[p]!) }] },
  slice: { inputs: [1, 1], infer: (a, [x]) => [{ dtype: x!.dtype, shape: [...a.sizes] }] },
  concat: { inputs: [1, Infinity], infer: concat },
  pad: { inputs: [1, 1], infer: (a, [x]) => [{ dtype: x!.dtype, shape: x!.shape.map((d, i) => d + a.before[i]! + a.after[i]!) }] },
  expand: { inputs: [1, 1], infer: (a, [x]) => [{ dtype: x!.dtype, shape: broadcastShapes(x!.shape, a.shape) }] },
  tile: { inputs: [1, 1], infer: (a, [x]) => [{ dtype: x!.dtype, shape: x!.shape.map((d, i) => d * a.repeats[i]!) }] },
  gather: {
    inputs: [2, 2],
    infer: (a, [x, i]) => [{ dtype: x!.dtype, shape: [...x!.shape.slice(0, a.axis), ...i!.shape, ...x!.shape.slice(a.axis + 1)] }],
  },
  gatherElements: { inputs: [2, 2], infer: (_, [x, i]) => [{ dtype: x!.dtype, shape: [...i!.shape] }] },
  gatherNd: {
    inputs: [2, 2],
    infer: (a, [x, i]) => [{ dtype: x!.dtype, shape: [...i!.shape.slice(0, -1), ...x!.shape.slice(a.batchDims + i!.shape.at(-1)!)] }],
  },
  scatterElements: { inputs: [3, 3], infer: same },
  where: { inputs: [3, 3], infer: (_, [c, a, b]) => [{ dtype: a!.dtype, shape: broadcastShapes(c!.shape, a!.shape, b!.shape) }] },
  resample: { inputs: [1, 1], infer: (a, [x]) => [{ dtype: x!.dtype, shape: x!.shape.map((d, i) => (i === a.axis ? a.indices.length / a.taps : d)) }] },
  argMax: { inputs: [1, 1], infer: arg },
  argMin: { inputs: [1, 1], infer: arg },
  cumSum: unary,
  topK: { inputs: [1, 1], infer: topK },
  cast: { inputs: [1, 1], infer: (a, [x]) => [{ dtype: a.to, shape: [...x!.shape] }] },
  quantize: { inputs: [1, 1], infer: quantized("int8") },
  dequantize: { inputs: [1, 1], infer: quantized("float32") },
  requantize: { inputs: [1, 1], infer: quantized("int8") },
  lut: { inputs: [2, 2], infer: (_, [x, table]) => [{ dtype: table!.dtype, shape: [...x!.shape] }] },
  ...trainOps,
};
