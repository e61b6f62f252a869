/** Resize and Upsample: every axis on its own is a weighted sum of taps, so that all modes become `resample`. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Operators, OnnxNode } from "./node.ts";
import { channelsFirst, channelsLast } from "./spatial.ts";
import { axesOf, cast, constant, dtypeOf, misfit, range, rankOf, scalar, toFloat, unary, valuesOf, where } from "./write.ts";

const f32 = Math.fround;

interface Axis { axis: number; size: number; scale: number; roi: [number, number] }
interface Style {
  mode: string;
  coordinates: string;
  rounding: string;
  cubicA: number;
  excludeOutside: boolean;
  antialias: boolean;
  extrapolation: number;
}

const styleOf = (n: OnnxNode): Style => ({
  mode: n.string("mode", "nearest"),
  coordinates: n.string("coordinate_transformation_mode", "half_pixel"),
  rounding: n.string("nearest_mode", "round_prefer_floor"),
  cubicA: n.float("cubic_coeff_a", -0.75),
  excludeOutside: n.int("exclude_outside", 0) !== 0,
  antialias: n.int("antialias", 0) !== 0,
  extrapolation: n.float("extrapolation_value", 0),
});

/** Before opset 11 there was one way: x / scale, rounded down. */
const early = (n: OnnxNode): Style => ({ ...styleOf(n), mode: n.string("mode", "nearest").replace("bilinear", "linear"), coordinates: "asymmetric", rounding: "floor" });

function resize(n: OnnxNode, g: GraphBuilder): string {
  if (n.opset < 11) return resizeBy(n, g, valuesOf(g, n.input(1), "scales"), early(n));
  const rank = rankOf(g, n.input(0)), axes = axesOf(g, n.ints("axes") ?? range(rank), rank), style = styleOf(n);
  const known = (i: number, what: string) => (n.optional(i) ? valuesOf(g, n.input(i), what) : []);
  const sizes = known(3, "sizes"), scales = known(2, "scales"), roi = style.coordinates === "tf_crop_and_resize" ? known(1, "roi") : [];
  const targets = sizes.length ? bySizes(n, g, axes, sizes) : byScales(g, g.shape(n.input(0)), axes, scales);
  const cropped = targets.map((t, i) => ({ ...t, roi: (roi.length ? [roi[i]!, roi[i + axes.length]!] : [0, 1]) as [number, number] }));
  return write(g, n.input(0), cropped, style);
}

function upsample(n: OnnxNode, g: GraphBuilder): string {
  const scales = n.floats("scales") ?? valuesOf(g, n.input(1), "scales");
  return resizeBy(n, g, scales, early(n));
}

const resizeBy = (n: OnnxNode, g: GraphBuilder, scales: number[], style: Style): string =>
  write(g, n.input(0), byScales(g, g.shape(n.input(0)), range(rankOf(g, n.input(0))), scales), style);

function byScales(g: GraphBuilder, shape: number[], axes: number[], scales: number[]): Axis[] {
  if (scales.length !== axes.length) misfit(g, `found ${scales.length} scales, expected ${axes.length}`);
  return axes.map((axis, i) => ({ axis, size: Math.floor(f32(shape[axis]! * scales[i]!)), scale: scales[i]!, roi: [0, 1] }));
}

/** `keep_aspect_ratio_policy` takes one scale for all axes. */
function bySizes(n: OnnxNode, g: GraphBuilder, axes: number[], sizes: number[]): Axis[] {
  const shape = g.shape(n.input(0)), policy = n.string("keep_aspect_ratio_policy", "stretch");
  if (sizes.length !== axes.length) misfit(g, `found ${sizes.length} sizes, expected ${axes.length}`);
  const scales = axes.map((axis, i) => f32(sizes[i]! / shape[axis]!));
  if (policy === "stretch") return axes.map((axis, i) => ({ axis, size: sizes[i]!, scale: scales[i]!, roi: [0, 1] }));
  const scale = policy === "not_larger" ? Math.min(...scales) : Math.max(...scales);
  return axes.map((axis) => ({ axis, size: Math.floor(scale * shape[axis]! + 0.5), scale, roi: [0, 1] }));
}

/** Resizes axis by axis; an image is resized channels-last, like all spatial operators. */
function write(g: GraphBuilder, x: string, axes: Axis[], style: Style): string {
  const dtype = dtypeOf(g, x), shape = g.shape(x), real = toFloat(g, x);
  const active = axes.filter((a) => !(a.scale === 1 && a.size === shape[a.axis] && a.roi[0] === 0 && a.roi[1] === 1));
  const asImage = shape.length === 4 && active.every((a) => a.axis >= 2);
  const moved = asImage ? active.map((a) => ({ ...a, axis: a.axis - 1 })) : active;
  const y = moved.reduce((t, a) => resampleAxis(g, t, a, style), asImage ? channelsLast(g, real) : real);
  const filled = moved.reduce((t, a) => extrapolate(g, t, a, asImage ? shape[a.axis + 1]! : shape[a.axis]!, style), y);
  return restored(g, asImage ? channelsFirst(g, filled) : filled, dtype, style);
}

/** Integers are cut off; cubic sums may leave their range, so they are bounded. */
function restored(g: GraphBuilder, y: string, dtype: ReturnType<typeof dtypeOf>, style: Style): string {
  if (dtype === "uint8" && style.mode === "cubic") return cast(g, unary(g, "clip", y, 0, 255), dtype);
  if (dtype === "int8" && style.mode === "cubic") return cast(g, unary(g, "clip", y, -128, 127), dtype);
  return cast(g, y, dtype);
}

/** Taps of one axis are bounded: the tables go into the model. */
const MAX_TAPS = 2 ** 19;

function resampleAxis(g: GraphBuilder, x: string, a: Axis, style: Style): string {
  const size = g.shape(x)[a.axis]!, half = style.mode === "nearest" ? 0.5 : halfWidth(a, style), taps = 2 * half;
  if (!(a.scale > 0 && Number.isFinite(a.scale)) || size === 0 || !(a.size >= 1))
    misfit(g, `axis ${a.axis} of ${size} cannot become ${a.size} by a scale of ${a.scale}`);
  if (!(a.size * taps <= MAX_TAPS)) misfit(g, `axis ${a.axis} would need ${a.size} · ${taps} taps, expected ${MAX_TAPS} or less`);
  const indices: number[] = [], weights: number[] = [];
  for (let o = 0; o < a.size; o++) {
    const at = sourceOf(g, o, size, a, style);
    const row = style.mode === "nearest" ? [[nearest(g, at, style), 1] as const] : tapsAt(g, at, size, half, a, style);
    for (const [index, weight] of row) {
      indices.push(Math.min(size - 1, Math.max(0, index)));
      weights.push(weight);
    }
  }
  return g.add("resample", [x], { axis: a.axis, taps, indices, weights });
}

/** Where output position `o` lies on the input axis: in float32, as runtimes compute it, since a position may be a tie of roundings. */
function sourceOf(g: GraphBuilder, o: number, size: number, a: Axis, style: Style): number {
  const resized = a.scale * size, halfPixel = f32(f32((o + 0.5) / a.scale) - 0.5);
  switch (style.coordinates) {
    case "half_pixel": return halfPixel;
    case "pytorch_half_pixel": return a.size > 1 ? halfPixel : 0;
    case "half_pixel_symmetric": return (size / 2) * (1 - a.size / resized) + halfPixel;
    case "align_corners": return resized === 1 ? 0 : (o * (size - 1)) / (resized - 1);
    case "asymmetric": return f32(o / a.scale);
    case "tf_half_pixel_for_nn": return f32((o + 0.5) / a.scale);
    case "tf_crop_and_resize": return a.roi[0] * (size - 1) + (a.roi[1] - a.roi[0]) * (size - 1) * (resized === 1 ? 0.5 : o / (resized - 1));
    default: return g.fail(`coordinate_transformation_mode is "${style.coordinates}", expected one of ONNX 19`);
  }
}

function nearest(g: GraphBuilder, at: number, style: Style): number {
  switch (style.rounding) {
    case "round_prefer_floor": return Math.ceil(at - 0.5);
    case "round_prefer_ceil": return Math.floor(at + 0.5);
    case "floor": return Math.floor(at);
    case "ceil": return Math.ceil(at);
    default: return g.fail(`nearest_mode is "${style.rounding}", expected round_prefer_floor, round_prefer_ceil, floor or ceil`);
  }
}

/** Antialiasing stretches the kernel by 1 / scale when the axis shrinks. */
const stretch = (a: Axis, style: Style): number => (style.antialias ? Math.min(a.scale, 1) : 1);
const halfWidth = (a: Axis, style: Style): number => Math.ceil((style.mode === "cubic" ? 2 : 1) / stretch(a, style));

function tapsAt(g: GraphBuilder, at: number, size: number, half: number, a: Axis, style: Style): [index: number, weight: number][] {
  if (style.mode !== "linear" && style.mode !== "cubic") return g.fail(`mode is "${style.mode}", expected nearest, linear or cubic`);
  const s = stretch(a, style), first = Math.floor(at) - half + 1, kernel = style.mode === "linear" ? triangle : keys(style.cubicA);
  const row = range(2 * half).map((t): [number, number] => {
    const index = first + t, outside = style.excludeOutside && (index < 0 || index >= size);
    return [index, outside ? 0 : kernel(Math.abs(index - at) * s)];
  });
  const sum = row.reduce((total, [, w]) => total + w, 0);
  return (style.antialias || style.excludeOutside) && sum !== 0 ? row.map(([i, w]) => [i, w / sum]) : row;
}

const triangle = (d: number): number => Math.max(0, 1 - d);
/** Keys' kernel: W(d) on |d| ≤ 1 and on |d| < 2. */
export const keys = (A: number) => (d: number): number =>
  d <= 1 ? ((A + 2) * d - (A + 3)) * d * d + 1 : d < 2 ? ((A * d - 5 * A) * d + 8 * A) * d - 4 * A : 0;

/** Positions that a crop leaves outside of the input get one fixed value. */
function extrapolate(g: GraphBuilder, y: string, a: Axis, size: number, style: Style): string {
  if (style.coordinates !== "tf_crop_and_resize") return y;
  const outside = range(a.size).map((o) => sourceOf(g, o, size, a, style)).map((at) => (at < 0 || at > size - 1 ? 1 : 0));
  if (!outside.some(Boolean)) return y;
  const mask = constant(g, "outside", "bool", outside, g.shape(y).map((_, i) => (i === a.axis ? a.size : 1)));
  return where(g, mask, scalar(g, style.extrapolation), y);
}

export const resizing: Operators = { Resize: resize, Upsample: upsample };
