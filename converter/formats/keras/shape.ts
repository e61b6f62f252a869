/** Layers that only move elements, and resizing. */
import { sizeOf } from "../../ir/graph.ts";
import { channelsLast } from "../onnx/spatial.ts";
import { expand, padWith, rankOf, reshape, transpose } from "../onnx/write.ts";
import { ranked, single, type Layer, type LayerFunction } from "./layer.ts";
import { dimsOf, isChannelsFirst } from "./spatial.ts";
import { linearTaps, nearestTaps, type Taps } from "./taps.ts";

const identity: LayerFunction = (_, inputs) => inputs.slice(0, 1);
const identities = [
  "Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "AlphaDropout", "GaussianNoise", "ActivityRegularization", "Identity",
  "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "RandomContrast", "RandomBrightness",
];

/** Of dropout, noise and augmentation nothing is left when a model runs. */
export const shapes: Record<string, LayerFunction> = {
  ...Object.fromEntries(identities.map((name) => [name, identity])),
  Flatten: flatten, Reshape: reshaped, Permute: permute, RepeatVector: repeatVector,
  ZeroPadding1D: padding(1), ZeroPadding2D: padding(1), Cropping1D: padding(-1), Cropping2D: padding(-1), CenterCrop: centerCrop,
  UpSampling1D: upSampling, UpSampling2D: upSampling, Resizing: resizing,
};

function flatten(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), last = isChannelsFirst(l) && rankOf(l.g, x) > 2 ? channelsLast(l.g, x) : x;
  const [N, ...rest] = l.g.shape(last) as [number, ...number[]];
  return reshape(l.g, last, [N, sizeOf(rest)]);
}

function reshaped(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), [N, ...rest] = l.g.shape(x) as [number, ...number[]], target = l.config.json("target_shape");
  const sizes = Array.isArray(target) ? target.map((d) => (d === null ? -1 : Number(d))) : l.config.wrong("target_shape", "a list of sizes");
  const known = sizes.filter((d) => d !== -1).reduce((a, d) => a * d, 1), free = sizeOf(rest) / known;
  if (sizes.filter((d) => d === -1).length > 1 || !Number.isInteger(free) || sizes.some((d) => d < -1)) {
    l.g.fail(`[${rest.join(",")}] cannot become [${sizes.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
  }
  return reshape(l.g, x, [N, ...sizes.map((d) => (d === -1 ? free : d))]);
}

/** dims count from 1: axis 0 is the batch. */
function permute(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), rank = rankOf(l.g, x), dims = l.config.ints("dims", rank - 1);
  if (new Set(dims).size !== dims.length || dims.some((d) => d >= rank)) l.config.wrong("dims", `each of 1 to ${rank - 1} once`);
  return transpose(l.g, x, [0, ...dims]);
}

function repeatVector(l: Layer, inputs: string[]): string {
  const [N, C] = ranked(l, single(l, inputs), 2) as [number, number];
  return expand(l.g, reshape(l.g, inputs[0]!, [N, 1, C]), [N, l.config.int("n", undefined, 1), C]);
}

/** Rows of [before, after] per spatial axis: one number, one per axis, or pairs. */
function amounts(l: Layer, key: string, dims: number): number[][] {
  const value = l.config.json(key), list = Array.isArray(value) ? value : new Array<typeof value>(dims).fill(value);
  if (dims === 1 && list.length === 2) return [l.config.ints(key, 2, undefined, 0)];
  if (list.length !== dims) l.config.wrong(key, `${dims} amounts`);
  return list.map((entry) => {
    const pair = Array.isArray(entry) ? entry : [entry, entry];
    return pair.length === 2 && pair.every((v) => Number.isInteger(v) && (v as number) >= 0 && (v as number) < 65536) ? (pair as number[])
      : l.config.wrong(key, "amounts from 0");
  });
}

/** Axis of the first spatial dimension. */
const firstSpatial = (l: Layer): number => (isChannelsFirst(l) ? 2 : 1);

function padding(sign: 1 | -1): LayerFunction {
  return (l, inputs) => {
    const dims = dimsOf(l), shape = ranked(l, single(l, inputs), dims + 2), pairs = amounts(l, sign > 0 ? "padding" : "cropping", dims);
    const first = firstSpatial(l);
    const at = (side: 0 | 1) => shape.map((_, axis) => sign * (pairs[axis - first]?.[side] ?? 0) + 0);
    const [before, after] = [at(0), at(1)];
    if (shape.some((d, i) => d + before[i]! + after[i]! < 1)) l.g.fail(`it crops [${shape.join(",")}] to nothing`, "", "ERR_OCTAVO_SHAPE");
    return padWith(l.g, inputs[0]!, before, after, 0);
  };
}

function centerCrop(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), shape = ranked(l, x, 3, 4), first = isChannelsFirst(l) ? shape.length - 2 : shape.length - 3;
  const target = [l.config.int("height", undefined, 1), l.config.int("width", undefined, 1)], spare = target.map((t, i) => shape[first + i]! - t);
  if (spare.some((s) => s < 0)) {
    l.g.fail(`it crops [${shape.join(",")}] to [${target.join(",")}], which enlarges`, "Resize the images before the model.");
  }
  const before = spare.map((s) => Math.floor(s / 2)), at = (values: number[]) => shape.map((_, axis) => -(values[axis - first] ?? 0) + 0);
  return padWith(l.g, x, at(before), at(spare.map((s, i) => s - before[i]!)), 0);
}

function resampled(l: Layer, x: string, first: number, sizes: number[], tapsOf: (from: number, to: number) => Taps): string {
  return sizes.reduce((y, size, i) =>
    (l.g.shape(y)[first + i] === size ? y : l.g.add("resample", [y], { axis: first + i, ...tapsOf(l.g.shape(y)[first + i]!, size) })), x);
}

const largestSide = 16384;

function upSampling(l: Layer, inputs: string[]): string {
  const dims = dimsOf(l), shape = ranked(l, single(l, inputs), dims + 2), first = dims === 1 ? 1 : firstSpatial(l);
  const factor = l.config.ints("size", dims, new Array<number>(dims).fill(2));
  const sizes = factor.map((f, i) => f * shape[first + i]!), mode = l.config.choice("interpolation", "nearest", ["nearest", "bilinear"]);
  if (sizes.some((s) => s > largestSide)) l.g.fail(`it enlarges [${shape.join(",")}] to [${sizes.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
  return resampled(l, inputs[0]!, first, sizes, mode === "nearest" ? nearestTaps : linearTaps);
}

function resizing(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), shape = ranked(l, x, 3, 4), first = isChannelsFirst(l) ? shape.length - 2 : shape.length - 3;
  for (const key of ["crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias"]) l.config.only(key, false, "Prepare the images before the model.");
  const sizes = [l.config.int("height", undefined, 1), l.config.int("width", undefined, 1)];
  const mode = l.config.choice("interpolation", "bilinear", ["nearest", "bilinear"]);
  if (sizes.some((s) => s > largestSide)) l.config.wrong("height", `sizes to ${largestSide}`);
  return resampled(l, x, first, sizes, mode === "nearest" ? nearestTaps : linearTaps);
}

