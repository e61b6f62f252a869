/** Operators over whole axes: reductions, softmax, normalization, arg max, top k. */
import { sizeOf } from "../../ir/graph.ts";
import { noClamp, type ReduceOp } from "../../ir/ops.ts";
import { clampOf, type OperatorTable, type TfliteNode } from "./node.ts";
import { options } from "./schema.ts";
import { dtypeOf, quantizationOf } from "./tensors.ts";

const reduction = (op: ReduceOp) => (n: TfliteNode): void => {
  const x = n.input(0);
  n.emit(op, [x], { axes: axesOf(n, n.integers(1), n.shape(x).length), keepDims: options.reducer(n.operator).keepDims });
};

const arg = (op: "argMax" | "argMin") => (n: TfliteNode): void => {
  const x = n.stored(0);
  const axis = n.axis(n.integers(1)[0] ?? n.damaged("it names no axis"), n.shape(x).length);
  indices(n, n.step(op, [x], { axis, keepDims: false, selectLast: false }), 0);
};

/** Indices have the width that the file says. */
function indices(n: TfliteNode, wide: string, which: number): void {
  n.emit("cast", [wide], { to: n.target(which).type === "int64" ? "int64" : "int32" }, which);
}

export const reductions: OperatorTable = {
  MEAN: reduction("reduceMean"), SUM: reduction("reduceSum"), REDUCE_PROD: reduction("reduceProd"), REDUCE_MAX: reduction("reduceMax"),
  REDUCE_MIN: reduction("reduceMin"), REDUCE_ANY: reduction("reduceMax"), REDUCE_ALL: reduction("reduceMin"),
  ARG_MAX: arg("argMax"), ARG_MIN: arg("argMin"),
  SOFTMAX: softmax, LOG_SOFTMAX: (n) => { const x = n.input(0); n.emit("logSoftmax", [x], { axis: lastAxis(n, x) }); },
  L2_NORMALIZATION: l2Normalization, LOCAL_RESPONSE_NORMALIZATION: localResponse,
  CUMSUM: cumsum, TOPK_V2: topK,
};

/** Axes in order, each once. */
export function axesOf(n: TfliteNode, axes: number[], rank: number): number[] {
  return [...new Set(axes.map((a) => n.axis(a, rank)))].sort((a, b) => a - b);
}

const lastAxis = (n: TfliteNode, x: string): number => n.axis(-1, n.shape(x).length);

/** softmax(beta · x) over the last axis. Integers stay as they are: beta goes into their scale. */
function softmax(n: TfliteNode): void {
  const { beta } = options.softmax(n.operator);
  const x = n.input(0), q = n.quantization(x);
  const scaled = beta === 1 ? x : n.step("affine", [x], { alpha: beta, beta: 0 }, q && { ...q, scale: q.scale.map((s) => s * beta) });
  n.emit("softmax", [scaled], { axis: lastAxis(n, x) });
}

/** x / max(‖x‖, 10⁻⁶) over the last axis. */
function l2Normalization(n: TfliteNode): void {
  const x = n.real(0);
  const length = n.step("reduceL2", [x], { axes: [lastAxis(n, x)], keepDims: true });
  const divisor = n.step("clip", [length], { alpha: 1e-6, beta: Infinity });
  n.emit("div", [x, divisor], { clamp: clampOf(n, options.l2Norm(n.operator).activation) });
}

/** x · (bias + alpha · Σ x² over `radius` channels on both sides)^−beta; the sum is an average pool along the channels. */
function localResponse(n: TfliteNode): void {
  const { radius, bias, alpha, beta } = options.localResponseNormalization(n.operator);
  const x = n.real(0), shape = n.shape(x), C = shape.at(-1) ?? n.damaged("its input has no axes"), taps = 2 * radius + 1;
  if (radius < 0 || radius > C) n.damaged(`its radius is ${radius}, expected 0 to ${C}`);
  const squares = n.reshape(n.step("mul", [x, x], { clamp: noClamp }), [1, sizeOf(shape) / C, C, 1]);
  const window = { kernel: [1, taps], stride: [1, 1], dilation: [1, 1], pad: [0, radius, 0, radius] };
  const mean = n.step("averagePool2d", [squares], { ...window, countIncludePad: true, clamp: noClamp });
  const sum = n.step("affine", [n.reshape(mean, shape)], { alpha: alpha * taps, beta: bias });
  const power = n.step("pow", [sum, n.graph.scalar(-beta)], { clamp: noClamp });
  n.emit("mul", [x, power], { clamp: noClamp });
}

function cumsum(n: TfliteNode): void {
  const x = n.input(0), { exclusive, reverse } = options.cumsum(n.operator);
  n.emit("cumSum", [x], { axis: n.axis(n.integers(1)[0] ?? n.damaged("it names no axis"), n.shape(x).length), exclusive, reverse });
}

/** → values, indices */
function topK(n: TfliteNode): void {
  const x = n.input(0), shape = n.shape(x), axis = lastAxis(n, x), k = n.integers(1)[0] ?? -1;
  if (k < 0 || k > shape[axis]!) n.damaged(`k is ${k}, expected 0 to ${shape[axis]}`);
  const found = n.fresh(`${n.outputName()}_indices`), q = quantizationOf(n.target());
  n.name(n.graph.add("topK", [x], { axis, k, largest: true }, [n.fresh(n.outputName()), found], q && { dtype: dtypeOf(n.target()), quantization: q }));
  indices(n, found, 1);
}
