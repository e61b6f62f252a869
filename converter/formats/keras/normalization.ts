/** Normalization layers, and the fixed scalings of preprocessing. */
import { sizeOf } from "../../ir/graph.ts";
import { add, affine, axisOf, axesOf, binary, constant, div, mul, range, rankOf, reduce, reshape, sub, unary } from "../onnx/write.ts";
import { constantOf, single, variablesOf, type Layer, type LayerFunction } from "./layer.ts";
import { rootMeanSquareNorm } from "./operations-reduce.ts";
import type { Weight } from "./variables.ts";

export const normalizations: Record<string, LayerFunction> = {
  BatchNormalization: batch, SyncBatchNormalization: batch, BatchNormalizationV1: batch, BatchNormalizationV2: batch,
  LayerNormalization: layer, GroupNormalization: group, UnitNormalization: unit, RMSNormalization: rootMeanSquare, Rescaling: rescaling, Normalization: fixed,
};

/** An axis or a list of axes, counted from the front. */
function axesIn(l: Layer, x: string, otherwise: number): number[] {
  const axis = l.config.json("axis") ?? otherwise;
  return axesOf(l.g, (Array.isArray(axis) ? axis : [axis]).map(Number), rankOf(l.g, x));
}

function batch(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), axes = axesIn(l, x, -1), C = l.g.shape(x)[axes[0]!]!;
  if (axes.length !== 1) l.g.fail(`it normalizes axes [${axes.join(",")}], expected one`, "Use one axis.");
  const v = variablesOf(l, { gamma: l.config.bool("scale", true) && [C], beta: l.config.bool("center", true) && [C], moving_mean: [C],
    moving_variance: [C] });
  const parameter = (w: Weight | undefined, otherwise: number) =>
    (w ? constantOf(l, w) : constant(l.g, `${l.name}/${otherwise ? "gamma" : "beta"}`, "float32", new Float32Array(C).fill(otherwise)));
  return l.g.add("batchNorm", [x, parameter(v.gamma, 1), parameter(v.beta, 0), constantOf(l, v.moving_mean), constantOf(l, v.moving_variance)],
    { axis: axes[0]!, epsilon: l.config.number("epsilon", 1e-3) });
}

/** y · gamma + beta, both shaped to stand at `axes` of y. */
function scaled(l: Layer, y: string, axes: number[], gamma: Weight | undefined, beta: Weight | undefined): string {
  const shape = l.g.shape(y).map((d, i) => (axes.includes(i) ? d : 1));
  const times = gamma ? mul(l.g, y, constantOf(l, gamma, undefined, shape)) : y;
  return beta ? add(l.g, times, constantOf(l, beta, undefined, shape)) : times;
}

function layer(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), axes = axesIn(l, x, -1).sort((a, b) => a - b), sizes = axes.map((a) => l.g.shape(x)[a]!);
  l.config.only("rms_scaling", false, "Use LayerNormalization without rms_scaling.");
  const { gamma, beta } = variablesOf(l, { gamma: l.config.bool("scale", true) && sizes, beta: l.config.bool("center", true) && sizes });
  return scaled(l, l.g.add("normalize", [x], { axes, epsilon: l.config.number("epsilon", 1e-3) }), axes, gamma, beta);
}

/** Channels at `axis` become [groups, C / groups]; each group is normalized with all positions. */
function group(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), shape = l.g.shape(x), axis = axesIn(l, x, -1)[0]!, C = shape[axis]!, asked = l.config.int("groups", 32);
  const groups = asked === -1 ? C : asked;
  if (groups < 1 || C % groups) l.g.fail(`${C} channels do not divide into ${groups} groups`, "", "ERR_OCTAVO_SHAPE");
  const { gamma, beta } = variablesOf(l, { gamma: l.config.bool("scale", true) && [C], beta: l.config.bool("center", true) && [C] });
  const split = reshape(l.g, x, [...shape.slice(0, axis), groups, C / groups, ...shape.slice(axis + 1)]);
  const y = l.g.add("normalize", [split],
    { axes: range(shape.length + 1).slice(1).filter((a) => a !== axis), epsilon: l.config.number("epsilon", 1e-3) });
  return scaled(l, reshape(l.g, y, shape), [axis], gamma, beta);
}

/** Keras broadcasts the scale from the last axis on, also where it was normalized over others. */
function rootMeanSquare(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), axes = axesIn(l, x, -1).sort((a, b) => a - b), { scale } = variablesOf(l, { scale: axes.map((a) => l.g.shape(x)[a]!) });
  return mul(l.g, rootMeanSquareNorm(l, x, axes), constantOf(l, scale));
}

/** x · min(1 / |x|, 1e12) */
function unit(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), axes = axesIn(l, x, -1);
  return div(l.g, x, unary(l.g, "clip", reduce(l.g, "reduceL2", x, axes, true), 1e-12, Infinity));
}

function rescaling(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), scale = l.config.numbers("scale"), offset = l.config.has("offset") ? l.config.numbers("offset") : [0];
  if (scale.length === 1 && offset.length === 1) return affine(l.g, x, scale[0]!, offset[0]!);
  return add(l.g, mul(l.g, x, constant(l.g, `${l.name}/scale`, "float32", scale)), constant(l.g, `${l.name}/offset`, "float32", offset));
}

/** (x − mean) / max(√variance, 1e-7), or back with `invert`; both given in the configuration or learned by adapt(). */
function fixed(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), rank = rankOf(l.g, x), axis = l.config.json("axis");
  const axes = axis === null ? [] : (Array.isArray(axis) ? axis : [axis ?? -1]).map((a) => axisOf(l.g, Number(a), rank));
  const shape = l.g.shape(x).map((d, i) => (axes.includes(i) ? d : 1)), { mean, variance } = statistics(l, shape);
  const at = (name: string, values: ArrayLike<number>) =>
    constant(l.g, `${l.name}/${name}`, "float32", values, values.length === 1 ? shape.map(() => 1) : shape);
  const deviation = variance.map((v) => Math.max(Math.sqrt(v), 1e-7));
  if (l.config.bool("invert", false)) return add(l.g, mul(l.g, x, at("deviation", deviation)), at("mean", mean));
  return binary(l.g, "div", sub(l.g, x, at("mean", mean)), at("deviation", deviation));
}

/** One value each, or as many as `shape` has. */
function statistics(l: Layer, shape: number[]): { mean: number[]; variance: number[] } {
  const size = sizeOf(shape), given = l.config.has("mean") && l.config.has("variance");
  const { mean, variance } = given ? { mean: l.config.numbers("mean"), variance: l.config.numbers("variance") } : learned(l);
  const fits = [mean, variance].every((v) => v.length === 1 || v.length === size);
  if (!fits) {
    l.g.fail(`mean and variance have ${mean.length} and ${variance.length} values, expected ${size}`, "Save the model again.", "ERR_OCTAVO_SHAPE");
  }
  return { mean, variance };
}

function learned(l: Layer): { mean: number[]; variance: number[] } {
  const [mean, variance] = l.variables.take(["mean", "variance"]);
  if (!mean || !variance) {
    return l.g.fail("its mean and variance are missing from the file", "Call adapt() before saving, or give mean and variance.", "ERR_OCTAVO_FORMAT");
  }
  return { mean: [...mean.data], variance: [...variance.data] };
}
