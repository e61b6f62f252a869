/** What changes nothing goes: reshape to the same shape, pad by 0, affine 1 · x + 0, a mean over one element, … */
import { sizeOf, type Node, type Tensor } from "../ir/graph.ts";
import type { Rewriter } from "./rewriter.ts";

export function removeIdentities(rw: Rewriter, node: Node): void {
  const [x] = node.inputs, [y] = node.outputs;
  if (!x || !y || node.outputs.length > 1 || !sameForm(rw.tensor(x), rw.tensor(y))) return;
  if (sameShape(rw.shape(x), rw.shape(y)) ? isIdentity(rw, node) : isReshape(rw, node)) {
    if (sameShape(rw.shape(x), rw.shape(y))) rw.bypass(node, x);
    else rw.become(node, "reshape", [x], { shape: [...rw.shape(y)] });
  }
}

const sameShape = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((d, i) => d === b[i]);

/** Same dtype, and the same real numbers for the same integers. */
export function sameForm(a: Tensor, b: Tensor): boolean {
  const p = a.quantization, q = b.quantization;
  if (a.dtype !== b.dtype || !p !== !q) return false;
  return !p || (p.axis === q!.axis || p.scale.length === 1) && sameShape([...p.scale], [...q!.scale]) && sameShape([...p.zeroPoint], [...q!.zeroPoint]);
}

const zero = (values: readonly number[]) => values.every((v) => v === 0);
const one = (values: readonly number[]) => values.every((v) => v === 1);
const unbounded = ({ clamp: [lo, hi] }: { clamp: readonly [number, number] }) => lo === -Infinity && hi === Infinity;

/** The shapes are equal already. */
function isIdentity(rw: Rewriter, node: Node): boolean {
  switch (node.op) {
    case "reshape": case "expand": case "tile": case "cast": case "requantize": return true;
    case "transpose": return keepsOrder(rw.shape(node.inputs[0]!), node.attributes.perm);
    case "concat": return node.inputs.length === 1;
    case "slice": return node.attributes.steps.every((s, i) => s === 1 || rw.shape(node.inputs[0]!)[i] === 1);
    case "pad": return zero(node.attributes.before) && zero(node.attributes.after);
    case "affine": return node.attributes.alpha === 1 && node.attributes.beta === 0;
    case "clip": return node.attributes.alpha === -Infinity && node.attributes.beta === Infinity;
    case "resample": return node.attributes.taps === 1 && one(node.attributes.weights) && node.attributes.indices.every((v, i) => v === i);
    case "maxPool2d": case "averagePool2d":
      return one(node.attributes.kernel) && one(node.attributes.stride) && zero(node.attributes.pad) && unbounded(node.attributes);
    default: return isReshape(rw, node);
  }
}

const overOne = new Set<string>(["reduceSum", "reduceMean", "reduceMax", "reduceMin", "reduceProd", "reduceLogSumExp"]);

/** Reductions over axes of one element, and what only adds axes of size 1. */
function isReshape(rw: Rewriter, node: Node): boolean {
  const shape = rw.shape(node.inputs[0]!);
  if (overOne.has(node.op)) return (node.attributes as { axes: number[] }).axes.every((a) => shape[a] === 1);
  return node.op === "expand" && sizeOf(shape) === sizeOf(node.attributes.shape);
}

/** Whether a transpose moves only axes of size 1, and so no element. */
export function keepsOrder(shape: readonly number[], perm: readonly number[]): boolean {
  const moved = perm.filter((p) => shape[p] !== 1);
  return moved.every((p, i) => i === 0 || p > moved[i - 1]!);
}
