/** Gradients of conv2d and of biases. */
import { sizeOf, type Node } from "../ir/graph.ts";
import { noClamp } from "../ir/ops.ts";
import { accumulatorOf } from "./accumulator.ts";
import type { LoweringContext, Operand } from "./context.ts";
import { byPhases, windowFields } from "./conv.ts";
import { depthwiseInputGrad, depthwiseWeightGrad, isDepthwise } from "./depthwise.grad.ts";
import { product } from "./dense.ts";
import { copyStrided } from "./move.ts";

/** Windows in scratch, for each so many of which sums are loaded and stored once: as many as fit into 64 KB, or into half the bytes of large weights. */
const SCRATCH_BYTES = 65536, FEWEST = 8, MOST = 128;

/** assembly/kernels/conv2d.grad.ts: an odd number of cache lines. */
const windowBytes = (K: number): number => (Math.ceil((4 * K) / 64) | 1) * 64;

/** assembly/kernels/conv2d.grad.ts: panels of four channels, up to a cache line for a pixel. */
const panelBytes = (channels: number): number => 16 * Math.max(1, Math.min(4, channels >> 2));

/** True if output pixel i reads input pixel i and no other. */
const isPlain = (a: { stride: number[]; pad: number[]; groups: number }, kernel: readonly number[]): boolean =>
  sizeOf(kernel) === 1 && a.groups === 1 && a.stride.every((s) => s === 1) && a.pad.every((p) => p === 0);

export function conv2dWeightGrad(node: Node<"conv2dWeightGrad">, c: LoweringContext): void {
  const [acc, x, dy] = node.inputs as [string, string, string], dw = node.outputs[0]!, { stride, dilation, pad, groups } = node.attributes;
  if (isDepthwise(c.tensor(acc).shape, groups)) return depthwiseWeightGrad(node, c);
  const [O, KH, KW, Cg] = c.tensor(acc).shape as [number, number, number, number], image = c.tensor(x).shape, output = c.tensor(dy).shape.slice(1, 3);
  const pixels = image[0]! * sizeOf(output), K = KH * KW * Cg, window = isPlain(node.attributes, [KH, KW]) ? 0 : windowBytes(K);
  const perPixel = window + panelBytes(O / groups), worth = Math.max(SCRATCH_BYTES, 2 * O * K), chunk = Math.min(pixels, MOST, Math.max(FEWEST, Math.floor(worth / perPixel)));
  c.call("conv2dWeightGrad", {
    ...windowFields({ x: image, output, kernel: [KH, KW], stride, dilation, pad }), x: c.at(x), dy: c.at(dy), dw: accumulatorOf(c, acc, dw), t: c.scratch(chunk * perPixel + 16), O, groups, chunk,
  }, ["dw"], pixels * O * K);
}

/** A transposed convolution with the roles of O and C exchanged; a dense layer's is a product with its weights as they are. */
export function conv2dInputGrad(node: Node<"conv2dInputGrad">, c: LoweringContext): void {
  const [dy, w] = node.inputs as [string, string], dx = node.outputs[0]!, { groups, ...geometry } = node.attributes;
  const [O, KH, KW, Cg] = c.tensor(w).shape as [number, number, number, number], Og = O / groups;
  if (isDepthwise([O, KH, KW, Cg], groups)) return depthwiseInputGrad(node, c);
  if (isPlain(node.attributes, [KH, KW])) return product(c, c.at(dy), c.at(w), c.at(dx), [sizeOf(c.tensor(dy).shape) / O, O, Cg]);
  byPhases(c, node, { ...geometry, kernel: [KH, KW] }, (down, across) =>
    ({ O: groups * Cg, Cg: Og, groups, clamp: noClamp, weights: turned(c, w, groups, down, across) }));
}

/** w [O,KH,KW,C/g] at these taps → [groups][ceil(C/g / 8)][taps · O/g][8], as conv2dF32 reads weights whose outputs are C. */
function turned(c: LoweringContext, w: string, groups: number, down: readonly number[], across: readonly number[]): Operand {
  const [O, KH, KW, Cg] = c.tensor(w).shape as [number, number, number, number], Og = O / groups, taps = down.length * across.length, K = taps * Og;
  const blocks = Math.ceil(Cg / 8), whole = Cg >> 3, size = groups * blocks * 8 * K, packed = c.scratch(4 * size), isEmpty = down[0]! < 0 || across[0]! < 0;
  if (Cg & 7 || isEmpty) c.call("fill", { y: packed, n: size, bytes: 4, bits: 0 }, ["y"]);
  if (isEmpty) return packed;
  const step = (list: readonly number[]) => (list.length > 1 ? list[1]! - list[0]! : 0), start = (down[0]! * KW + across[0]!) * Cg;
  const copyBlocks = (first: number, count: number, width: number) => copyStrided(c, [groups, down.length, across.length, count, Og, width], 4,
    { at: c.at(w), start: start + 8 * first, strides: [Og * KH * KW * Cg, step(down) * KW * Cg, step(across) * Cg, 8, KH * KW * Cg, 1] },
    { at: packed, start: 8 * K * first, strides: [blocks * 8 * K, across.length * Og * 8, Og * 8, 8 * K, 8, 1] });
  copyBlocks(0, whole, 8);
  copyBlocks(whole, blocks - whole, Cg & 7);
  return packed;
}

export function biasGrad(node: Node<"biasGrad">, c: LoweringContext): void {
  const [acc, dy] = node.inputs as [string, string], db = node.outputs[0]!, O = sizeOf(c.tensor(acc).shape), rows = sizeOf(c.tensor(dy).shape) / O;
  c.call("biasGrad", { dy: c.at(dy), db: accumulatorOf(c, acc, db), rows, O }, ["db"]);
}
