/** Reductions, softmax and what orders elements. */
import type { GraphBuilder } from "../../../ir/builder.ts";
import { freshName } from "../../../ir/graph.ts";
import type { ReduceOp } from "../../../ir/ops.ts";
import { affine, axesOf, axisOf, binary, cast, mul, range, rankOf, reduce, sub, toFloat, unary } from "../../onnx/write.ts";
import type { AtenNode, Operator } from "../aten-node.ts";

/** No axes stand for all of them. */
const axes = (n: AtenNode, g: GraphBuilder): number[] => {
  const rank = rankOf(g, n.tensor("self")), asked = n.has("dim") ? n.ints("dim") : [];
  return asked.length ? axesOf(g, asked, rank) : range(rank);
};
const by = (op: ReduceOp): Operator => (n, g) => reduce(g, op, toFloat(g, n.tensor("self")), axes(n, g), n.bool("keepdim"));
const last = (n: AtenNode, g: GraphBuilder): number => axisOf(g, n.int("dim", -1), rankOf(g, n.tensor("self")));
const soft = (op: "softmax" | "logSoftmax"): Operator => (n, g) => g.add(op, [n.tensor("self")], { axis: last(n, g) });
const arg = (n: AtenNode, g: GraphBuilder, op: "argMax" | "argMin"): string => {
  const flat = !n.has("dim");
  const x = flat ? g.add("reshape", [n.tensor("self")], { shape: [g.shape(n.tensor("self")).reduce((a, d) => a * d, 1)] }) : n.tensor("self");
  return g.add(op, [x], { axis: flat ? 0 : axisOf(g, n.int("dim"), rankOf(g, x)), keepDims: n.bool("keepdim"), selectLast: false });
};
/** Along one axis with the places, over everything, or of two tensors. */
const extreme = (op: "reduceMax" | "reduceMin", place: "argMax" | "argMin"): Operator => (n, g) => {
  if (n.has("other")) return binary(g, op === "reduceMax" ? "max" : "min", n.tensor("self"), n.tensor("other"));
  return n.results > 1 ? [by(op)(n, g) as string, arg(n, g, place)] : by(op)(n, g);
};
/** Of truth values: what is not zero. */
const quantifier = (op: "reduceMax" | "reduceMin"): Operator => (n, g) =>
  cast(g, reduce(g, op, toFloat(g, cast(g, n.tensor("self"), "bool")), axes(n, g), n.bool("keepdim")), "bool");

export const reductions: Record<string, Operator> = {
  mean: by("reduceMean"), sum: by("reduceSum"), amax: by("reduceMax"), amin: by("reduceMin"), prod: by("reduceProd"),
  logsumexp: by("reduceLogSumExp"),
  max: extreme("reduceMax", "argMax"), min: extreme("reduceMin", "argMin"), argmax: (n, g) => arg(n, g, "argMax"),
  argmin: (n, g) => arg(n, g, "argMin"),
  softmax: soft("softmax"), _softmax: soft("softmax"), log_softmax: soft("logSoftmax"), _log_softmax: soft("logSoftmax"),
  var: variance, std: (n, g) => unary(g, "sqrt", variance(n, g)), linalg_vector_norm: norm, norm,
  any: quantifier("reduceMax"), all: quantifier("reduceMin"),
  cumsum: (n, g) => g.add("cumSum", [n.tensor("self")], { axis: last(n, g), exclusive: false, reverse: false }),
  topk: (n, g) => ordered(n, g, n.int("k"), n.bool("largest", true)),
  sort: (n, g) => ordered(n, g, g.shape(n.tensor("self"))[last(n, g)]!, n.bool("descending")),
  argsort: (n, g) => ordered(n, g, g.shape(n.tensor("self"))[last(n, g)]!, n.bool("descending"))[1]!,
  aminmax: (n, g) => [by("reduceMin")(n, g), by("reduceMax")(n, g)],
  cosine_similarity: (n, g) => {
    const [a, b] = [n.tensor("x1"), n.tensor("x2")], axis = axisOf(g, n.int("dim", 1), Math.max(rankOf(g, a), rankOf(g, b)));
    const length = (x: string) => unary(g, "clip", reduce(g, "reduceL2", x, [axis], false), n.number("eps", 1e-8), Infinity);
    return binary(g, "div", reduce(g, "reduceSum", mul(g, a, b), [axis], false), mul(g, length(a), length(b)));
  },
  pairwise_distance: (n, g) => {
    const d = affine(g, sub(g, n.tensor("x1"), n.tensor("x2")), 1, n.number("eps", 1e-6)), order = n.number("p", 2);
    if (order !== 1 && order !== 2) g.fail(`it is the distance of order ${order}, expected 1 or 2`, "Use the distance of order 2.");
    return reduce(g, order === 1 ? "reduceL1" : "reduceL2", d, [rankOf(g, d) - 1], n.bool("keepdim"));
  },
};

/** The `k` largest or smallest, in order, and where they stand. */
function ordered(n: AtenNode, g: GraphBuilder, k: number, largest: boolean): string[] {
  const outputs = ["values", "indices"].map((part) => freshName(g.graph, `${n.tensor("self")}_ordered_${part}`));
  g.add("topK", [n.tensor("self")], { axis: last(n, g), k, largest }, outputs);
  return outputs;
}

/** Σ (x − mean)² / (n − correction) */
function variance(n: AtenNode, g: GraphBuilder): string {
  const x = n.tensor("self"), over = axes(n, g), count = over.reduce((c, a) => c * g.shape(x)[a]!, 1);
  const correction = n.has("unbiased") ? Number(n.bool("unbiased")) : n.number("correction", 1);
  const d = sub(g, x, reduce(g, "reduceMean", x, over, true));
  return affine(g, reduce(g, "reduceSum", mul(g, d, d), over, n.bool("keepdim")), 1 / Math.max(count - correction, 0), 0);
}

function norm(n: AtenNode, g: GraphBuilder): string {
  const order = n.number(n.has("ord") ? "ord" : "p", 2);
  if (order !== 1 && order !== 2) g.fail(`it is the norm of order ${order}, expected 1 or 2`, "Use the norm of order 2.");
  return by(order === 1 ? "reduceL1" : "reduceL2")(n, g) as string;
}
