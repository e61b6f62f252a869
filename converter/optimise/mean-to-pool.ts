/**
 * Global pooling in one form, whatever the source format calls it:
 *   reduceMean, reduceMax over H, W or both of [N,H,W,C], or over T of [N,T,C] → averagePool2d, maxPool2d with one window
 */
import type { Node } from "../ir/graph.ts";
import { noClamp } from "../ir/ops.ts";
import type { Rewriter } from "./rewriter.ts";

export function meanToPool(rw: Rewriter, node: Node): void {
  if (rw.quantized || (node.op !== "reduceMean" && node.op !== "reduceMax") || !rw.isFloat(node.outputs[0]!)) return;
  const [x] = node.inputs as [string], shape = rw.shape(x), { axes, keepDims } = node.attributes, rank = shape.length;
  if (!(rank === 4 || rank === 3) || axes.length === 0 || axes.some((axis) => axis < 1 || axis > rank - 2)) return;
  const [N, H] = shape as [number, number], W = rank === 4 ? shape[2]! : 1, C = shape.at(-1)!;
  const kernel = [axes.includes(1) ? H : 1, axes.includes(2) ? W : 1];
  if (kernel.some((k) => k < 1 || k > 65535)) return;
  const image = rank === 4 ? x : rw.add("reshape", [x], { shape: [N, H, W, C] }, { stem: node.name });
  const window = { kernel, stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], clamp: noClamp };
  const [op, attributes] = node.op === "reduceMax" ? (["maxPool2d", window] as const) : (["averagePool2d", { ...window, countIncludePad: false }] as const);
  if (rank === 4 && keepDims) return rw.become(node, op, [image], attributes);
  const y = rw.add(op, [image], attributes, { stem: node.name });
  rw.become(node, "reshape", [y], { shape: [...rw.shape(node.outputs[0]!)] });
}
