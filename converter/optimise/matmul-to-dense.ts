/** matmul(a [...,M,K], b [K,N] constant) → dense(a, bᵀ), also where b is the dequantized form of a constant. */
import type { Node } from "../ir/graph.ts";
import { noClamp } from "../ir/ops.ts";
import type { Rewriter } from "./rewriter.ts";

export function matmulToDense(rw: Rewriter, node: Node): void {
  if (node.op !== "matmul") return;
  const [a, b] = node.inputs as [string, string], shape = rw.shape(b), isMatrix = shape.slice(0, -2).every((d) => d === 1);
  if (!isMatrix || !rw.isFloat(node.outputs[0]!) || rw.constant(a) || !(rw.real(b) ?? rw.constant(rw.by(b, "dequantize")?.inputs[0]))) return;
  const [K, N] = shape.slice(-2) as [number, number], stem = node.name;
  const matrix = rw.add("reshape", [b], { shape: [K, N] }, { stem: b });
  const w = rw.add("transpose", [matrix], { perm: [1, 0] }, { stem: b });
  const target = rw.shape(node.outputs[0]!);
  if (target.length === rw.shape(a).length) return rw.become(node, "dense", [a, w], { clamp: noClamp });
  const y = rw.add("dense", [a, w], { clamp: noClamp }, { stem });
  rw.become(node, "reshape", [y], { shape: [...target] });
}
