/** Functions along axes: sums, extremes, places, softmax, norms, pooling, products. */
import { noClamp, type ReduceOp } from "../../ir/ops.ts";
import { einsum } from "../onnx/linear.ts";
import { affine, axesOf, axisOf, cast, div, matmul, mul, range, rankOf, reduce, sub, toFloat, unary } from "../onnx/write.ts";
import { tensorsIn, type Layer, type LayerFunction } from "./layer.ts";
import { numbers, setting, tensor } from "./arguments.ts";
import { asImage, twoOf, padding } from "./spatial.ts";

const plainReduce: Record<string, ReduceOp> = {
  Mean: "reduceMean", Sum: "reduceSum", Max: "reduceMax", Min: "reduceMin", Amax: "reduceMax", Amin: "reduceMin", Prod: "reduceProd",
  Logsumexp: "reduceLogSumExp",
};

/** Axes at argument `index`; none means all. */
function axesAt(l: Layer, x: string, index = 1, name = "axis"): number[] {
  const axes = setting(l, index, name);
  return axes === undefined || axes === null ? range(rankOf(l.g, x)) : axesOf(l.g, numbers(l, axes), rankOf(l.g, x));
}
const keeps = (l: Layer): boolean => setting(l, 2, "keepdims") === true;
const axisAt = (l: Layer, x: string, otherwise: number): number => axisOf(l.g, Number(setting(l, 1, "axis") ?? otherwise), rankOf(l.g, x));

const reduced = (op: ReduceOp): LayerFunction => (l) => {
  const x = toFloat(l.g, tensor(l, 0, "input_tensor"));
  return reduce(l.g, op, x, axesAt(l, x), keeps(l));
};
const ofBools = (op: ReduceOp): LayerFunction => (l) => cast(l.g, reduced(op)(l, []) as string, "bool");
const along = (op: "softmax" | "logSoftmax"): LayerFunction => (l) => l.g.add(op, [tensor(l, 0, "x")], { axis: axisAt(l, tensor(l, 0, "x"), -1) });

const place = (op: "argMax" | "argMin"): LayerFunction => (l) => {
  const x = tensor(l, 0, "x");
  if ((setting(l, 1, "axis") ?? null) === null) l.g.fail("it looks at all elements, expected an axis", "Give the axis.");
  return cast(l.g, l.g.add(op, [x], { axis: axisAt(l, x, -1), keepDims: keeps(l), selectLast: false }), "int32");
};

/** Mean of the squared distances from the mean. */
function variance(l: Layer): string {
  const x = toFloat(l.g, tensor(l, 0, "x")), axes = axesAt(l, x), centred = sub(l.g, x, reduce(l.g, "reduceMean", x, axes, true));
  return reduce(l.g, "reduceMean", mul(l.g, centred, centred), axes, keeps(l));
}

/** x / max(|x|, 1e-7) */
function normalized(l: Layer): string {
  const x = tensor(l, 0, "x"), axes = axesOf(l.g, numbers(l, setting(l, 1, "axis") ?? -1), rankOf(l.g, x));
  if ((setting(l, 2, "order") ?? 2) !== 2) l.g.fail(`its order is ${JSON.stringify(setting(l, 2, "order"))}, expected 2`, "Use the norm of order 2.");
  return div(l.g, x, unary(l.g, "clip", reduce(l.g, "reduceL2", x, axes, true), 1e-7, Infinity));
}

/** The root of the sum of squares. */
function norm(l: Layer): string {
  const x = tensor(l, 0, "x"), order = setting(l, 1, "ord") ?? null;
  if (order !== null && order !== 2) l.g.fail(`its order is ${JSON.stringify(order)}, expected 2`, "Use the norm of order 2.");
  return reduce(l.g, "reduceL2", x, axesAt(l, x, 2), setting(l, 3, "keepdims") === true);
}

/** Windows of `pool_size`, as far apart as they are wide where `strides` is missing. */
const pooled = (op: "maxPool2d" | "averagePool2d"): LayerFunction => (l) => {
  const x = tensor(l, 0, "inputs"), dims = rankOf(l.g, x) - 2;
  if (dims !== 1 && dims !== 2) l.g.fail(`its input has shape [${l.g.shape(x).join(",")}], expected 3 or 4 axes`, "", "ERR_OCTAVO_SHAPE");
  const sizes = l.config.ints("pool_size", dims), kernel = twoOf(sizes), stride = twoOf(l.config.ints("strides", dims, sizes)), dilation = [1, 1];
  return asImage(l, x, dims as 1 | 2, (image) => {
    const pad = padding(l.config.choice("padding", "valid", ["valid", "same"]), l.g.shape(image).slice(1, 3), { kernel, stride, dilation });
    const window = { kernel, stride, dilation, pad, clamp: noClamp };
    return op === "maxPool2d" ? l.g.add(op, [image], window) : l.g.add(op, [image], { ...window, countIncludePad: false });
  });
};

export const reducingOperations: Record<string, LayerFunction> = {
  ...Object.fromEntries(Object.entries(plainReduce).map(([name, op]) => [name, reduced(op)])),
  Any: ofBools("reduceMax"), All: ofBools("reduceMin"), Argmax: place("argMax"), Argmin: place("argMin"),
  Var: variance, Std: (l) => unary(l.g, "sqrt", variance(l)), Norm: norm, Normalize: normalized,
  Softmax: along("softmax"), LogSoftmax: along("logSoftmax"),
  Cumsum: (l) => l.g.add("cumSum", [tensor(l, 0, "x")], { axis: axisAt(l, tensor(l, 0, "x"), 0), exclusive: false, reverse: false }),
  MaxPool: pooled("maxPool2d"), AveragePool: pooled("averagePool2d"),
  Matmul: (l) => matmul(l.g, tensor(l, 0, "a"), tensor(l, 1, "b")),
  Einsum: (l, inputs) => {
    const equation = setting(l, 0, "subscripts");
    return typeof equation === "string" ? einsum(l.g, equation, inputs.length ? inputs : tensorsIn(l.operands)) : l.config.wrong("subscripts", "an equation");
  },
  RMSNorm: (l) => rootMeanSquareNorm(l, tensor(l, 0, "x"), axesOf(l.g, numbers(l, setting(l, 2, "axis") ?? -1), rankOf(l.g, tensor(l, 0, "x")))),
};

/** x / √(mean(x²) + epsilon) */
export function rootMeanSquareNorm(l: Layer, x: string, axes: number[]): string {
  const squares = reduce(l.g, "reduceMean", mul(l.g, x, x), axes, true);
  return div(l.g, x, unary(l.g, "sqrt", affine(l.g, squares, 1, l.config.number("epsilon", 1e-6))));
}
