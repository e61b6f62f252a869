/**
 * transpose(transpose(x)) → transpose(x); transpose or reshape of a dequantized constant → dequantize of the moved constant;
 * a transpose that moves only axes of size 1 → reshape.
 */
import type { Node } from "../../ir/graph.ts";
import { reshaped, transposed } from "../fold-constants.ts";
import { keepsOrder } from "../remove-identities.ts";
import type { Rewriter } from "../rewriter.ts";
import { compose } from "./permutation.ts";
import { sameScale } from "./view.ts";

export function mergeTransposes(rw: Rewriter, node: Node): void {
  if (node.op !== "transpose") return;
  const inner = rw.by(node.inputs[0], "transpose"), x = inner?.inputs[0];
  if (x && sameScale(rw, x, node.outputs[0]!)) rw.become(node, "transpose", [x], { perm: compose(inner.attributes.perm, node.attributes.perm) });
}

export function liftToConstants(rw: Rewriter, node: Node): void {
  if (node.op !== "transpose" && node.op !== "reshape") return;
  const q = rw.constant(rw.by(node.inputs[0], "dequantize")?.inputs[0]), like = rw.tensor(node.outputs[0]!);
  const quantization = q?.quantization && (node.op === "transpose" ? transposed(q.quantization, node.attributes.perm) : reshaped(q, like));
  if (!quantization) return;
  const moved = rw.add(node.op, [q.name], node.attributes, { stem: q.name, like: { ...like, dtype: q.dtype, quantization } });
  rw.become(node, "dequantize", [moved], {});
}

/** Last: as a transpose it can still sink with its like. */
export function transposeToReshape(rw: Rewriter, node: Node): void {
  if (node.op !== "transpose" || !keepsOrder(rw.shape(node.inputs[0]!), node.attributes.perm) || !sameScale(rw, node.inputs[0]!, node.outputs[0]!)) return;
  rw.become(node, "reshape", [node.inputs[0]!], { shape: [...rw.shape(node.outputs[0]!)] });
}
