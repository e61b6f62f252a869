/**
 * Zeros around the image go into the window of their only reader:
 *   conv2d(pad(x, 0)) → conv2d(x) with more padding
 *   averagePool2d(pad(x, 0)) → averagePool2d(x) that counts its padding
 *   maxPool2d(pad(x, v)) → maxPool2d(x), where v is −∞, or no window sees padding alone and x ≥ v
 * also with a transpose between the two, which stays;
 *   pad(pad(x)) → pad(x) of the same value
 */
import type { Node } from "../ir/graph.ts";
import { sameForm } from "./remove-identities.ts";
import type { Rewriter } from "./rewriter.ts";

export function fusePadding(rw: Rewriter, node: Node): void {
  const turn = rw.by(node.inputs[0], "transpose"), pad = rw.by(turn && rw.isPrivate(turn.outputs[0]!) ? turn.inputs[0] : node.inputs[0], "pad");
  if (!pad || !rw.isPrivate(pad.outputs[0]!) || pad.attributes.mode !== "constant" || !sameForm(rw.tensor(pad.inputs[0]!), rw.tensor(pad.outputs[0]!))) return;
  if (node.op === "pad") return turn ? undefined : mergePads(rw, pad, node);
  const amounts = spatial(pad, turn?.attributes.perm), fits = amounts && fusedPad(rw, node, pad, amounts);
  if (!fits) return;
  const x = turn ? rw.add("transpose", [pad.inputs[0]!], turn.attributes, { stem: turn.name, like: rw.tensor(turn.outputs[0]!) }) : pad.inputs[0]!;
  rw.become(node, node.op, [x, ...node.inputs.slice(1)], fits);
}

/** The attributes of `node` with the padding in its window, or undefined where that would be something else. */
function fusedPad(rw: Rewriter, node: Node, pad: Node<"pad">, amounts: number[]): Node["attributes"] | undefined {
  const { value } = pad.attributes;
  if (node.op === "conv2d" && value === 0) return { ...node.attributes, pad: sum(node.attributes.pad, amounts) };
  if (node.op === "averagePool2d" && value === 0 && (node.attributes.countIncludePad || node.attributes.pad.every((p) => p === 0)))
    return { ...node.attributes, pad: sum(node.attributes.pad, amounts), countIncludePad: true };
  if (node.op === "maxPool2d" && (value === -Infinity || (lowerBound(rw, pad.inputs[0]!) >= value && touches(rw, node, amounts))))
    return { ...node.attributes, pad: sum(node.attributes.pad, amounts) };
  return undefined;
}

const sum = (a: readonly number[], b: readonly number[]) => a.map((v, i) => v + b[i]!);

/** [top, left, bottom, right] of a padding, seen behind the transpose `perm`, that touches nothing but height and width and adds only. */
function spatial({ attributes }: Node<"pad">, perm: readonly number[] = [0, 1, 2, 3]): number[] | undefined {
  const before = perm.map((p) => attributes.before[p]!), after = perm.map((p) => attributes.after[p]!);
  const others = attributes.before.length === 4 && [0, 3].every((axis) => before[axis] === 0 && after[axis] === 0);
  const amounts = [before[1]!, before[2]!, after[1]!, after[2]!];
  return others && amounts.every((p) => p >= 0) ? amounts : undefined;
}

/** The least value that a tensor can have, as far as its nearest producers tell. */
function lowerBound(rw: Rewriter, name: string, depth = 0): number {
  const node = rw.producer(name);
  if (!node || depth > 8) return -Infinity;
  if (node.op === "clip") return node.attributes.alpha;
  if (node.op === "sigmoid" || node.op === "hardSigmoid" || node.op === "softmax" || node.op === "abs" || node.op === "exp") return 0;
  if (node.op === "maxPool2d" || node.op === "reshape" || node.op === "transpose") return Math.max(boundOf(node), lowerBound(rw, node.inputs[0]!, depth + 1));
  return boundOf(node);
}
const boundOf = (node: Node) => (node.attributes as { clamp?: readonly number[] }).clamp?.[0] ?? -Infinity;

/** Whether every window that had the padded image under it has a part of the image itself. */
function touches(rw: Rewriter, pool: Node<"maxPool2d">, amounts: number[]): boolean {
  const { kernel, stride, dilation, pad: own } = pool.attributes, padded = rw.shape(pool.inputs[0]!), y = rw.shape(pool.outputs[0]!);
  return [0, 1].every((axis) => {
    const size = padded[1 + axis]! - amounts[axis]! - amounts[axis + 2]!, before = own[axis]! + amounts[axis]!;
    const gapless = dilation[axis] === 1 || size >= dilation[axis]!, lastStart = (y[1 + axis]! - 1) * stride[axis]! - before;
    return gapless && before <= dilation[axis]! * (kernel[axis]! - 1) && lastStart < size;
  });
}

function mergePads(rw: Rewriter, inner: Node<"pad">, outer: Node<"pad">): void {
  const a = inner.attributes, b = outer.attributes;
  if (b.mode !== "constant" || a.value !== b.value || [...a.before, ...a.after, ...b.before, ...b.after].some((p) => p < 0)) return;
  rw.become(outer, "pad", [inner.inputs[0]!], { ...b, before: sum(a.before, b.before), after: sum(a.after, b.after) });
}
