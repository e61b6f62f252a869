/**
 * Group normalization of channels-first images joins channels and pixels that lie apart in channels-last ones:
 *   normalize(reshape(transpose(x))) over joined axes → reshape(normalize(reshape(transpose(x)))) over their parts
 * so that the transpose can pass.
 */
import type { Node } from "../../ir/graph.ts";
import type { Rewriter } from "../rewriter.ts";
import { equal } from "./permutation.ts";

export function splitNormalize(rw: Rewriter, node: Node): void {
  if (node.op !== "normalize") return;
  const reshape = rw.by(node.inputs[0], "reshape"), transpose = rw.by(reshape?.inputs[0], "transpose");
  if (!reshape || !transpose) return;
  const joined = rw.shape(reshape.outputs[0]!), parts = refinement(rw.shape(transpose.outputs[0]!), joined);
  if (!parts || equal(parts.sizes, joined)) return;
  const apart = rw.add("reshape", [transpose.outputs[0]!], { shape: parts.sizes }, { stem: reshape.name });
  const axes = parts.owners.flatMap((owner, axis) => (node.attributes.axes.includes(owner) ? [axis] : []));
  const y = rw.add("normalize", [apart], { axes, epsilon: node.attributes.epsilon }, { stem: node.name });
  rw.become(node, "reshape", [y], { shape: joined });
}

/** The sizes that both shapes are products of, and the axis of `to` that each belongs to. */
function refinement(from: readonly number[], to: readonly number[]): { sizes: number[]; owners: number[] } | undefined {
  const sizes: number[] = [], owners: number[] = [], left = from.filter((d) => d !== 1);
  for (const [owner, size] of to.entries()) {
    let rest = size;
    if (size === 1) push(1, owner);
    while (rest > 1) {
      const part = left.shift() ?? 1, common = part % rest === 0 ? rest : rest % part === 0 ? part : 1;
      if (common === 1) return undefined;
      push(common, owner);
      rest /= common;
      if (part > common) left.unshift(part / common);
    }
  }
  return { sizes, owners };

  function push(size: number, owner: number): void {
    sizes.push(size);
    owners.push(owner);
  }
}
