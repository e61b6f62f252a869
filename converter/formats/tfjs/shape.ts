/** Operators that move elements; shapes, axes and amounts are inputs that must be known. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf } from "../../ir/graph.ts";
import { linearTaps, nearestTaps, type Taps } from "../keras/taps.ts";
import { axesOf, axisOf, bounded, cast, concat, constant, dtypeOf, expand, filled, padWith, range, rankOf, reshape, reverse, sliceAxis, transpose,
  valuesOf } from "../onnx/write.ts";
import type { Operator, TfNode } from "./node.ts";

const known = (n: TfNode, g: GraphBuilder, i: number, what: string): number[] => valuesOf(g, n.input(i), what);
const axis = (n: TfNode, g: GraphBuilder, i: number, rank: number): number => axisOf(g, known(n, g, i, "the axis")[0] ?? 0, rank);

export const shapes: Record<string, Operator> = {
  Reshape: (n, g) => {
    const shape = known(n, g, 1, "the shape"), free = sizeOf(g.shape(n.input(0))) / shape.filter((d) => d !== -1).reduce((a, d) => a * d, 1);
    return reshape(g, n.input(0), shape.map((d) => (d === -1 ? free : d)));
  },
  Squeeze: (n, g) => {
    const shape = g.shape(n.input(0)), asked = n.ints("squeeze_dims") ?? n.ints("axis") ?? [];
    const axes = asked.length ? axesOf(g, asked, shape.length) : range(shape.length).filter((i) => shape[i] === 1);
    return reshape(g, n.input(0), shape.filter((_, i) => !axes.includes(i)));
  },
  ExpandDims: (n, g) => {
    const shape = [...g.shape(n.input(0))];
    shape.splice(axis(n, g, 1, shape.length + 1), 0, 1);
    return reshape(g, n.input(0), shape);
  },
  Transpose: (n, g) => transpose(g, n.input(0), axesOf(g, known(n, g, 1, "the permutation"), rankOf(g, n.input(0)))),
  ConcatV2: (n, g) => joined(g, n.inputs.slice(0, -1), known(n, g, n.inputs.length - 1, "the axis")[0]!),
  Concat: (n, g) => joined(g, n.inputs.slice(1), known(n, g, 0, "the axis")[0]!),
  Pack: (n, g) => {
    const at = axisOf(g, n.int("axis", 0), rankOf(g, n.input(0)) + 1);
    return concat(g, n.inputs.map((x) => reshape(g, x, [...g.shape(x).slice(0, at), 1, ...g.shape(x).slice(at)])), at);
  },
  Unpack: (n, g) => {
    const x = n.input(0), shape = g.shape(x), at = axisOf(g, n.int("axis", 0), shape.length);
    return range(bounded(g, shape[at]!, "unpacking")).map((i) => reshape(g, sliceAxis(g, x, at, i, 1), shape.filter((_, k) => k !== at)));
  },
  Split: (n, g) => {
    const x = n.input(1), at = axis(n, g, 0, rankOf(g, x)), parts = n.int("num_split", 1), size = g.shape(x)[at]! / parts;
    if (!Number.isInteger(size)) g.fail(`${g.shape(x)[at]} does not split into ${parts} equal parts`, "", "ERR_OCTAVO_SHAPE");
    return range(bounded(g, parts, "splitting")).map((i) => sliceAxis(g, x, at, i * size, size));
  },
  SplitV: (n, g) => {
    const x = n.input(0), sizes = known(n, g, 1, "the sizes"), at = axis(n, g, 2, rankOf(g, x));
    const free = g.shape(x)[at]! - sizes.filter((s) => s !== -1).reduce((a, s) => a + s, 0);
    let start = 0;
    return sizes.map((s) => (s === -1 ? free : s)).map((size) => sliceAxis(g, x, at, (start += size) - size, size));
  },
  Slice: (n, g) => {
    const shape = g.shape(n.input(0)), begin = known(n, g, 1, "the start"), size = known(n, g, 2, "the size");
    return shape.reduce((x, d, i) => sliceAxis(g, x, i, begin[i]!, size[i] === -1 ? d - begin[i]! : size[i]!), n.input(0));
  },
  StridedSlice: stridedSlice,
  Pad: (n, g) => padded(n, g, 0), PadV2: (n, g) => padded(n, g, known(n, g, 2, "the value")[0]!),
  MirrorPad: (n, g) => {
    const [before, after] = amounts(known(n, g, 1, "the padding")), mode = n.string("mode", "REFLECT");
    return mode === "REFLECT" ? g.add("pad", [n.input(0)], { before, after, mode: "reflect", value: 0 })
      : g.fail(`its mode is ${mode}, expected REFLECT`, "Use reflecting padding.");
  },
  Tile: (n, g) => g.add("tile", [n.input(0)], { repeats: known(n, g, 1, "the repeats") }),
  BroadcastTo: (n, g) => expand(g, n.input(0), known(n, g, 1, "the shape")),
  Gather: (n, g) => g.add("gather", [n.input(0), n.input(1)], { axis: 0 }),
  GatherV2: (n, g) => {
    if (n.int("batch_dims", 0) !== 0) g.fail("it has batch axes", "Gather without batch_dims.");
    return g.add("gather", [n.input(0), n.input(1)], { axis: axis(n, g, 2, rankOf(g, n.input(0))) });
  },
  GatherNd: (n, g) => g.add("gatherNd", [n.input(0), n.input(1)], { batchDims: 0 }),
  ReverseV2: (n, g) => axesOf(g, known(n, g, 1, "the axes"), rankOf(g, n.input(0))).reduce((x, a) => reverse(g, x, a), n.input(0)),
  Shape: (n, g) => constant(g, "shape", "int32", g.shape(n.input(0))),
  Size: (n, g) => constant(g, "size", "int32", [sizeOf(g.shape(n.input(0)))], []),
  Rank: (n, g) => constant(g, "rank", "int32", [rankOf(g, n.input(0))], []),
  Fill: (n, g) => filled(g, dtypeOf(g, n.input(1)), known(n, g, 0, "the shape"), known(n, g, 1, "the value")[0]!),
  Range: (n, g) => {
    const [start, limit, delta] = [0, 1, 2].map((i) => known(n, g, i, "the range")[0]!) as [number, number, number];
    return constant(g, "range", dtypeOf(g, n.input(0)),
      range(bounded(g, Math.max(0, Math.ceil((limit - start) / delta)), "the range")).map((i) => start + i * delta));
  },
  OneHot: (n, g) => {
    const depth = known(n, g, 1, "the depth")[0]!, [on, off] = [known(n, g, 2, "the value")[0]!, known(n, g, 3, "the value")[0]!], x = n.input(0);
    const last = axisOf(g, n.int("axis", -1), rankOf(g, x) + 1);
    if (last !== rankOf(g, x)) g.fail(`its axis is ${last}, expected the last one`, "One-hot along the last axis.");
    const table = Float32Array.from({ length: bounded(g, depth * depth, "a one-hot table") }, (_, i) => (i % (depth + 1) === 0 ? on : off));
    return g.add("gather", [g.constant("one_hot", "float32", [depth, depth], table), x], { axis: 0 });
  },
  ResizeBilinear: (n, g) => resized(n, g, linearTaps), ResizeNearestNeighbor: (n, g) => resized(n, g, nearestTaps),
  DepthToSpace: (n, g) => {
    const x = n.input(0), b = block(n, g), [N, H, W, C] = g.shape(x) as [number, number, number, number];
    return reshape(g, transpose(g, reshape(g, x, [N, H, W, b, b, C / b / b]), [0, 1, 3, 2, 4, 5]), [N, H * b, W * b, C / b / b]);
  },
  SpaceToDepth: (n, g) => {
    const x = n.input(0), b = block(n, g), [N, H, W, C] = g.shape(x) as [number, number, number, number];
    return reshape(g, transpose(g, reshape(g, x, [N, H / b, b, W / b, b, C]), [0, 1, 3, 2, 4, 5]), [N, H / b, W / b, b * b * C]);
  },
  SpaceToBatchND: spaceToBatch, BatchToSpaceND: batchToSpace,
};

const joined = (g: GraphBuilder, parts: readonly string[], at: number): string => {
  const dtype = dtypeOf(g, parts[0]!);
  return concat(g, parts.map((x) => cast(g, x, dtype)), axisOf(g, at, rankOf(g, parts[0]!)));
};

function block(n: TfNode, g: GraphBuilder): number {
  const size = n.int("block_size", 1);
  if (rankOf(g, n.input(0)) !== 4 || size < 1) g.fail(`it splits [${g.shape(n.input(0)).join(",")}] into blocks of ${size}`, "", "ERR_OCTAVO_SHAPE");
  return size;
}

/** [axes,2] → before, after */
const amounts = (pairs: number[]): [number[], number[]] => [pairs.filter((_, i) => i % 2 === 0), pairs.filter((_, i) => i % 2 === 1)];

function padded(n: TfNode, g: GraphBuilder, value: number): string {
  const [before, after] = amounts(known(n, g, 1, "the padding"));
  return padWith(g, n.input(0), before, after, value);
}

/** Half-pixel centres, or corners that meet. */
function resized(n: TfNode, g: GraphBuilder, half: (from: number, to: number) => Taps): string {
  const sizes = known(n, g, 1, "the size"), x = n.input(0), from = g.shape(x).slice(1, 3), corners = n.bool("align_corners");
  if (rankOf(g, x) !== 4 || sizes.length !== 2 || sizes.some((s) => !(s >= 1 && s <= 16384))) {
    g.fail(`it resizes [${g.shape(x).join(",")}] to [${sizes.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
  }
  const taps = (i: number) => (n.bool("half_pixel_centers") ? half(from[i]!, sizes[i]!)
    : cornerTaps(from[i]!, sizes[i]!, corners, half === linearTaps));
  return [0, 1].reduce((y, i) => (from[i] === sizes[i] ? y : g.add("resample", [y], { axis: 1 + i, ...taps(i) })), x);
}

/** Samples at o · scale; with `corners` the last ones meet. */
function cornerTaps(from: number, to: number, corners: boolean, linear: boolean): Taps {
  const scale = corners && to > 1 ? (from - 1) / (to - 1) : from / to, places = range(to).map((o) => o * scale);
  const lower = places.map((p) => Math.min(from - 1, Math.floor(p)));
  if (!linear) {
    return { taps: 1, indices: places.map((p) => Math.min(from - 1, corners ? Math.round(p) : Math.floor(p))), weights: places.map(() => 1) };
  }
  return { taps: 2, indices: lower.flatMap((i) => [i, Math.min(from - 1, i + 1)]),
    weights: places.flatMap((p, o) => [1 - (p - lower[o]!), p - lower[o]!]) };
}

/** Masks are bits, one per entry of the index. */
function stridedSlice(n: TfNode, g: GraphBuilder): string {
  const [begin, end, strides] = [1, 2, 3].map((i) => known(n, g, i, "the slice")) as [number[], number[], number[]];
  const set = (name: string, i: number) => ((n.int(name, 0) >> i) & 1) === 1;
  const shape = g.shape(n.input(0)), entries = begin.length, news = range(entries).filter((i) => set("new_axis_mask", i)).length;
  const result: number[] = [];
  let x = n.input(0), at = 0;
  const keep = (count: number) => { for (let k = 0; k < count; k++, at++) result.push(g.shape(x)[at]!); };
  for (let i = 0; i < entries; i++) {
    if (set("ellipsis_mask", i)) keep(shape.length - (entries - 1 - news));
    else if (set("new_axis_mask", i)) result.push(1);
    else {
      const size = shape[at] ?? g.fail(`it indexes more axes than [${shape.join(",")}] has`, "", "ERR_OCTAVO_SHAPE");
      const [start, count] = bounds(g, size, begin[i]!, end[i]!, strides[i]!, set("begin_mask", i), set("end_mask", i));
      const one = set("shrink_axis_mask", i);
      x = sliceAxis(g, x, at, start, one ? 1 : count, one ? 1 : strides[i]!);
      if (one) at++;
      else keep(1);
    }
  }
  keep(shape.length - at);
  return reshape(g, x, result);
}

/** First index and how many, as Python slices. */
function bounds(g: GraphBuilder, size: number, begin: number, end: number, step: number, fromStart: boolean, toEnd: boolean): [number, number] {
  if (!Number.isInteger(step) || step === 0) g.fail(`its step is ${step}`, "", "ERR_OCTAVO_SHAPE");
  const low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1, within = (v: number) => Math.min(high, Math.max(low, v < 0 ? v + size : v));
  const start = fromStart ? (step > 0 ? 0 : size - 1) : within(begin), stop = toEnd ? (step > 0 ? size : -1) : within(end);
  return [start, Math.max(0, Math.ceil((stop - start) / step))];
}

/** [N,H,W,C] padded → [N·bh·bw, H/bh, W/bw, C] */
function spaceToBatch(n: TfNode, g: GraphBuilder): string {
  const blocks = known(n, g, 1, "the blocks"), [before, after] = amounts(known(n, g, 2, "the padding"));
  const rest = g.shape(n.input(0)).slice(1 + blocks.length).map(() => 0);
  const x = padWith(g, n.input(0), [0, ...before, ...rest], [0, ...after, ...rest], 0), [N, ...sizes] = g.shape(x) as [number, ...number[]];
  const M = blocks.length, spatial = sizes.slice(0, M), tail = sizes.slice(M);
  const split = reshape(g, x, [N, ...spatial.flatMap((d, i) => [d / blocks[i]!, blocks[i]!]), ...tail]);
  const turned = transpose(g, split,
    [...range(M).map((i) => 2 + 2 * i), 0, ...range(M).map((i) => 1 + 2 * i), ...range(tail.length).map((i) => 1 + 2 * M + i)]);
  return reshape(g, turned, [N * sizeOf(blocks), ...spatial.map((d, i) => d / blocks[i]!), ...tail]);
}

function batchToSpace(n: TfNode, g: GraphBuilder): string {
  const blocks = known(n, g, 1, "the blocks"), [before, after] = amounts(known(n, g, 2, "the crops")), x = n.input(0);
  const [NB, ...sizes] = g.shape(x) as [number, ...number[]], M = blocks.length, N = NB / sizeOf(blocks);
  const spatial = sizes.slice(0, M), tail = sizes.slice(M), split = reshape(g, x, [...blocks, N, ...sizes]);
  const turned = transpose(g, split, [M, ...range(M).flatMap((i) => [M + 1 + i, i]), ...range(tail.length).map((i) => 2 * M + 1 + i)]);
  const whole = reshape(g, turned, [N, ...spatial.map((d, i) => d * blocks[i]!), ...tail]), rest = tail.map(() => 0);
  const minus = (v: number[]) => v.map((d) => -d + 0);
  return padWith(g, whole, [0, ...minus(before), ...rest], [0, ...minus(after), ...rest], 0);
}

