/** PyTorch's layers as operators of the graph. Images are [N,C,H,W] outside, [N,H,W,C] inside; tensors are named. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf } from "../../ir/graph.ts";
import { noClamp } from "../../ir/ops.ts";
import { asImage, channelsFirst, channelsLast, halves, permuteWeights } from "../onnx/spatial.ts";
import { add, affine, bounded, constant, mul, padWith, range, rankOf, reduce, reshape, transpose } from "../onnx/write.ts";

/** One entry per spatial axis; `padding` on both sides. */
export interface Geometry { stride: number[]; padding: number[] | "same"; dilation: number[] }

/** [height, width] of one or two values. */
const two = (values: number[], height: number): number[] => (values.length === 1 ? [height, values[0]!] : values);

/** One value stands for all axes. */
export const perAxis = (values: number[], axes: number): number[] => (values.length === 1 ? new Array<number>(axes).fill(values[0]!) : values);

function spatialAxes(g: GraphBuilder, x: string): number {
  const axes = rankOf(g, x) - 2;
  return axes === 1 || axes === 2 ? axes
    : g.fail(`its input has shape [${g.shape(x).join(",")}], expected [N,C,L] or [N,C,H,W]`, "Give the model batches.", "ERR_OCTAVO_SHAPE");
}

function windowOf(g: GraphBuilder, axes: number, kernel: number[], geometry: Geometry) {
  const stride = perAxis(geometry.stride, axes), dilation = perAxis(geometry.dilation, axes);
  const pads = geometry.padding === "same" ? halves(kernel.map((k, i) => dilation[i]! * (k - 1)), true)
    : { before: perAxis(geometry.padding, axes), after: perAxis(geometry.padding, axes) };
  const valid = [stride, dilation, kernel].every((v) => v.length === axes && v.every((d) => Number.isInteger(d) && d >= 1))
    && pads.before.length === axes && pads.before.every((p) => Number.isInteger(p) && p >= 0);
  if (!valid) {
    const found = Object.entries({ kernel, stride, dilation, padding: pads.before }).map(([name, v]) => `${name} [${v.join(",")}]`);
    g.fail(`its window is ${found.join(", ")}, expected ${axes} whole numbers each`, "", "ERR_OCTAVO_SHAPE");
  }
  return { stride: two(stride, 1), dilation: two(dilation, 1), pad: [...two(pads.before, 0), ...two(pads.after, 0)] };
}

/** w [O,C/groups,…kernel] */
export function convolution(g: GraphBuilder, x: string, w: string, bias: string, geometry: Geometry, groups: number): string {
  const axes = spatialAxes(g, x), kernel = g.shape(w).slice(2), window = windowOf(g, axes, kernel, geometry);
  const weights = axes === 1 ? permuteWeights(g, w, [0, 2, 1], 1) : permuteWeights(g, w, [0, 2, 3, 1]);
  return asImage(g, x, (image) => g.add("conv2d", [image, weights, ...(bias ? [bias] : [])], { ...window, groups, clamp: noClamp }));
}

/** w [C,O/groups,…kernel] */
export function transposedConvolution(g: GraphBuilder, x: string, w: string, bias: string, geometry: Geometry, groups: number,
  outputPadding: number[]): string {
  const axes = spatialAxes(g, x), [C, Og, ...kernel] = g.shape(w) as [number, number, ...number[]], window = windowOf(g, axes, kernel, geometry);
  const [KH, KW] = two(kernel, 1) as [number, number];
  if (C % groups) g.fail(`${C} channels do not divide into ${groups} groups`, "", "ERR_OCTAVO_SHAPE");
  const weights = groups === 1 ? (axes === 1 ? permuteWeights(g, w, [1, 2, 0], 1) : permuteWeights(g, w, [1, 2, 3, 0]))
    : reshape(g, transpose(g, reshape(g, w, [groups, C / groups, Og, KH, KW]), [0, 2, 3, 4, 1]), [groups * Og, KH, KW, C / groups]);
  g.valueOf(weights);
  return asImage(g, x, (image) =>
    g.add("convTranspose2d", [image, weights, ...(bias ? [bias] : [])],
      { ...window, groups, outputPadding: two(perAxis(outputPadding, axes), 0), clamp: noClamp }));
}

/** x · wᵀ + b */
export const linear = (g: GraphBuilder, x: string, w: string, bias: string): string =>
  g.add("dense", [x, w, ...(bias ? [bias] : [])], { clamp: noClamp });

/** Channels at axis 1; absent parameters are 1 and 0. Images are normalized channels-last, as they are convolved. */
export function batchNorm(g: GraphBuilder, x: string, weight: string, bias: string, mean: string, variance: string, epsilon: number): string {
  const C = g.shape(x)[1] ?? g.fail("its input has no channels", "", "ERR_OCTAVO_SHAPE"), given = [mean, variance, weight, bias].filter(Boolean);
  const shapes = given.map((p) => `[${g.shape(p).join(",")}]`);
  if (shapes.some((s) => s !== `[${C}]`)) g.fail(`its parameters have shapes ${shapes.join(", ")}, expected [${C}]`, "", "ERR_OCTAVO_SHAPE");
  const filled = (value: number) => constant(g, value ? "ones" : "zeros", "float32", new Float32Array(C).fill(value));
  const parameters = [weight || filled(1), bias || filled(0), mean, variance];
  if (rankOf(g, x) !== 4) return g.add("batchNorm", [x, ...parameters], { axis: 1, epsilon });
  return channelsFirst(g, g.add("batchNorm", [channelsLast(g, x), ...parameters], { axis: 3, epsilon }));
}

/** Over the last axes, as many as `shape` has. */
export function layerNorm(g: GraphBuilder, x: string, shape: number[], weight: string, bias: string, epsilon: number): string {
  const rank = rankOf(g, x), y = g.add("normalize", [x], { axes: range(rank).slice(rank - shape.length), epsilon });
  return affineBy(g, y, weight, bias);
}

function affineBy(g: GraphBuilder, y: string, weight: string, bias: string): string {
  const scaled = weight ? mul(g, y, weight) : y;
  return bias ? add(g, scaled, bias) : scaled;
}

/** Channels at axis 1 in groups, each with all positions; groups = C is instance normalization. */
export function groupNorm(g: GraphBuilder, x: string, groups: number, weight: string, bias: string, epsilon: number): string {
  const shape = g.shape(x), [N, C, ...rest] = shape as [number, number, ...number[]];
  if (!(groups >= 1) || C % groups) g.fail(`${C} channels do not divide into ${groups} groups`, "", "ERR_OCTAVO_SHAPE");
  const y = g.add("normalize", [reshape(g, x, [N, groups, C / groups, ...rest])], { axes: range(rest.length + 3).slice(2), epsilon });
  const column = (p: string) => (p ? reshape(g, p, [C, ...rest.map(() => 1)]) : "");
  return affineBy(g, reshape(g, y, shape), column(weight), column(bias));
}

interface Pool extends Geometry { kernel: number[]; ceil: boolean }

/** With `ceil` a last window may begin inside the input or its left padding; it sees what there is. */
function poolWindow(g: GraphBuilder, x: string, { kernel, ceil, ...geometry }: Pool) {
  const axes = spatialAxes(g, x), k = perAxis(kernel, axes), stride = perAxis(geometry.stride.length ? geometry.stride : k, axes);
  const window = windowOf(g, axes, k, { ...geometry, stride });
  const sizes = two(g.shape(x).slice(2), 1), k2 = two(k, 1);
  if (ceil) [0, 1].forEach((i) => {
    const span = window.dilation[i]! * (k2[i]! - 1) + 1, rest = sizes[i]! + window.pad[i]! + window.pad[i + 2]! - span, s = window.stride[i]!;
    const more = Math.ceil(rest / s) * s - rest, lastStart = Math.ceil(rest / s) * s;
    if (more > 0 && lastStart < sizes[i]! + window.pad[i]!) window.pad[i + 2]! += more;
  });
  return { ...window, kernel: k2, clamp: noClamp };
}

export const maxPool = (g: GraphBuilder, x: string, pool: Pool): string => {
  const window = poolWindow(g, x, pool);
  return asImage(g, x, (image) => g.add("maxPool2d", [image], window));
};

/** What sizes rounded up add behind the padding is not counted, the padding is where it is asked for: then it becomes zeros of the input. */
export function averagePool(g: GraphBuilder, x: string, pool: Pool, countIncludePad: boolean): string {
  const window = poolWindow(g, x, pool), plain = poolWindow(g, x, { ...pool, ceil: false }).pad, counted = countIncludePad && plain.some((p) => p > 0);
  const apart = counted && window.pad.some((p, i) => p !== plain[i]), pad = apart ? window.pad.map((p, i) => p - plain[i]!) : window.pad;
  const zeros = (side: 0 | 2) => [0, plain[side]!, plain[side + 1]!, 0];
  return asImage(g, x, (image) =>
    g.add("averagePool2d", [apart ? padWith(g, image, zeros(0), zeros(2), 0) : image], { ...window, pad, countIncludePad: counted && !apart }));
}

/** Σ of each window / divisor. */
export function dividedPool(g: GraphBuilder, x: string, pool: Pool, divisor: number): string {
  const window = poolWindow(g, x, pool), area = sizeOf(window.kernel);
  return affine(g, asImage(g, x, (image) => g.add("averagePool2d", [image], { ...window, countIncludePad: true })), area / divisor, 0);
}

/** Window i covers floor(i · in / out) … ceil((i + 1) · in / out): equal windows where out divides in. */
export function adaptivePool(g: GraphBuilder, x: string, size: (number | null)[], kind: "max" | "average"): string {
  const axes = spatialAxes(g, x), sizes = g.shape(x).slice(2), target = sizes.map((d, i) => (size.length === 1 ? size[0] : size[i]) ?? d);
  if (target.length !== axes || target.some((t) => !Number.isInteger(t) || t < 1 || t > 16384)) {
    g.fail(`its output size is [${target.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
  }
  if (target.every((t) => t === 1)) return reduce(g, kind === "max" ? "reduceMax" : "reduceMean", x, range(axes + 2).slice(2), true);
  if (sizes.every((d, i) => d % target[i]! === 0)) {
    const kernel = sizes.map((d, i) => d / target[i]!);
    const pool = { kernel, stride: kernel, padding: kernel.map(() => 0), dilation: kernel.map(() => 1), ceil: false };
    return kind === "max" ? maxPool(g, x, pool) : averagePool(g, x, pool, false);
  }
  if (kind === "max") return target.reduce((y, t, i) => maximaOf(g, y, 2 + i, t), x);
  return asImage(g, x, (image) =>
    target.reduce((y, t, i) => g.add("resample", [y], { axis: (axes === 1 ? 2 : 1) + i, ...meanTaps(g, sizes[i]!, t) }), image));
}

/** Maxima of neighbouring windows of one axis: a shorter window sees its last element again. */
function maximaOf(g: GraphBuilder, x: string, axis: number, to: number): string {
  const shape = g.shape(x), from = shape[axis]!, taps = Math.ceil(from / to) + 1;
  bounded(g, to * taps, "a pooled axis");
  const last = (o: number) => Math.ceil(((o + 1) * from) / to) - 1;
  const places = range(to).flatMap((o) => range(taps).map((t) => Math.min(Math.floor((o * from) / to) + t, last(o))));
  const windows = g.add("gather", [x, constant(g, "windows", "int64", places)], { axis });
  return reduce(g, "reduceMax", reshape(g, windows, [...shape.slice(0, axis), to, taps, ...shape.slice(axis + 1)]), [axis + 1], false);
}

/** Averages of neighbouring windows of different lengths; unused taps weigh nothing. */
function meanTaps(g: GraphBuilder, from: number, to: number) {
  bounded(g, to + from, "an averaged axis");
  const starts = range(to).map((o) => Math.floor((o * from) / to)), ends = range(to).map((o) => Math.ceil(((o + 1) * from) / to));
  const taps = Math.ceil(from / to) + 1;
  bounded(g, to * taps, "an averaged axis");
  return {
    taps,
    indices: starts.flatMap((s) => range(taps).map((t) => Math.min(s + t, from - 1))),
    weights: starts.flatMap((s, o) => range(taps).map((t) => (s + t < ends[o]! ? 1 / (ends[o]! - s) : 0))),
  };
}

/** Axes `first` to `last` become one. */
export function flatten(g: GraphBuilder, x: string, first: number, last: number): string {
  const shape = g.shape(x), rank = shape.length, from = first < 0 ? first + rank : first, to = last < 0 ? last + rank : last;
  if (!(from >= 0 && to < rank && from <= to)) g.fail(`it flattens axes ${first} to ${last} of [${shape.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
  return reshape(g, x, [...shape.slice(0, from), sizeOf(shape.slice(from, to + 1)), ...shape.slice(to + 1)]);
}

/** A shape in which one size may be -1. */
export function view(g: GraphBuilder, x: string, shape: readonly number[]): string {
  const free = sizeOf(g.shape(x)) / sizeOf(shape.filter((d) => d !== -1));
  const sizes = shape.map((d) => (d === -1 ? free : d));
  if (shape.filter((d) => d === -1).length > 1 || sizes.some((d) => !Number.isInteger(d) || d < 0)) {
    g.fail(`[${g.shape(x).join(",")}] cannot become [${shape.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
  }
  return reshape(g, x, sizes);
}

