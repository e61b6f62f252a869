/** What picks and places elements by index. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf } from "../../ir/graph.ts";
import type { Operator, Operators, OnnxNode } from "./node.ts";
import {
  add, affine, axisOf, binary, bounded, cast, constant, dataOf, dtypeOf, expand, filled, misfit, mul, range, rankOf, reduce, reshape, scalar,
  sliceAxis, sub, valuesOf, where,
} from "./write.ts";

const gather: Operator = (n, g) => g.add("gather", [n.input(0), n.input(1)], { axis: axisOf(g, n.int("axis", 0), rankOf(g, n.input(0))) });

function sameRank(g: GraphBuilder, x: string, indices: string): void {
  if (rankOf(g, x) !== rankOf(g, indices)) misfit(g, `data has rank ${rankOf(g, x)}, indices have ${rankOf(g, indices)}, expected the same`);
}

/** y has the shape of the indices, whose other axes may be shorter than the data's. */
function gatherElements(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), axis = axisOf(g, n.int("axis", 0), rankOf(g, x));
  sameRank(g, x, n.input(1));
  return g.add("gatherElements", [x, n.input(1)], { axis });
}

function gatherNd(n: OnnxNode, g: GraphBuilder): string {
  const x = g.shape(n.input(0)), indices = g.shape(n.input(1)), batchDims = n.int("batch_dims", 0), depth = indices.at(-1);
  const fits = depth !== undefined && batchDims >= 0 && batchDims < indices.length && batchDims + depth <= x.length;
  if (!fits || x.slice(0, batchDims).some((d, i) => d !== indices[i]))
    misfit(g, `indices [${indices.join(",")}] with ${batchDims} batch axes do not fit data [${x.join(",")}]`);
  return g.add("gatherNd", [n.input(0), n.input(1)], { batchDims });
}

type Reduction = "none" | "add" | "mul" | "max" | "min";
function reductionOf(n: OnnxNode, g: GraphBuilder): Reduction {
  const reduction = n.string("reduction", "none");
  if (!["none", "add", "mul", "max", "min"].includes(reduction)) g.fail(`reduction is "${reduction}", expected none, add, mul, max or min`);
  return reduction as Reduction;
}

function scatterElements(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), axis = axisOf(g, n.int("axis", 0), rankOf(g, x)), indices = g.shape(n.input(1)), updates = g.shape(n.input(2));
  sameRank(g, x, n.input(1));
  if (indices.join() !== updates.join()) misfit(g, `indices [${indices.join(",")}] and updates [${updates.join(",")}] differ in shape`);
  return g.add("scatterElements", [x, n.input(1), n.input(2)], { axis, reduction: reductionOf(n, g) });
}

/** Rows of indices become places in the data laid out flat: Σ index[k] · stride[k]. */
function scatterNd(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), shape = g.shape(x), rows = g.shape(n.input(1)), depth = rows.at(-1)!;
  if (!(depth <= shape.length)) misfit(g, `indices [${rows.join(",")}] do not fit data [${shape.join(",")}]`);
  const count = sizeOf(rows.slice(0, -1)), run = sizeOf(shape.slice(depth));
  const places = flatPlaces(g, n.input(1), shape.slice(0, depth), count);
  const flat = add(g, affine(g, places, run, 0), constant(g, "offsets", "int64", range(bounded(g, run, "a row")), [1, run]));
  const y = g.add("scatterElements", [reshape(g, x, [sizeOf(shape)]), reshape(g, flat, [count * run]), reshape(g, n.input(2), [count * run])],
    { axis: 0, reduction: reductionOf(n, g) });
  return reshape(g, y, shape);
}

/** indices [...,depth] → [count,1]: which element of an array of shape `sizes`. */
function flatPlaces(g: GraphBuilder, indices: string, sizes: number[], count: number): string {
  const strides = sizes.map((_, k) => sizeOf(sizes.slice(k + 1)));
  const rows = reshape(g, cast(g, indices, "int64"), [count, sizes.length]), limit = constant(g, "sizes", "int64", sizes, [1, sizes.length]);
  const positive = wrapped(g, rows, limit);
  return reduce(g, "reduceSum", mul(g, positive, constant(g, "strides", "int64", strides, [1, sizes.length])), [1], true);
}

/** Negative indices count from the end. */
const wrapped = (g: GraphBuilder, index: string, size: string): string =>
  where(g, binary(g, "less", index, scalar(g, 0, dtypeOf(g, index))), add(g, index, size), index);

/** `values` are [off, on]. Indices outside of −depth … depth − 1 have no 1. */
function oneHot(n: OnnxNode, g: GraphBuilder): string {
  const depth = valuesOf(g, n.input(1), "depth")[0]!, rank = rankOf(g, n.input(0)), axis = axisOf(g, n.int("axis", -1), rank + 1);
  const indices = cast(g, n.input(0), "int64"), shape = g.shape(indices), values = n.input(2), dtype = dtypeOf(g, values);
  const column = reshape(g, wrapped(g, indices, scalar(g, depth, "int64")), [...shape.slice(0, axis), 1, ...shape.slice(axis)]);
  const classes = constant(g, "classes", "int64", range(bounded(g, Math.max(0, Math.floor(depth)), "the depth")), range(rank + 1).map((a) => (a === axis ? depth : 1)));
  const [off, on] = [0, 1].map((i) => reshape(g, sliceAxis(g, values, 0, i, 1), [])) as [string, string];
  return where(g, binary(g, "equal", column, classes), on, cast(g, off, dtype));
}

/** Keeps what a constant condition selects. */
function compress(n: OnnxNode, g: GraphBuilder): string {
  const flat = !n.has("axis"), x = flat ? reshape(g, n.input(0), [sizeOf(g.shape(n.input(0)))]) : n.input(0);
  const axis = flat ? 0 : axisOf(g, n.int("axis"), rankOf(g, x));
  const chosen = valuesOf(g, n.input(1), "condition").flatMap((c, i) => (c ? [i] : []));
  return g.add("gather", [x, constant(g, "chosen", "int64", chosen)], { axis });
}

/** Indices of what is not zero in a constant: [rank, count]. */
function nonZero(n: OnnxNode, g: GraphBuilder): string {
  const shape = g.shape(n.input(0));
  const found = valuesOf(g, n.input(0), "the number of its elements that are not zero").flatMap((v, i) => (v ? [i] : []));
  const index = (axis: number) => found.map((i) => Math.floor(i / sizeOf(shape.slice(axis + 1))) % shape[axis]!);
  return constant(g, "places", "int64", range(shape.length).flatMap(index), [shape.length, found.length]);
}

/** Distinct values of a constant, sorted or in order of appearance, and where they stand. */
function unique(n: OnnxNode, g: GraphBuilder): string[] {
  if (n.has("axis")) g.fail("it has an axis, expected none", "Compute it before export.");
  const data = Array.from(dataOf(g, n.input(0), "the number of distinct values"));
  const first = [...new Map(data.map((v, i) => [v, i] as const).reverse()).entries()].sort((a, b) => (n.int("sorted", 1) ? a[0] - b[0] : a[1] - b[1]));
  const place = new Map(first.map(([v], i) => [v, i])), counts = first.map(() => 0);
  const inverse = data.map((v) => place.get(v)!);
  for (const i of inverse) counts[i]!++;
  const ints = (stem: string, values: number[]) => constant(g, stem, "int64", values);
  return [constant(g, "unique", dtypeOf(g, n.input(0)), first.map(([v]) => v)), ints("first", first.map(([, i]) => i)), ints("inverse", inverse), ints("counts", counts)];
}

/** Writes `update` into a cache along `axis` from `write_indices` on, per sample of axis 0. */
function tensorScatter(n: OnnxNode, g: GraphBuilder): string {
  const past = n.input(0), update = n.input(1), shape = g.shape(past), length = g.shape(update), rank = shape.length;
  const axis = axisOf(g, n.int("axis", -2), rank);
  const along = (a: number, size: number) => range(rank).map((i) => (i === a ? size : 1));
  const steps = constant(g, "steps", "int64", range(bounded(g, length[axis]!, "the update")), along(axis, length[axis]!));
  const start = n.optional(2) ? reshape(g, cast(g, n.input(2), "int64"), along(0, shape[0]!)) : scalar(g, 0, "int64");
  const at = add(g, start, steps), places = n.string("mode", "linear") === "circular" ? binary(g, "mod", at, scalar(g, shape[axis]!, "int64")) : at;
  return g.add("scatterElements", [past, expand(g, places, length), update], { axis, reduction: "none" });
}

/** Sums columns [N, C·ΠK, L] into an image [N,C,…]: the inverse of taking windows. */
function col2im(n: OnnxNode, g: GraphBuilder): string {
  const image = valuesOf(g, n.input(1), "image_shape"), kernel = valuesOf(g, n.input(2), "block_shape"), rank = image.length;
  const stride = n.ints("strides") ?? image.map(() => 1), dilation = n.ints("dilations") ?? image.map(() => 1);
  const pads = n.ints("pads") ?? [...image, ...image].map(() => 0);
  const padded = image.map((d, i) => d + pads[i]! + pads[i + rank]!);
  const steps = padded.map((d, i) => Math.floor((d - dilation[i]! * (kernel[i]! - 1) - 1) / stride[i]!) + 1);
  const [N, CK, L] = g.shape(n.input(0)) as [number, number, number], K = sizeOf(kernel), C = CK / K;
  if (!Number.isInteger(C) || sizeOf(steps) !== L) misfit(g, `columns [${N},${CK},${L}] do not make an image [${image.join(",")}]`);
  const places = windowPlaces(g, padded, kernel, steps, stride, dilation);
  const index = expand(g, constant(g, "places", "int64", places, [1, K * L]), [N * C, K * L]);
  const sums = g.add("scatterElements", [filled(g, "float32", [N * C, sizeOf(padded)], 0), index, reshape(g, n.input(0), [N * C, K * L])], { axis: 1, reduction: "add" });
  return g.add("slice", [reshape(g, sums, [N, C, ...padded])], { starts: [0, 0, ...pads.slice(0, rank)], steps: [1, 1, ...image.map(() => 1)], sizes: [N, C, ...image] });
}

/** Flat place in an array of shape `sizes` of every tap (slow) of every window (fast). */
export function windowPlaces(g: GraphBuilder, sizes: number[], kernel: number[], steps: number[], stride: number[], dilation: number[]): number[] {
  const K = sizeOf(kernel), L = sizeOf(steps);
  if (!(K * L <= MAX_WINDOWS)) misfit(g, `its windows have ${K} · ${L} taps, expected ${MAX_WINDOWS} or less`);
  // A place is a sum of what the tap and what the window contribute.
  const contribution = (count: number, shape: number[], apart: number[]) => Float64Array.from({ length: count }, (_, i) =>
    sizes.reduce((at, size, a) => at * size + digitOf(i, shape, a) * apart[a]!, 0));
  const taps = contribution(K, kernel, dilation), windows = contribution(L, steps, stride);
  return range(K * L).map((i) => taps[Math.floor(i / L)]! + windows[i % L]!);
}

const MAX_WINDOWS = 2 ** 19;

/** Position along `axis` of element `i` of an array of that shape. */
export const digitOf = (i: number, shape: number[], axis: number): number => Math.floor(i / sizeOf(shape.slice(axis + 1))) % shape[axis]!;

/** The determinant of small matrices, by expansion along the first row. */
function determinant(n: OnnxNode, g: GraphBuilder): string {
  const shape = g.shape(n.input(0)), size = shape.at(-1)!;
  if (shape.length < 2 || shape.at(-2) !== size || size > 4 || size < 1)
    g.fail(`matrices are [${shape.slice(-2).join(",")}], expected square ones of up to 4 rows`);
  return reshape(g, minor(g, n.input(0), size), shape.slice(0, -2));
}

function minor(g: GraphBuilder, x: string, size: number): string {
  const rank = rankOf(g, x);
  if (size === 1) return x;
  const below = sliceAxis(g, x, rank - 2, 1, size - 1);
  const terms = range(size).map((c) => {
    const others = constant(g, "columns", "int64", range(size).filter((i) => i !== c));
    const rest = minor(g, g.add("gather", [below, others], { axis: rank - 1 }), size - 1);
    return mul(g, sliceAxis(g, sliceAxis(g, x, rank - 2, 0, 1), rank - 1, c, 1), rest);
  });
  return terms.reduce((sum, term, c) => (c % 2 ? sub(g, sum, term) : add(g, sum, term)));
}

export const indexing: Operators = {
  Gather: gather, GatherElements: gatherElements, GatherND: gatherNd,
  Scatter: scatterElements, ScatterElements: scatterElements, ScatterND: scatterNd,
  OneHot: oneHot, Compress: compress, NonZero: nonZero, Unique: unique, TensorScatter: tensorScatter, Col2Im: col2im, Det: determinant,
};
