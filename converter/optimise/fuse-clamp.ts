/** clip(op(x)) → op(x) with bounds, for the operators whose kernels clamp on their way out. */
import type { Node } from "../ir/graph.ts";
import type { Clamp, OpName } from "../ir/ops.ts";
import type { Rewriter } from "./rewriter.ts";
import { composed } from "./scalar-arithmetic.ts";

const clamping = new Set<OpName>(["conv2d", "convTranspose2d", "dense", "maxPool2d", "averagePool2d", "add", "sub", "mul"]);

export function fuseClamp(rw: Rewriter, node: Node): void {
  if (node.op !== "clip") return;
  const [x] = node.inputs, writer = rw.producer(x!), { alpha, beta } = node.attributes;
  if (!writer || !clamping.has(writer.op) || !rw.isPrivate(x!) || !rw.isFloat(x!) || !rw.isFloat(node.outputs[0]!) || !(alpha <= beta)) return;
  const attributes = writer.attributes as { clamp: Clamp };
  rw.takeOver(writer, node, { attributes: { ...writer.attributes, clamp: composed(attributes.clamp, [alpha, beta]) } as never });
}
