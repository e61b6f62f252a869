/** What works along axes: reductions, arguments, running sums, softmax. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf } from "../../ir/graph.ts";
import type { ReduceOp } from "../../ir/ops.ts";
import type { Operator, Operators, OnnxNode } from "./node.ts";
import {
  affine, axesOf, axisOf, binary, bounded, cast, constant, dtypeOf, intsOf, misfit, mul, outputNames, range, rankOf, reduce, reshape, scalar, sliceAxis,
  sub, unary, valuesOf,
} from "./write.ts";

/** Axes from an attribute or input 1; none means all, unless `noop_with_empty_axes`. */
function reductionAxes(n: OnnxNode, g: GraphBuilder): number[] {
  const rank = rankOf(g, n.input(0)), axes = intsOf(n, g, "axes", 1) ?? [];
  return axes.length || n.int("noop_with_empty_axes", 0) ? axesOf(g, axes, rank) : range(rank);
}

const reduction = (op: ReduceOp): Operator => (n, g) => {
  const x = n.input(0), isBool = dtypeOf(g, x) === "bool";
  const y = reduce(g, op, isBool ? cast(g, x, "uint8") : x, reductionAxes(n, g), n.int("keepdims", 1) !== 0);
  return isBool ? binary(g, "greater", y, scalar(g, 0, "uint8")) : cast(g, y, dtypeOf(g, x));
};

const logSum: Operator = (n, g) => unary(g, "log", reduce(g, "reduceSum", n.input(0), reductionAxes(n, g), n.int("keepdims", 1) !== 0));

const argument = (op: "argMax" | "argMin"): Operator => (n, g) => {
  const axis = axisOf(g, n.int("axis", 0), rankOf(g, n.input(0)));
  return g.add(op, [n.input(0)], { axis, keepDims: n.int("keepdims", 1) !== 0, selectLast: n.int("select_last_index", 0) !== 0 });
};

function cumSum(n: OnnxNode, g: GraphBuilder): string {
  const axis = axisOf(g, valuesOf(g, n.input(1), "axis")[0]!, rankOf(g, n.input(0)));
  return g.add("cumSum", [n.input(0)], { axis, exclusive: n.int("exclusive", 0) !== 0, reverse: n.int("reverse", 0) !== 0 });
}

/** Running product by doubling: after step s, y[i] = Π x[i − 2ˢ + 1 … i]. */
function cumProd(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), shape = g.shape(x), axis = axisOf(g, valuesOf(g, n.input(1), "axis")[0]!, shape.length), size = shape[axis]!;
  const reverse = n.int("reverse", 0) !== 0, at = (amount: number) => shape.map((_, a) => (a === axis ? amount : 0));
  const shifted = (y: string, by: number) => {
    const kept = sliceAxis(g, y, axis, reverse ? Math.min(by, size) : 0, Math.max(0, size - by)), gap = Math.min(by, size);
    return g.add("pad", [kept], { before: at(reverse ? 0 : gap), after: at(reverse ? gap : 0), mode: "constant", value: 1 });
  };
  let y = n.int("exclusive", 0) ? shifted(x, 1) : x;
  for (let by = 1; by < size; by *= 2) y = mul(g, y, shifted(y, by));
  return y;
}

function topK(n: OnnxNode, g: GraphBuilder): string[] {
  const x = n.input(0), shape = g.shape(x), axis = axisOf(g, n.int("axis", -1), shape.length);
  const k = n.optional(1) ? valuesOf(g, n.input(1), "k")[0]! : n.int("k");
  if (!(k >= 0 && k <= shape[axis]!)) misfit(g, `k is ${k}, axis ${axis} has ${shape[axis]} elements`);
  const outputs = outputNames(g, n, 2);
  g.add("topK", [x], { axis, k, largest: n.int("largest", 1) !== 0 }, outputs);
  return outputs;
}

/** Softmax along `axis`; up to opset 12 over everything from `axis` on. */
const alongAxis = (write: (g: GraphBuilder, x: string, axis: number) => string): Operator => (n, g) => {
  const x = n.input(0), shape = g.shape(x), axis = axisOf(g, n.int("axis", n.opset < 13 ? 1 : -1), shape.length);
  if (n.opset >= 13 || sizeOf(shape.slice(axis + 1)) === 1) return write(g, x, axis);
  return reshape(g, write(g, reshape(g, x, [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))]), 1), shape);
};

/** 1 where the first of the largest values stands, 0 elsewhere. */
function hardmax(g: GraphBuilder, x: string, axis: number): string {
  const shape = g.shape(x), first = g.add("argMax", [x], { axis, keepDims: true, selectLast: false });
  const places = constant(g, "places", "int64", range(bounded(g, shape[axis]!, "the axis")), shape.map((_, a) => (a === axis ? shape[axis]! : 1)));
  return cast(g, binary(g, "equal", first, places), dtypeOf(g, x));
}

/** x / ‖x‖ₚ along `axis`; 0 where the norm is 0. */
function lpNormalization(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), axis = axisOf(g, n.int("axis", -1), rankOf(g, x)), p = n.int("p", 2);
  if (p !== 1 && p !== 2) g.fail(`p is ${p}, expected 1 or 2`);
  const norm = reduce(g, p === 1 ? "reduceL1" : "reduceL2", x, [axis], true);
  return binary(g, "div", x, add0(g, norm));
}

/** A norm of 0 becomes 1: the quotient is 0 then. */
const add0 = (g: GraphBuilder, norm: string): string => binary(g, "add", norm, cast(g, unary(g, "not", cast(g, norm, "bool")), "float32"));

/** (x − mean) / (√variance + 1e-9), over [0,2,3] unless `axes` says otherwise. */
function meanVariance(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), axes = axesOf(g, n.ints("axes") ?? [0, 2, 3], rankOf(g, x));
  const centred = sub(g, x, reduce(g, "reduceMean", x, axes, true));
  const deviation = unary(g, "sqrt", reduce(g, "reduceMean", mul(g, centred, centred), axes, true));
  return binary(g, "div", centred, affine(g, deviation, 1, 1e-9));
}

export const reducing: Operators = {
  ReduceSum: reduction("reduceSum"), ReduceMean: reduction("reduceMean"), ReduceMax: reduction("reduceMax"), ReduceMin: reduction("reduceMin"),
  ReduceProd: reduction("reduceProd"), ReduceL1: reduction("reduceL1"), ReduceL2: reduction("reduceL2"),
  ReduceSumSquare: reduction("reduceSumSquare"), ReduceLogSumExp: reduction("reduceLogSumExp"), ReduceLogSum: logSum,
  ArgMax: argument("argMax"), ArgMin: argument("argMin"), CumSum: cumSum, CumProd: cumProd, TopK: topK,
  Softmax: alongAxis((g, x, axis) => g.add("softmax", [x], { axis })),
  LogSoftmax: alongAxis((g, x, axis) => g.add("logSoftmax", [x], { axis })),
  Hardmax: alongAxis(hardmax),
  LpNormalization: lpNormalization, MeanVarianceNormalization: meanVariance,
};
