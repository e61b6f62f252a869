/** Batch, instance, layer, group and RMS normalization. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf } from "../../ir/graph.ts";
import type { Operators, OnnxNode } from "./node.ts";
import { add, affine, axisOf, misfit, mul, range, rankOf, reduce, reshape, square, sub, unary } from "./write.ts";

/** [C] → [C,1,…,1], to stand at axis 1 of a tensor of that rank. */
const perChannel = (g: GraphBuilder, t: string, rank: number): string => reshape(g, t, [sizeOf(g.shape(t)), ...range(rank - 2).map(() => 1)]);

const scaled = (g: GraphBuilder, x: string, scale: string, bias: string): string => {
  const y = mul(g, x, scale);
  return bias ? add(g, y, bias) : y;
};

function batchNormalization(n: OnnxNode, g: GraphBuilder): string[] {
  const x = n.input(0), epsilon = n.float("epsilon", 1e-5), C = g.shape(x)[1];
  if (rankOf(g, x) < 2) return batchNormalization1d(n, g, epsilon);
  if ([1, 2, 3, 4].some((i) => g.shape(n.input(i)).join() !== String(C))) misfit(g, `its parameters do not have ${C} channels`);
  n.expect({ spatial: 1 });
  if (n.int("training_mode", 0)) return trainingStatistics(n, g, epsilon);
  return [g.add("batchNorm", [x, n.input(1), n.input(2), n.input(3), n.input(4)], { axis: 1, epsilon })];
}

/** x [N]: one channel. */
const batchNormalization1d = (n: OnnxNode, g: GraphBuilder, epsilon: number): string[] => {
  const shape = g.shape(n.input(0));
  return [reshape(g, g.add("batchNorm", [reshape(g, n.input(0), [...shape, 1]), n.input(1), n.input(2), n.input(3), n.input(4)], { axis: 1, epsilon }), shape)];
};

/** Statistics of this batch; the running ones move towards them: running · momentum + batch · (1 − momentum). */
function trainingStatistics(n: OnnxNode, g: GraphBuilder, epsilon: number): string[] {
  const x = n.input(0), rank = rankOf(g, x), axes = range(rank).filter((a) => a !== 1), momentum = n.float("momentum", 0.9);
  const mean = reduce(g, "reduceMean", x, axes, false), centred = sub(g, x, perChannel(g, mean, rank));
  const variance = reduce(g, "reduceMean", square(g, centred), axes, false);
  const running = (before: string, batch: string) => add(g, affine(g, before, momentum, 0), affine(g, batch, 1 - momentum, 0));
  const y = g.add("batchNorm", [x, n.input(1), n.input(2), mean, variance], { axis: 1, epsilon });
  return [y, running(n.input(3), mean), running(n.input(4), variance)];
}

function instanceNormalization(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), rank = rankOf(g, x);
  const y = g.add("normalize", [x], { axes: range(rank).slice(2), epsilon: n.float("epsilon", 1e-5) });
  return scaled(g, y, perChannel(g, n.input(1), rank), perChannel(g, n.input(2), rank));
}

/** Scale and bias are per channel; per group up to opset 20. */
function groupNormalization(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), [N, C, ...rest] = g.shape(x) as [number, number, ...number[]], groups = n.int("num_groups");
  if (!(groups >= 1) || C % groups) misfit(g, `${C} channels do not split into ${groups} groups`);
  const grouped = reshape(g, x, [N, groups, (C / groups) * sizeOf(rest)]);
  const y = g.add("normalize", [grouped], { axes: [2], epsilon: n.float("epsilon", 1e-5) });
  if (g.shape(n.input(1))[0] === C)
    return scaled(g, reshape(g, y, [N, C, ...rest]), perChannel(g, n.input(1), rest.length + 2), perChannel(g, n.input(2), rest.length + 2));
  return reshape(g, scaled(g, y, reshape(g, n.input(1), [groups, 1]), reshape(g, n.input(2), [groups, 1])), [N, C, ...rest]);
}

/** Over `axis` and all behind it; mean and 1 / deviation are outputs too. */
function layerNormalization(n: OnnxNode, g: GraphBuilder): string[] {
  const x = n.input(0), rank = rankOf(g, x), axes = range(rank).slice(axisOf(g, n.int("axis", -1), rank)), epsilon = n.float("epsilon", 1e-5);
  const y = scaled(g, g.add("normalize", [x], { axes, epsilon }), n.input(1), n.optional(2));
  const mean = () => reduce(g, "reduceMean", x, axes, true);
  const inverseDeviation = () => {
    const variance = reduce(g, "reduceMean", square(g, sub(g, x, mean())), axes, true);
    return unary(g, "reciprocal", unary(g, "sqrt", affine(g, variance, 1, epsilon)));
  };
  return [y, n.wants(1) ? mean() : "", n.wants(2) ? inverseDeviation() : ""];
}

/** x / √(mean(x²) + epsilon) · scale, over `axis` and all behind it. */
function rmsNormalization(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), rank = rankOf(g, x), axes = range(rank).slice(axisOf(g, n.int("axis", -1), rank));
  const root = unary(g, "sqrt", affine(g, reduce(g, "reduceMean", square(g, x), axes, true), 1, n.float("epsilon", 1e-5)));
  return mul(g, g.add("div", [x, root], { clamp: [-Infinity, Infinity] }), n.input(1));
}

/** com.microsoft: layer normalization of x + skip (+ bias). */
function skipLayerNormalization(n: OnnxNode, g: GraphBuilder): string[] {
  const sum = add(g, n.input(0), n.input(1)), x = n.optional(4) ? add(g, sum, n.input(4)) : sum;
  const y = g.add("normalize", [x], { axes: [rankOf(g, x) - 1], epsilon: n.float("epsilon", 1e-12) });
  return [scaled(g, y, n.input(2), n.optional(3)), "", "", n.wants(3) ? x : ""];
}

export const normalization: Operators = {
  BatchNormalization: batchNormalization, InstanceNormalization: instanceNormalization, GroupNormalization: groupNormalization,
  LayerNormalization: layerNormalization, RMSNormalization: rmsNormalization, SimplifiedLayerNormalization: rmsNormalization,
};
export const normalizationContrib: Operators = { SkipLayerNormalization: skipLayerNormalization };
