/**
 * Geometry of windows, and the way between ONNX's [N,C,…] and the graph's [N,H,W,C]. One spatial axis becomes two with
 * H = 1; three are worked off by the operators themselves, one depth at a time.
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import { allocate, sizeOf, tensorOf, type DType, type Quantization, type Tensor, type TypedArray } from "../../ir/graph.ts";
import { windowsIn } from "../../ir/shapes.ts";
import type { OnnxNode } from "./node.ts";
import { constant, misfit, range, rankOf, reshape, transpose } from "./write.ts";

/** One entry per spatial axis. */
export interface Geometry { kernel: number[]; stride: number[]; dilation: number[]; before: number[]; after: number[] }

/** Reads kernel_shape, strides, dilations, pads and auto_pad for an input of `sizes`. */
export function geometryOf(n: OnnxNode, g: GraphBuilder, sizes: number[], kernel: number[]): Geometry {
  const rank = sizes.length, stride = n.ints("strides") ?? sizes.map(() => 1), dilation = n.ints("dilations") ?? sizes.map(() => 1);
  const given = n.ints("kernel_shape");
  if (given && given.join() !== kernel.join()) misfit(g, `kernel_shape is [${given.join(",")}], the weights have [${kernel.join(",")}]`);
  const pads = n.ints("pads") ?? [...sizes, ...sizes].map(() => 0);
  const positive = (name: string, values: number[], count: number, least: number) => {
    if (values.length !== count || values.some((v) => !(Number.isInteger(v) && v >= least && v < 2 ** 31))) {
      misfit(g, `${name} is [${values.join(",")}], expected ${count} numbers of ${least} or more`);
    }
  };
  positive("kernel_shape", kernel, rank, 1);
  positive("strides", stride, rank, 1);
  positive("dilations", dilation, rank, 1);
  positive("pads", pads, 2 * rank, 0);
  return { kernel, stride, dilation, ...padding(n, g, sizes, kernel, stride, dilation, pads) };
}

function padding(n: OnnxNode, g: GraphBuilder, sizes: number[], kernel: number[], stride: number[], dilation: number[], pads: number[]) {
  const mode = n.string("auto_pad", "NOTSET");
  if (mode === "NOTSET") return { before: pads.slice(0, sizes.length), after: pads.slice(sizes.length) };
  if (mode === "VALID") return { before: sizes.map(() => 0), after: sizes.map(() => 0) };
  if (mode !== "SAME_UPPER" && mode !== "SAME_LOWER") return g.fail(`auto_pad is "${mode}", expected NOTSET, VALID, SAME_UPPER or SAME_LOWER`);
  const total = sizes.map((d, i) => Math.max(0, (Math.ceil(d / stride[i]!) - 1) * stride[i]! + dilation[i]! * (kernel[i]! - 1) + 1 - d));
  return halves(total, mode === "SAME_UPPER");
}

/** An odd element goes to the end (upper) or to the beginning. */
export function halves(total: number[], upper: boolean): { before: number[]; after: number[] } {
  const small = total.map((t) => Math.floor(t / 2)), large = total.map((t, i) => t - small[i]!);
  return upper ? { before: small, after: large } : { before: large, after: small };
}

export const outputSize = (sizes: number[], w: Geometry): number[] =>
  sizes.map((d, i) => windowsIn(d, w.kernel[i]!, w.stride[i]!, w.dilation[i]!, w.before[i]!, w.after[i]!));

/** Geometry of the last two axes as the graph's operators take it; [top, left, bottom, right]. */
export function window2d(w: Geometry): { stride: number[]; dilation: number[]; pad: number[] } {
  const two = (values: number[], fill: number) => (values.length === 1 ? [fill, values[0]!] : values.slice(-2));
  return { stride: two(w.stride, 1), dilation: two(w.dilation, 1), pad: [...two(w.before, 0), ...two(w.after, 0)] };
}

export const kernel2d = (w: Geometry): number[] => (w.kernel.length === 1 ? [1, w.kernel[0]!] : w.kernel.slice(-2));

/** [N,C,…] → [N,…,C] */
export const channelsLast = (g: GraphBuilder, x: string): string => {
  const rank = rankOf(g, x);
  return transpose(g, x, [0, ...range(rank).slice(2), 1]);
};

/** [N,…,C] → [N,C,…] */
export const channelsFirst = (g: GraphBuilder, x: string): string => {
  const rank = rankOf(g, x);
  return transpose(g, x, [0, rank - 1, ...range(rank).slice(1, -1)]);
};

/** Applies a two-dimensional operator to [N,C,L] or [N,C,H,W]. */
export function asImage(g: GraphBuilder, x: string, write: (x: string) => string): string {
  const last = channelsLast(g, x), [N, L, C] = g.shape(last) as [number, number, number];
  if (rankOf(g, x) === 4) return channelsFirst(g, write(last));
  const y = write(reshape(g, last, [N, 1, L, C])), [, , OL, O] = g.shape(y) as [number, number, number, number];
  return channelsFirst(g, reshape(g, y, [N, OL, O]));
}

/** Spatial operators take [N,C] and one to three more axes. */
export function spatialRank(g: GraphBuilder, x: string): number {
  const shape = g.shape(x);
  if (shape.length < 3 || shape.length > 5) misfit(g, `input has shape [${shape.join(",")}], expected [N,C] and one to three spatial axes`);
  return shape.length - 2;
}

/**
 * Weights with their axes in another order, and an axis of size 1 put in at `insert`. What is constant stays constant,
 * also behind a `dequantize`.
 */
export function permuteWeights(g: GraphBuilder, w: string, perm: number[], insert = -1): string {
  const shaped = (shape: number[]) => (insert < 0 ? shape : [...shape.slice(0, insert), 1, ...shape.slice(insert)]);
  const moved = (t: Tensor, quantization?: Quantization) =>
    g.constant(t.name, t.dtype, shaped(perm.map((p) => t.shape[p]!)), permuted(t.dtype, t.data!, t.shape, perm), quantization);
  const t = tensorOf(g.graph, w), q = dequantizedConstant(g, w);
  if (t.data) return moved(t);
  if (!q) return reshape(g, transpose(g, w, perm), shaped(perm.map((p) => t.shape[p]!)));
  const axis = perm.indexOf(q.quantization.axis), shifted = insert >= 0 && axis >= insert ? axis + 1 : axis;
  return g.add("dequantize", [moved(q, { ...q.quantization, axis: q.quantization.scale.length > 1 ? shifted : 0 })], {});
}

/** Whether a tensor is known at conversion as weights are: a constant, or a `dequantize` of one. */
export const isWeight = (g: GraphBuilder, w: string): boolean => tensorOf(g.graph, w).data !== undefined || dequantizedConstant(g, w) !== undefined;

/** The integer constant that a `dequantize` makes `w` of. */
function dequantizedConstant(g: GraphBuilder, w: string): Tensor & { quantization: Quantization } | undefined {
  const producer = tensorOf(g.graph, w).data ? undefined : g.graph.nodes.findLast((node) => node.outputs[0] === w);
  const q = producer?.op === "dequantize" ? tensorOf(g.graph, producer.inputs[0]!) : undefined;
  return q?.data && q.quantization ? (q as Tensor & { quantization: Quantization }) : undefined;
}

/** Equal blocks along `axis` in another order: `order[i]` is the block that comes to place i. Constants stay constants. */
export function reorderBlocks(g: GraphBuilder, x: string, axis: number, order: number[]): string {
  const size = g.shape(x)[axis]!, block = size / order.length, index = order.flatMap((o) => range(block).map((i) => o * block + i));
  const t = tensorOf(g.graph, x), q = dequantizedConstant(g, x);
  if (t.data) return g.constant(t.name, t.dtype, t.shape, taken(t, axis, index));
  if (q) return g.add("dequantize", [g.constant(q.name, q.dtype, q.shape, taken(q, axis, index), takenScales(q.quantization, axis, index))], {});
  return g.add("gather", [x, constant(g, "order", "int64", index)], { axis });
}

function taken(t: Tensor, axis: number, index: number[]): TypedArray {
  const inner = sizeOf(t.shape.slice(axis + 1)), size = t.shape[axis]!, outer = sizeOf(t.shape.slice(0, axis));
  const to = allocate(t.dtype, t.data!.length);
  for (let o = 0; o < outer; o++) for (let i = 0; i < size; i++) {
    const from = (o * size + index[i]!) * inner;
    to.set(t.data!.subarray(from, from + inner), (o * size + i) * inner);
  }
  return to;
}

const takenScales = (q: Quantization, axis: number, index: number[]): Quantization =>
  q.scale.length === 1 || q.axis !== axis ? q : { axis, scale: Float32Array.from(index, (i) => q.scale[i]!), zeroPoint: Int32Array.from(index, (i) => q.zeroPoint[i] ?? q.zeroPoint[0]!) };

function permuted(dtype: DType, data: TypedArray, shape: number[], perm: number[]): TypedArray {
  const to = allocate(dtype, data.length), sizes = perm.map((p) => shape[p]!), steps = perm.map((p) => sizeOf(shape.slice(p + 1)));
  const index = sizes.map(() => 0), last = sizes.length - 1;
  for (let i = 0, from = 0; i < to.length; i++) {
    to[i] = data[from]!;
    for (let axis = last; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < sizes[axis]!) break;
      from -= steps[axis]! * sizes[axis]!;
      index[axis] = 0;
    }
  }
  return to;
}
