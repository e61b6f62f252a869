/**
 * Batch normalization: with m = scale / √(variance + ε) and k = bias − mean · m,
 *   batchNorm(conv(x, w, b)) → conv(x, m · w, m · b + k); behind anything else → x · m + k with constants.
 */
import type { Node } from "../ir/graph.ts";
import { noClamp } from "../ir/ops.ts";
import { foldAffine } from "./fuse-affine.ts";
import type { Rewriter } from "./rewriter.ts";

export function foldBatchnorm(rw: Rewriter, node: Node): void {
  if (node.op !== "batchNorm" || !rw.isFloat(node.outputs[0]!) || !rw.isFloat(node.inputs[0]!)) return;
  const [scale, bias, mean, variance] = node.inputs.slice(1).map((name) => rw.real(name)?.data);
  if (!scale || !bias || !mean || !variance || !rw.isReplaceable(node.inputs[1]!)) return;
  const m = Float64Array.from(scale, (s, c) => s / Math.sqrt(variance[c]! + node.attributes.epsilon));
  const k = Float64Array.from(bias, (b, c) => b - mean[c]! * m[c]!);
  const x = node.inputs[0]!, shape = rw.shape(x), { axis } = node.attributes;
  if (axis === shape.length - 1 && foldAffine(rw, x, node, { scale: m, shift: k })) return;
  const constant = (name: string, values: Float64Array) => rw.addReal(name, [values.length, ...shape.slice(axis + 1).map(() => 1)], Float32Array.from(values));
  const product = rw.add("mul", [x, constant(`${node.name} scale`, m)], { clamp: noClamp }, { stem: node.name });
  rw.become(node, "add", [product, constant(`${node.name} shift`, k)], { clamp: noClamp });
}
