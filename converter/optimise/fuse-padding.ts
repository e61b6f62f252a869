/**
 * Zeros around the image go into the window of their only reader:
 *   conv2d(pad(x, 0)) → conv2d(x) with more padding
 *   averagePool2d(pad(x, 0)) → averagePool2d(x) that counts its padding
 *   maxPool2d(pad(x, v)) → maxPool2d(x), where v is −∞, or no window sees padding alone and x ≥ v
 *   pad(pad(x)) → pad(x) of the same value
 */
import type { Node } from "../ir/graph.ts";
import { sameForm } from "./remove-identities.ts";
import type { Rewriter } from "./rewriter.ts";

export function fusePadding(rw: Rewriter, node: Node): void {
  const pad = rw.by(node.inputs[0], "pad");
  if (!pad || !rw.isPrivate(pad.outputs[0]!) || pad.attributes.mode !== "constant" || !sameForm(rw.tensor(pad.inputs[0]!), rw.tensor(pad.outputs[0]!))) return;
  if (node.op === "pad") return mergePads(rw, pad, node);
  const amounts = spatial(pad);
  if (!amounts) return;
  const { value } = pad.attributes, inputs = [pad.inputs[0]!, ...node.inputs.slice(1)];
  if (node.op === "conv2d" && value === 0) rw.become(node, "conv2d", inputs, { ...node.attributes, pad: sum(node.attributes.pad, amounts) });
  if (node.op === "averagePool2d" && value === 0 && (node.attributes.countIncludePad || node.attributes.pad.every((p) => p === 0)))
    rw.become(node, "averagePool2d", inputs, { ...node.attributes, pad: sum(node.attributes.pad, amounts), countIncludePad: true });
  if (node.op === "maxPool2d" && (value === -Infinity || (lowerBound(rw, pad.inputs[0]!) >= value && touches(rw, pad, node, amounts))))
    rw.become(node, "maxPool2d", inputs, { ...node.attributes, pad: sum(node.attributes.pad, amounts) });
}

const sum = (a: readonly number[], b: readonly number[]) => a.map((v, i) => v + b[i]!);

/** [top, left, bottom, right] of a padding that touches nothing but height and width, and adds only. */
function spatial({ attributes: { before, after } }: Node<"pad">): number[] | undefined {
  const others = before.length === 4 && [0, 3].every((axis) => before[axis] === 0 && after[axis] === 0);
  const amounts = [before[1]!, before[2]!, after[1]!, after[2]!];
  return others && amounts.every((p) => p >= 0) ? amounts : undefined;
}

/** The least value that a tensor can have, as far as its producer tells. */
function lowerBound(rw: Rewriter, name: string): number {
  const node = rw.producer(name);
  if (!node) return -Infinity;
  if (node.op === "clip") return node.attributes.alpha;
  if (node.op === "sigmoid" || node.op === "hardSigmoid" || node.op === "softmax" || node.op === "abs" || node.op === "exp") return 0;
  if (node.op === "maxPool2d" || node.op === "reshape" || node.op === "transpose") return Math.max(boundOf(node), lowerBound(rw, node.inputs[0]!));
  return boundOf(node);
}
const boundOf = (node: Node) => (node.attributes as { clamp?: readonly number[] }).clamp?.[0] ?? -Infinity;

/** Whether every window that had the padded image under it has a part of the image itself. */
function touches(rw: Rewriter, pad: Node<"pad">, pool: Node<"maxPool2d">, amounts: number[]): boolean {
  const { kernel, stride, dilation, pad: own } = pool.attributes, x = rw.shape(pad.inputs[0]!), y = rw.shape(pool.outputs[0]!);
  return [0, 1].every((axis) => {
    const before = own[axis]! + amounts[axis]!, lastStart = (y[1 + axis]! - 1) * stride[axis]! - before;
    const gapless = dilation[axis] === 1 || x[1 + axis]! >= dilation[axis]!;
    return gapless && before <= dilation[axis]! * (kernel[axis]! - 1) && lastStart < x[1 + axis]!;
  });
}

function mergePads(rw: Rewriter, inner: Node<"pad">, outer: Node<"pad">): void {
  const a = inner.attributes, b = outer.attributes;
  if (b.mode !== "constant" || a.value !== b.value || [...a.before, ...a.after, ...b.before, ...b.after].some((p) => p < 0)) return;
  rw.become(outer, "pad", [inner.inputs[0]!], { ...b, before: sum(a.before, b.before), after: sum(a.after, b.after) });
}
