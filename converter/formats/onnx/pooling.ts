/** Pooling of one to three spatial axes. Windows are boxes, so that a third axis is pooled after the other two. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf } from "../../ir/graph.ts";
import { noClamp } from "../../ir/ops.ts";
import { digitOf, windowPlaces } from "./indexing.ts";
import type { Operator, Operators, OnnxNode } from "./node.ts";
import { asImage, channelsFirst, channelsLast, geometryOf, kernel2d, outputSize, spatialRank, window2d, type Geometry } from "./spatial.ts";
import {
  add, affine, bounded, cast, constant, damaged, div, dtypeOf, filled, misfit, padWith, range, rankOf, reduce, reshape, scalar, square, toFloat,
  unary, valuesOf, where,
} from "./write.ts";

type Pool = "maxPool2d" | "averagePool2d";

/** Geometry with the padding that `ceil_mode` adds behind the end; `over` says how much of it that is. */
function poolGeometry(n: OnnxNode, g: GraphBuilder, sizes: number[]): { window: Geometry; over: number[] } {
  const kernel = n.ints("kernel_shape") ?? damaged(g, 'attribute "kernel_shape" is missing');
  const window = geometryOf(n, g, sizes, kernel), fixed = n.string("auto_pad", "NOTSET").startsWith("SAME");
  const over = sizes.map((d, i) => (n.int("ceil_mode", 0) && !fixed ? overhang(d, window, i) : 0));
  const grown = { ...window, after: window.after.map((a, i) => a + over[i]!) };
  if (outputSize(sizes, grown).some((d) => !(d >= 1))) misfit(g, `a window of [${kernel.join(",")}] does not fit into [${sizes.join(",")}]`);
  return { window: grown, over };
}

/** What one more, partial window needs; a window must begin inside of the input or of its first padding. */
function overhang(size: number, w: Geometry, i: number): number {
  const extent = w.dilation[i]! * (w.kernel[i]! - 1) + 1, room = size + w.before[i]! + w.after[i]! - extent;
  const last = Math.ceil(room / w.stride[i]!) * w.stride[i]!;
  return last < size + w.before[i]! ? Math.max(0, last - room) : 0;
}

function pool(g: GraphBuilder, op: Pool, x: string, window: Geometry, countIncludePad: boolean): string {
  const add2d = (image: string, w: Geometry) => {
    const common = { ...window2d(w), kernel: kernel2d(w), clamp: noClamp };
    return op === "maxPool2d" ? g.add(op, [image], common) : g.add(op, [image], { ...common, countIncludePad });
  };
  if (spatialRank(g, x) < 3) return asImage(g, x, (image) => add2d(image, window));
  const last = channelsLast(g, x), [N, D, H, W, C] = g.shape(last) as [number, number, number, number, number];
  const planes = add2d(reshape(g, last, [N * D, H, W, C]), part(window, 1, 3)), [, OH, OW] = g.shape(planes) as [number, number, number];
  const columns = { ...part(window, 0, 1), kernel: [window.kernel[0]!, 1], stride: [window.stride[0]!, 1], dilation: [window.dilation[0]!, 1], before: [window.before[0]!, 0], after: [window.after[0]!, 0] };
  const y = add2d(reshape(g, planes, [N, D, OH * OW, C]), columns);
  return channelsFirst(g, reshape(g, y, [N, g.shape(y)[1]!, OH, OW, C]));
}

const part = (w: Geometry, from: number, to: number): Geometry =>
  ({ kernel: w.kernel.slice(from, to), stride: w.stride.slice(from, to), dilation: w.dilation.slice(from, to), before: w.before.slice(from, to), after: w.after.slice(from, to) });

/** The sum over windows counts declared padding where asked, but never what ceil_mode adds. */
function averagePool(n: OnnxNode, g: GraphBuilder, x = n.input(0)): string {
  const sizes = g.shape(x).slice(2), { window, over } = poolGeometry(n, g, sizes), include = n.int("count_include_pad", 0) !== 0;
  if (!include || over.every((o) => o === 0)) return pool(g, "averagePool2d", x, window, include);
  const declared = window.after.map((a, i) => a - over[i]!);
  const padded = padWith(g, x, [0, 0, ...window.before], [0, 0, ...declared], 0);
  return pool(g, "averagePool2d", padded, { ...window, before: sizes.map(() => 0), after: over }, false);
}

function maxPool(n: OnnxNode, g: GraphBuilder): string | string[] {
  const x = n.input(0), { window } = poolGeometry(n, g, g.shape(x).slice(2));
  return n.wants(1) ? maxPoolWithIndices(n, g, window) : pool(g, "maxPool2d", x, window, false);
}

/** Every window as a row of taps: the largest, and where it stands in x laid out flat. */
function maxPoolWithIndices(n: OnnxNode, g: GraphBuilder, window: Geometry): string[] {
  const x = n.input(0), [N, C, ...sizes] = g.shape(x) as [number, number, ...number[]], plane = sizeOf(sizes), steps = outputSize(sizes, window);
  const K = sizeOf(window.kernel), L = sizeOf(steps), { places, inside } = tapTable(n, g, sizes, window, steps);
  const rows = g.add("gather", [reshape(g, toFloat(g, x), [N * C, plane]), constant(g, "places", "int64", places.rows)], { axis: 1 });
  const taps = where(g, constant(g, "inside", "bool", inside, [1, L, K]), reshape(g, rows, [N * C, L, K]), scalar(g, -Infinity));
  const best = g.add("argMax", [taps], { axis: 2, keepDims: false, selectLast: false });
  const row = add(g, best, constant(g, "rows", "int64", range(L).map((l) => l * K), [1, L]));
  const index = g.add("gather", [constant(g, "names", "int64", places.names), row], { axis: 0 });
  const offset = constant(g, "planes", "int64", range(bounded(g, N * C, "the planes")).map((p) => p * plane), [N * C, 1]);
  const y = cast(g, reduce(g, "reduceMax", taps, [2], false), dtypeOf(g, x));
  return [reshape(g, y, [N, C, ...steps]), reshape(g, add(g, index, offset), [N, C, ...steps])];
}

/** [L,K]: where each tap stands, as the data lies and as `storage_order` counts; taps on padding are not inside. */
function tapTable(n: OnnxNode, g: GraphBuilder, sizes: number[], w: Geometry, steps: number[]) {
  const padded = sizes.map((d, i) => d + w.before[i]! + w.after[i]!), K = sizeOf(w.kernel), L = sizeOf(steps);
  const table = windowPlaces(g, padded, w.kernel, steps, w.stride, w.dilation), columnMajor = n.int("storage_order", 0) === 1;
  const rows = new Array<number>(K * L), names = new Array<number>(K * L), inside = new Array<number>(K * L);
  for (let k = 0; k < K; k++) for (let l = 0; l < L; l++) {
    const at = padded.map((_, a) => digitOf(table[k * L + l]!, padded, a) - w.before[a]!);
    const valid = at.every((p, a) => p >= 0 && p < sizes[a]!), flat = valid ? at.reduce((sum, p, a) => sum * sizes[a]! + p, 0) : 0;
    rows[l * K + k] = flat;
    names[l * K + k] = valid && columnMajor ? at.reduceRight((sum, p, a) => sum * sizes[a]! + p, 0) : flat;
    inside[l * K + k] = valid ? 1 : 0;
  }
  return { places: { rows, names }, inside };
}

/** Puts every value back where its index says; the rest is 0. */
function maxUnpool(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), shape = g.shape(x), kernel = n.ints("kernel_shape") ?? [], stride = n.ints("strides") ?? kernel.map(() => 1);
  const pads = n.ints("pads") ?? [...kernel, ...kernel].map(() => 0), count = sizeOf(shape);
  const natural = shape.map((d, a) => (a < 2 ? d : (d - 1) * stride[a - 2]! - pads[a - 2]! - pads[a - 2 + kernel.length]! + kernel[a - 2]!));
  if (kernel.length !== shape.length - 2 || natural.some((d) => !(d >= 0)))
    misfit(g, `kernel_shape [${kernel.join(",")}] does not fit input [${shape.join(",")}]`);
  const empty = filled(g, dtypeOf(g, x), [sizeOf(natural)], 0);
  const y = g.add("scatterElements", [empty, reshape(g, n.input(1), [count]), reshape(g, x, [count])], { axis: 0, reduction: "none" });
  const target = n.optional(2) ? valuesOf(g, n.input(2), "output_shape") : natural;
  return padWith(g, reshape(g, y, natural), natural.map(() => 0), natural.map((d, a) => target[a]! - d), 0);
}

/** (Σ |x|ᵖ)^(1/p) over windows: an average times its count. */
function lpPool(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), { window } = poolGeometry(n, g, g.shape(x).slice(2)), p = n.int("p", 2), sizes = g.shape(x).slice(2);
  const padded = padWith(g, power(g, x, p), [0, 0, ...window.before], [0, 0, ...window.after], 0);
  const mean = pool(g, "averagePool2d", padded, { ...window, before: sizes.map(() => 0), after: sizes.map(() => 0) }, false);
  return root(g, affine(g, mean, sizeOf(window.kernel), 0), p);
}

const power = (g: GraphBuilder, x: string, p: number): string => (p === 2 ? square(g, x) : p === 1 ? unary(g, "abs", x) : g.add("pow", [unary(g, "abs", x), scalar(g, p)], { clamp: noClamp }));
const root = (g: GraphBuilder, x: string, p: number): string => (p === 2 ? unary(g, "sqrt", x) : p === 1 ? x : g.add("pow", [x, scalar(g, 1 / p)], { clamp: noClamp }));

/** One value per channel, written channels-last like every spatial operator. */
const globally = (write: (n: OnnxNode, g: GraphBuilder, x: string, axes: number[]) => string): Operator => (n, g) => {
  const last = channelsLast(g, n.input(0));
  return channelsFirst(g, write(n, g, last, range(rankOf(g, last)).slice(1, -1)));
};

/** x / (bias + alpha / size · Σ x²)^beta, the sum over `size` neighbouring channels. */
function localResponse(n: OnnxNode, g: GraphBuilder): string {
  const last = channelsLast(g, n.input(0)), shape = g.shape(last), C = shape.at(-1)!, size = n.int("size");
  const kernel = [1, size], before = Math.floor((size - 1) / 2);
  if (!(size >= 1)) misfit(g, `size is ${size}, expected 1 or more`);
  const lines = reshape(g, square(g, last), [1, sizeOf(shape) / C, C, 1]);
  const mean = g.add("averagePool2d", [lines], { kernel, stride: [1, 1], dilation: [1, 1], pad: [0, before, 0, size - 1 - before], countIncludePad: true, clamp: noClamp });
  const base = affine(g, reshape(g, mean, shape), n.float("alpha", 1e-4), n.float("bias", 1));
  return channelsFirst(g, div(g, last, g.add("pow", [base, scalar(g, n.float("beta", 0.75))], { clamp: noClamp })));
}

export const pooling: Operators = {
  MaxPool: maxPool, AveragePool: (n, g) => averagePool(n, g), LpPool: lpPool, MaxUnpool: maxUnpool, LRN: localResponse,
  GlobalAveragePool: globally((_, g, x, axes) => reduce(g, "reduceMean", x, axes, true)),
  GlobalMaxPool: globally((_, g, x, axes) => reduce(g, "reduceMax", x, axes, true)),
  GlobalLpPool: globally((n, g, x, axes) => root(g, reduce(g, "reduceSum", power(g, x, n.int("p", 2)), axes, true), n.int("p", 2))),
};
export { averagePool };
