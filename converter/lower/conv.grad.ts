/** Gradients of conv2d. */
import type { Node } from "../ir/graph.ts";
import { accumulatorOf } from "./accumulator.ts";
import type { LoweringContext } from "./context.ts";
import { windowFields } from "./conv.ts";

/** Windows in scratch, for each so many of which sums are loaded and stored once: as many as fit into 64 KB, or into half the bytes of large weights. */
const SCRATCH_BYTES = 65536, FEWEST = 8, MOST = 64;

/** assembly/kernels/conv2d.grad.ts: an odd number of cache lines. */
const windowBytes = (K: number): number => (Math.ceil((4 * K) / 64) | 1) * 64;

export function conv2dWeightGrad(node: Node<"conv2dWeightGrad">, c: LoweringContext): void {
  const [acc, x, dy] = node.inputs as [string, string, string], dw = node.outputs[0]!, { stride, dilation, pad, groups } = node.attributes;
  const [O, KH, KW, Cg] = c.tensor(acc).shape as [number, number, number, number], image = c.tensor(x).shape, output = c.tensor(dy).shape.slice(1, 3);
  const pixels = image[0]! * output[0]! * output[1]!, K = KH * KW * Cg, isPlain = KH * KW === 1 && groups === 1 && stride.every((s) => s === 1) && pad.every((p) => p === 0);
  const perPixel = (isPlain ? 0 : windowBytes(K)) + 20 * Math.ceil(O / groups / 5), worth = Math.max(SCRATCH_BYTES, 2 * O * K);
  const chunk = Math.min(pixels, MOST, Math.max(FEWEST, Math.floor(worth / perPixel)));
  c.call("conv2dWeightGrad", {
    ...windowFields({ x: image, output, kernel: [KH, KW], stride, dilation, pad }), x: c.at(x), dy: c.at(dy), dw: accumulatorOf(c, acc, dw), t: c.scratch(chunk * perPixel + 16), O, groups, chunk,
  }, ["dw"], pixels * O * K);
}
