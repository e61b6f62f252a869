/** Losses over classes at axis 1: x [N,C,…] · target [N,…]. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Operators, OnnxNode } from "./node.ts";
import { binary, cast, div, dtypeOf, filled, misfit, mul, range, rankOf, reduce, reshape, scalar, toFloat, unary, where } from "./write.ts";

/** −log p of the target's class, weighted; ignored targets count nothing, in the mean's divisor too. */
function likelihood(n: OnnxNode, g: GraphBuilder, logProbability: string): string {
  const shape = g.shape(logProbability), [N, C, ...rest] = shape as [number, number, ...number[]], target = n.input(1);
  const axes = range(shape.length - 1);
  if (g.shape(target).join() !== [N, ...rest].join())
    misfit(g, `targets have shape [${g.shape(target).join(",")}], expected [${[N, ...rest].join(",")}]`);
  const ignored = n.has("ignore_index") ? binary(g, "equal", target, scalar(g, n.int("ignore_index"), dtypeOf(g, target))) : "";
  const safe = ignored ? where(g, ignored, scalar(g, 0, dtypeOf(g, target)), target) : target;
  const picked = g.add("gatherElements", [logProbability, reshape(g, safe, [N, 1, ...rest])], { axis: 1 });
  const weights = weightsOf(n, g, safe, ignored, C), loss = unary(g, "neg", reshape(g, picked, [N, ...rest]));
  const weighted = weights ? mul(g, loss, weights) : loss, reduction = n.string("reduction", "mean");
  if (reduction === "none") return weighted;
  if (reduction !== "mean" && reduction !== "sum") g.fail(`reduction is "${reduction}", expected none, mean or sum`);
  if (reduction === "mean" && !weights) return reduce(g, "reduceMean", weighted, axes, false);
  const sum = reduce(g, "reduceSum", weighted, axes, false);
  return reduction === "sum" ? sum : div(g, sum, reduce(g, "reduceSum", weights, axes, false));
}

/** One weight per target, 0 where it is ignored; "" where all are 1. */
function weightsOf(n: OnnxNode, g: GraphBuilder, target: string, ignored: string, classes: number): string {
  if (!n.optional(2) && !ignored) return "";
  const all = n.optional(2) || filled(g, "float32", [classes], 1);
  const own = g.add("gather", [toFloat(g, all), target], { axis: 0 });
  return ignored ? mul(g, own, cast(g, unary(g, "not", ignored), "float32")) : own;
}

function softmaxCrossEntropy(n: OnnxNode, g: GraphBuilder): string[] {
  if (rankOf(g, n.input(0)) < 2) misfit(g, "expected scores [N,C,…]");
  const logProbability = g.add("logSoftmax", [n.input(0)], { axis: 1 });
  return [likelihood(n, g, logProbability), logProbability];
}

export const losses: Operators = {
  SoftmaxCrossEntropyLoss: softmaxCrossEntropy,
  NegativeLogLikelihoodLoss: (n, g) => (rankOf(g, n.input(0)) < 2 ? misfit(g, "expected log-probabilities [N,C,…]") : likelihood(n, g, n.input(0))),
};
