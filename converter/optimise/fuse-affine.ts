/**
 * A scale and a shift per output channel behind a convolution or a dense layer go into its weights and bias:
 *   m[o] · (Σ w[o,…] · x + b[o]) + k[o] → Σ (m[o] · w[o,…]) · x + (m[o] · b[o] + k[o])
 * for add, sub, mul, div with constants, for affine, and for hardSigmoid, which is an affine in [0, 1]. A clamp in between
 * allows one positive m and one k: it moves along.
 */
import type { Node } from "../ir/graph.ts";
import type { Attributes } from "../ir/ops.ts";
import type { Rewriter } from "./rewriter.ts";

type Linear = Node<"conv2d"> | Node<"convTranspose2d"> | Node<"dense">;
/** m and k per channel of the last axis. */
export interface ChannelAffine { scale: Float64Array; shift: Float64Array }

export function fuseAffine(rw: Rewriter, node: Node): void {
  for (const side of [0, 1]) {
    const affine = affineAfter(rw, node, side);
    if (affine && foldAffine(rw, node.inputs[side]!, node, affine)) return;
  }
}

/** What `node` does to its operand number `side`, if that is a scale and a shift of the last axis. */
function affineAfter(rw: Rewriter, node: Node, side: number): ChannelAffine | undefined {
  const x = node.inputs[side], channels = x ? rw.shape(x).at(-1) : undefined;
  if (channels === undefined || !node.outputs[0] || rw.shape(x!).join() !== rw.shape(node.outputs[0]).join()) return undefined;
  const all = (v: number) => new Float64Array(channels).fill(v);
  if (node.op === "affine" || node.op === "hardSigmoid") return { scale: all(node.attributes.alpha), shift: all(node.attributes.beta) };
  const c = node.inputs.length === 2 ? perChannel(rw, node.inputs[1 - side]!, channels) : undefined;
  if (!c) return undefined;
  if (node.op === "add") return { scale: all(1), shift: c };
  if (node.op === "sub") return side === 0 ? { scale: all(1), shift: c.map((v) => -v) } : { scale: all(-1), shift: c };
  if (node.op === "mul") return { scale: c, shift: all(0) };
  if (node.op === "div" && side === 0) return { scale: c.map((v) => 1 / v), shift: all(0) };
  return undefined;
}

/** A constant that varies along the last axis only, as one number per channel. */
export function perChannel(rw: Rewriter, name: string, channels: number): Float64Array | undefined {
  const constant = rw.real(name), size = constant?.data.length;
  if (!constant || (size !== 1 && (size !== channels || constant.shape.at(-1) !== channels))) return undefined;
  return size === 1 ? new Float64Array(channels).fill(constant.data[0]!) : Float64Array.from(constant.data);
}

/**
 * Writes scale and shift into the producer of `x`, which then computes what `last` did.
 * @returns false where its weights are no float constants, or others read `x`
 */
export function foldAffine(rw: Rewriter, x: string, last: Node, affine: ChannelAffine): boolean {
  const writer = rw.producer(x) as Linear | undefined;
  if (!writer || !["conv2d", "convTranspose2d", "dense"].includes(writer.op) || !rw.isPrivate(x) || !rw.isFloat(last.outputs[0]!)) return false;
  const [from, w, b] = writer.inputs, weights = rw.real(w), bias = b ? rw.real(b) : undefined, clamp = clampAfter(writer.attributes.clamp, affine);
  if (!weights || (b && !bias) || !clamp || !rw.isReplaceable(w!) || ![...affine.scale, ...affine.shift].every(Number.isFinite)) return false;
  const O = weights.shape[0]!, K = weights.data.length / O;
  const w2 = affine.scale.every((s) => s === 1) ? w! : rw.addReal(w!, weights.shape, weights.data.map((v, i) => v * affine.scale[Math.floor(i / K)]!));
  const b2 = rw.addReal(b || `${writer.name} bias`, [O], Float32Array.from(affine.shift, (k, o) => (bias ? bias.data[o]! : 0) * affine.scale[o]! + k));
  const after = last.op === "hardSigmoid" ? ([0, 1] as const) : (last.attributes as { clamp?: [number, number] }).clamp;
  const attributes = { ...writer.attributes, clamp: after ? intersect(clamp, after) : clamp } as Attributes<Linear["op"]>;
  rw.takeOver(writer as Node<Linear["op"]>, last, { inputs: [from!, w2, b2], attributes });
  return true;
}

/** Bounds behind scale and shift; undefined where they would differ from channel to channel. */
function clampAfter([lo, hi]: [number, number], { scale, shift }: ChannelAffine): [number, number] | undefined {
  if (lo === -Infinity && hi === Infinity) return [lo, hi];
  const m = scale[0]!, k = shift[0]!;
  return m > 0 && scale.every((s) => s === m) && shift.every((s) => s === k) ? [m * lo + k, m * hi + k] : undefined;
}

const intersect = (first: [number, number], [lo, hi]: readonly [number, number]): [number, number] => {
  const bound = (v: number) => Math.min(hi, Math.max(lo, v));
  return [bound(first[0]), bound(first[1])];
};
