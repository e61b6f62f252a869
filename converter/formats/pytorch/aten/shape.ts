/** Operators that move elements. */
import type { GraphBuilder } from "../../../ir/builder.ts";
import { sizeOf } from "../../../ir/graph.ts";
import { linearTaps, type Taps } from "../../keras/taps.ts";
import { keys } from "../../onnx/resize.ts";
import { channelsFirst, channelsLast } from "../../onnx/spatial.ts";
import { axesOf, axisOf, bounded, cast, concat, constant, dtypeOf, expand, padWith, range, rankOf, reshape, reverse, scalar, sliceAxis,
  toFloat, transpose, where } from "../../onnx/write.ts";
import { entry } from "../../wire/json.ts";
import { isTensor, type Argument, type AtenNode, type Operator } from "../aten-node.ts";
import { flatten, view } from "../emit.ts";

const axis = (n: AtenNode, g: GraphBuilder, name = "dim", otherwise?: number): number =>
  axisOf(g, n.int(name, otherwise), rankOf(g, n.tensor("self")));
const sized: Operator = (n, g) => view(g, n.tensor("self"), n.ints(n.has("shape") ? "shape" : "size"));

export const shapes: Record<string, Operator> = {
  view: sized, reshape: sized, _unsafe_view: sized, _reshape_alias: sized,
  flatten: (n, g) => flatten(g, n.tensor("self"), n.int("start_dim", 0), n.int("end_dim", -1)),
  unflatten: (n, g) => {
    const x = n.tensor("self"), shape = g.shape(x), at = axis(n, g);
    const sizes = n.ints(["sizes", "size", "unflattened_size"].find((s) => n.has(s)) ?? "sizes");
    const free = shape[at]! / sizes.filter((d) => d !== -1).reduce((a, d) => a * d, 1);
    return reshape(g, x, [...shape.slice(0, at), ...sizes.map((d) => (d === -1 ? free : d)), ...shape.slice(at + 1)]);
  },
  permute: (n, g) => transpose(g, n.tensor("self"), axesOf(g, n.ints("dims"), rankOf(g, n.tensor("self")))),
  transpose: (n, g) => swapped(g, n.tensor("self"), axis(n, g, "dim0"), axis(n, g, "dim1")),
  swapaxes: (n, g) => swapped(g, n.tensor("self"), axis(n, g, "axis0"), axis(n, g, "axis1")),
  t: (n, g) => (rankOf(g, n.tensor("self")) < 2 ? n.tensor("self") : swapped(g, n.tensor("self"), 0, 1)),
  numpy_T: (n, g) => transpose(g, n.tensor("self"), range(rankOf(g, n.tensor("self"))).reverse()),
  unsqueeze: (n, g) => {
    const shape = [...g.shape(n.tensor("self"))];
    shape.splice(axisOf(g, n.int("dim"), shape.length + 1), 0, 1);
    return reshape(g, n.tensor("self"), shape);
  },
  squeeze: (n, g) => {
    const shape = g.shape(n.tensor("self")), axes = n.has("dim") ? axesOf(g, n.ints("dim"), shape.length) : range(shape.length);
    return reshape(g, n.tensor("self"), shape.filter((d, i) => d !== 1 || !axes.includes(i)));
  },
  cat: (n, g) => joined(g, n.tensors("tensors").filter((x) => g.shape(x).join() !== "0"), n.int("dim", 0)),
  concat: (n, g) => joined(g, n.tensors("tensors"), n.int("dim", 0)),
  stack: (n, g) => {
    const parts = n.tensors("tensors"), at = axisOf(g, n.int("dim", 0), rankOf(g, parts[0]!) + 1);
    return joined(g, parts.map((x) => reshape(g, x, [...g.shape(x).slice(0, at), 1, ...g.shape(x).slice(at)])), at);
  },
  split: (n, g) => {
    const sizes = n.ints(n.has("split_sizes") ? "split_sizes" : "split_size"), x = n.tensor("self"), at = axis(n, g, "dim", 0);
    const size = g.shape(x)[at]!;
    return pieces(g, x, at, sizes.length === 1 ? even(g, size, sizes[0]!) : sizes);
  },
  split_with_sizes: (n, g) => pieces(g, n.tensor("self"), axis(n, g, "dim", 0), n.ints("split_sizes")),
  chunk: (n, g) => {
    const at = axis(n, g, "dim", 0), size = g.shape(n.tensor("self"))[at]!;
    return pieces(g, n.tensor("self"), at, even(g, size, Math.ceil(size / n.int("chunks"))));
  },
  unbind: (n, g) => {
    const x = n.tensor("self"), at = axis(n, g, "dim", 0);
    return range(bounded(g, g.shape(x)[at]!, "unbinding")).map((i) => picked(g, x, at, i));
  },
  select: (n, g) => picked(g, n.tensor("self"), axis(n, g), n.int("index")),
  slice: (n, g) => {
    const x = n.tensor("self"), at = axis(n, g, "dim", 0), size = g.shape(x)[at]!, step = n.int("step", 1);
    const within = (v: number) => Math.min(size, Math.max(0, v < 0 ? v + size : v));
    if (step < 1) g.fail(`its step is ${step}, expected 1 or more`, "Use flip.");
    const start = within(n.int("start", 0)), stop = within(n.int("end", size));
    return sliceAxis(g, x, at, start, Math.max(0, Math.ceil((stop - start) / step)), step);
  },
  narrow: (n, g) => sliceAxis(g, n.tensor("self"), axis(n, g), n.int("start"), n.int("length")),
  index_select: (n, g) => g.add("gather", [n.tensor("self"), n.tensor("index")], { axis: axis(n, g) }),
  index: (n, g) => indexed(g, n.tensor("self"), n.get("indices")),
  movedim: (n, g) => {
    const x = n.tensor("self"), rank = rankOf(g, x), from = axesOf(g, n.ints("source"), rank), to = axesOf(g, n.ints("destination"), rank);
    const rest = range(rank).filter((i) => !from.includes(i));
    return transpose(g, x, range(rank).map((i) => (to.includes(i) ? from[to.indexOf(i)]! : rest.shift()!)));
  },
  gather: (n, g) => g.add("gatherElements", [n.tensor("self"), n.tensor("index")], { axis: axis(n, g) }),
  expand: (n, g) => {
    const x = n.tensor("self"), sizes = n.ints("size"), lead = sizes.length - rankOf(g, x);
    return expand(g, x, sizes.map((d, i) => (d === -1 ? g.shape(x)[i - lead]! : d)));
  },
  expand_as: (n, g) => expand(g, n.tensor("self"), g.shape(n.tensor("other"))),
  broadcast_to: (n, g) => expand(g, n.tensor("self"), n.ints("size")),
  copy: (n, g) => expand(g, cast(g, n.tensor("src"), dtypeOf(g, n.tensor("self"))), g.shape(n.tensor("self"))),
  slice_scatter: (n, g) => {
    const x = n.tensor("self"), at = axis(n, g, "dim", 0), size = g.shape(x)[at]!, within = (v: number) => Math.min(size, Math.max(0, v < 0 ? v + size : v));
    const [start, stop] = [within(n.int("start", 0)), within(n.int("end", size))];
    if (n.int("step", 1) !== 1) g.fail(`its step is ${n.int("step")}, expected 1`, "Write each part by itself.");
    return concat(g, [sliceAxis(g, x, at, 0, start), n.tensor("src"), sliceAxis(g, x, at, stop, size - stop)].filter((part) => g.shape(part)[at]! > 0), at);
  },
  tril: (n, g) => triangle(g, n.tensor("self"), (row, column) => column - row <= n.int("diagonal", 0)),
  triu: (n, g) => triangle(g, n.tensor("self"), (row, column) => column - row >= n.int("diagonal", 0)),
  one_hot: (n, g) => {
    const size = n.int("num_classes", -1), classes = bounded(g, size * size, "a one-hot table") && size;
    const table = constant(g, "one_hot", "int64", range(classes * classes).map((i) => (i % (classes + 1) === 0 ? 1 : 0)), [classes, classes]);
    return g.add("gather", [table, n.tensor("self")], { axis: 0 });
  },
  unfold: (n, g) => {
    const x = n.tensor("self"), at = axis(n, g, "dimension"), size = n.int("size"), step = n.int("step"), rank = rankOf(g, x), shape = g.shape(x);
    const count = Math.floor((shape[at]! - size) / step) + 1;
    if (!(size >= 1 && step >= 1 && count >= 1)) g.fail(`windows of ${size} every ${step} do not fit [${shape.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
    const places = range(bounded(g, count * size, "the windows")).map((i) => Math.floor(i / size) * step + (i % size));
    const windows = g.add("gather", [x, constant(g, "windows", "int64", places)], { axis: at });
    const split = reshape(g, windows, [...shape.slice(0, at), count, size, ...shape.slice(at + 1)]);
    return transpose(g, split, [...range(rank + 1).filter((i) => i !== at + 1), at + 1]);
  },
  repeat: (n, g) => {
    const x = n.tensor("self"), repeats = n.ints("repeats"), lead = repeats.length - rankOf(g, x);
    const wide = reshape(g, x, [...range(Math.max(0, lead)).map(() => 1), ...g.shape(x)]);
    return repeats.every((r) => r === 1) ? wide : g.add("tile", [wide], { repeats });
  },
  repeat_interleave: (n, g) => {
    const x = n.tensor("self"), at = axis(n, g), times = n.int("repeats"), size = g.shape(x)[at]!;
    return g.add("gather", [x, constant(g, "order", "int64", range(bounded(g, size * times, "repeating")).map((i) => Math.floor(i / times)))],
      { axis: at });
  },
  flip: (n, g) => axesOf(g, n.ints("dims"), rankOf(g, n.tensor("self"))).reduce((x, a) => reverse(g, x, a), n.tensor("self")),
  roll: (n, g) => {
    const x = n.tensor("self"), shape = g.shape(x), dims = n.ints("dims", []), shifts = n.ints("shifts");
    if (!dims.length) return reshape(g, rolled(g, reshape(g, x, [sizeOf(shape)]), 0, shifts[0]!), shape);
    return dims.reduce((y, dim, i) => rolled(g, y, axisOf(g, dim, shape.length), shifts[i]!), x);
  },
  pad: (n, g) => padded(n, g, n.string("mode", "constant")), constant_pad_nd: (n, g) => padded(n, g, "constant"),
  reflection_pad1d: (n, g) => padded(n, g, "reflect"), reflection_pad2d: (n, g) => padded(n, g, "reflect"),
  replication_pad1d: (n, g) => padded(n, g, "replicate"), replication_pad2d: (n, g) => padded(n, g, "replicate"),
  upsample_nearest2d: (n, g) => resized(n, g, nearest), upsample_nearest1d: (n, g) => resized(n, g, nearest),
  _upsample_nearest_exact2d: (n, g) => resized(n, g, nearestExact), _upsample_nearest_exact1d: (n, g) => resized(n, g, nearestExact),
  upsample_bicubic2d: (n, g) => resized(n, g, cubic(n.bool("align_corners"))),
  upsample_linear1d: (n, g) => resized(n, g, linearFor(n)), upsample_bilinear2d: (n, g) => resized(n, g, linearFor(n)),
  pixel_shuffle: (n, g) => {
    const x = n.tensor("self"), r = n.int("upscale_factor"), [N, C, H, W] = g.shape(x) as [number, number, number, number], O = C / (r * r);
    return reshape(g, transpose(g, reshape(g, x, [N, O, r, r, H, W]), [0, 1, 4, 2, 5, 3]), [N, O, H * r, W * r]);
  },
  pixel_unshuffle: (n, g) => {
    const x = n.tensor("self"), r = n.int("downscale_factor"), [N, C, H, W] = g.shape(x) as [number, number, number, number];
    return reshape(g, transpose(g, reshape(g, x, [N, C, H / r, r, W / r, r]), [0, 1, 3, 5, 2, 4]), [N, C * r * r, H / r, W / r]);
  },
  channel_shuffle: (n, g) => {
    const x = n.tensor("self"), groups = n.int("groups"), [N, C, ...rest] = g.shape(x) as [number, number, ...number[]];
    return reshape(g, transpose(g, reshape(g, x, [N, groups, C / groups, ...rest]), [0, 2, 1, ...range(rest.length).map((i) => i + 3)]),
      [N, C, ...rest]);
  },
};

function joined(g: GraphBuilder, parts: string[], dim: number): string {
  const dtype = parts.every((x) => dtypeOf(g, x) === dtypeOf(g, parts[0]!)) ? undefined : "float32";
  return concat(g, dtype ? parts.map((x) => cast(g, x, dtype)) : parts,
    axisOf(g, dim, rankOf(g, parts[0] ?? g.fail("it joins nothing", "", "ERR_OCTAVO_FORMAT"))));
}

const swapped = (g: GraphBuilder, x: string, a: number, b: number): string =>
  transpose(g, x, range(rankOf(g, x)).map((i) => (i === a ? b : i === b ? a : i)));

/** One index of an axis, which falls away. */
export function picked(g: GraphBuilder, x: string, at: number, index: number): string {
  const shape = g.shape(x), i = index < 0 ? index + shape[at]! : index;
  if (!(i >= 0 && i < shape[at]!)) g.fail(`it picks ${index} of axis ${at} of [${shape.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
  return reshape(g, sliceAxis(g, x, at, i, 1), shape.filter((_, k) => k !== at));
}

/** x[i, :, j]: one index tensor of any shape, or several that form a grid: each varies along an axis of its own, in order. */
function indexed(g: GraphBuilder, x: string, list: Argument | undefined): string {
  const indices = (Array.isArray(list) ? list : []).flatMap((a, axis) => (isTensor(a) ? [{ axis, tensor: a.tensor }] : []));
  const shapes = indices.map(({ tensor }) => g.shape(tensor)), rank = Math.max(0, ...shapes.map((s) => s.length));
  if (indices.some(({ tensor }) => dtypeOf(g, tensor) === "bool" || dtypeOf(g, tensor) === "uint8")) {
    g.fail("it picks by truth values, so that its size is not known", "Use torch.where.");
  }
  if (indices.length === 1) return g.add("gather", [x, indices[0]!.tensor], { axis: indices[0]!.axis });
  const places = shapes.map((s) => s.findIndex((d) => d !== 1) + rank - s.length);
  const grid = shapes.every((s) => s.filter((d) => d !== 1).length === 1)
    && indices.every(({ axis }, i) => axis === indices[0]!.axis + i && places[i] === i) && rank === indices.length;
  if (!grid) g.fail(`it picks by ${indices.length} index tensors at once`, "Pick one axis at a time with index_select.");
  return indices.reduce((y, { axis, tensor }) => g.add("gather", [y, reshape(g, tensor, [sizeOf(g.shape(tensor))])], { axis }), x);
}

const even = (g: GraphBuilder, size: number, step: number): number[] => {
  if (!(step >= 1)) g.fail(`it splits into pieces of ${step}`, "", "ERR_OCTAVO_SHAPE");
  return range(bounded(g, Math.ceil(size / step), "splitting")).map((i) => Math.min(step, size - i * step));
};

function pieces(g: GraphBuilder, x: string, at: number, sizes: number[]): string[] {
  let start = 0;
  return sizes.map((size) => sliceAxis(g, x, at, (start += size) - size, size));
}

function rolled(g: GraphBuilder, x: string, at: number, shift: number): string {
  const size = g.shape(x)[at]!, cut = (((-shift % size) + size) % size);
  return cut === 0 ? x : concat(g, [sliceAxis(g, x, at, cut, size - cut), sliceAxis(g, x, at, 0, cut)], at);
}

/** x where `inside` holds for row and column, 0 elsewhere. */
function triangle(g: GraphBuilder, x: string, inside: (row: number, column: number) => boolean): string {
  const [rows, columns] = g.shape(x).slice(-2) as [number, number], count = bounded(g, rows * columns, "the triangle");
  const mask = constant(g, "triangle", "bool", range(count).map((i) => Number(inside(Math.floor(i / columns), i % columns))), [rows, columns]);
  return where(g, mask, x, scalar(g, 0, dtypeOf(g, x)));
}

/** Amounts from the last axis on: [left, right, top, bottom, …] */
export function padAmounts(g: GraphBuilder, x: string, pads: number[]): { before: number[]; after: number[] } {
  const rank = rankOf(g, x), at = (side: 0 | 1) => range(rank).map((i) => pads[2 * (rank - 1 - i) + side] ?? 0);
  if (pads.length % 2 || pads.length > 2 * rank) g.fail(`it pads [${g.shape(x).join(",")}] by [${pads.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
  return { before: at(0), after: at(1) };
}

function padded(n: AtenNode, g: GraphBuilder, mode: string): string {
  const x = n.tensor("self"), { before, after } = padAmounts(g, x, n.ints(n.has("pad") ? "pad" : "padding"));
  if (mode === "constant") return padWith(g, x, before, after, n.number("value", 0));
  const modes: Record<string, "reflect" | "edge" | "wrap"> = { reflect: "reflect", replicate: "edge", circular: "wrap" };
  return g.add("pad", [x], { before, after, mode: entry(modes, mode) ?? g.fail(`its mode is ${mode}`), value: 0 });
}

/**
 * Where an output sample comes from, given how many output samples stand for one input sample (0: by the sizes); undefined where all
 * stay. By a scale samples of as many may move: PyTorch leaves them for nearest and linear alone.
 */
export type TapsOf = (from: number, to: number, scale: number) => Taps | undefined;

const f32 = Math.fround, stepOf = (from: number, to: number, scale: number): number => f32(scale ? 1 / scale : f32(from) / f32(to));

/** Positions are float32, as PyTorch computes them: at tie they decide. Source: UpSample.h, UpSampleKernel.cpp. */
const nearestBy = (place: (o: number, step: number) => number): TapsOf => (from, to, scale) => ({
  taps: 1, indices: range(to).map((o) => Math.min(from - 1, Math.floor(place(o, stepOf(from, to, scale))))), weights: range(to).map(() => 1),
});
const nearestOf = nearestBy((o, step) => f32(o * step));
/** Twice as many are each sample twice, whatever the scale. */
export const nearest: TapsOf = (from, to, scale) => (from === to ? undefined : nearestOf(from, to, to === 2 * from ? 0 : scale));
const nearestExact = nearestBy((o, step) => f32(Math.max(0, f32(f32((o + 0.5) * step) - 0.5)) + 0.5));

export const linear = (corners: boolean): TapsOf => (from, to, scale) => {
  if (from === to) return undefined;
  if (!corners && (!scale || scale === to / from)) return linearTaps(from, to);
  const places = placesOf(corners, from, to, scale).map((p) => Math.max(0, p));
  const lower = places.map((p) => Math.min(from - 1, Math.floor(p)));
  return { taps: 2, indices: lower.flatMap((i) => [i, Math.min(from - 1, i + 1)]),
    weights: places.flatMap((p, o) => [1 - (p - lower[o]!), p - lower[o]!]) };
};

/** align_corners: the first and last samples meet; else half-pixel centres. */
const placesOf = (corners: boolean, from: number, to: number, scale: number): number[] =>
  range(to).map((o) => (corners ? (to > 1 ? (o * (from - 1)) / (to - 1) : 0) : (o + 0.5) / (scale || to / from) - 0.5));

/** Four neighbours by Keys' kernel with a = −0.75; beyond the ends the last sample stands again. */
const cubic = (corners: boolean): TapsOf => (from, to, scale) => {
  const places = placesOf(corners, from, to, scale), first = places.map((p) => Math.floor(p) - 1), taps = range(4);
  return { taps: 4, indices: first.flatMap((i) => taps.map((t) => Math.min(from - 1, Math.max(0, i + t)))),
    weights: places.flatMap((p, o) => taps.map((t) => keys(-0.75)(Math.abs(first[o]! + t - p)))) };
};

const linearFor = (n: AtenNode): TapsOf => linear(n.bool("align_corners"));

function resized(n: AtenNode, g: GraphBuilder, taps: TapsOf): string {
  const x = n.tensor(n.has("self") ? "self" : "input"), sizes = g.shape(x).slice(2);
  const list = (name: string) => (n.has(name) ? [n.get(name)].flat().map(Number) : undefined);
  const scales = list("scale_factors") ?? ["scales_h", "scales_w", "scales"].filter((s) => n.has(s)).map((s) => n.number(s));
  const target = list("output_size") ?? sizes.map((d, i) => Math.floor(d * (scales[i] ?? 1)));
  return resize(g, x, target, scales.length === sizes.length ? scales : sizes.map(() => 0), taps);
}

export function resize(g: GraphBuilder, x: string, target: number[], scales: number[], taps: TapsOf): string {
  const sizes = g.shape(x).slice(2);
  if (target.length !== sizes.length || target.some((t) => !(t >= 1 && t <= 16384))) {
    g.fail(`it resizes [${g.shape(x).join(",")}] to [${target.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
  }
  const last = channelsLast(g, toFloat(g, x));
  return channelsFirst(g, target.reduce((y, t, i) => {
    const found = taps(sizes[i]!, t, scales[i]!);
    return found ? g.add("resample", [y], { axis: 1 + i, ...found }) : y;
  }, last));
}
