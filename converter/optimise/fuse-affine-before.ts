/**
 * A scale and a shift per input element before a layer go into its weights and bias:
 *   dense(x · m + k, w, b) → dense(x, w[o,i] · m[i], b[o] + Σi w[o,i] · k[i])          also through a reshape
 *   conv2d(x · m + k, w, b) → conv2d(x, w[o,u,v,c] · m[c], b[o] + Σ w[o,u,v,c] · k[c])  where zeros of a padding stay zeros
 */
import type { Node } from "../ir/graph.ts";
import { stepOf, type Affine } from "./affine-step.ts";
import type { Rewriter } from "./rewriter.ts";

export function fuseAffineBefore(rw: Rewriter, node: Node): void {
  if ((node.op !== "dense" && node.op !== "conv2d") || !rw.isPrivate(node.inputs[0]!)) return;
  const reshape = node.op === "dense" ? rw.by(node.inputs[0], "reshape") : undefined, y = reshape?.inputs[0] ?? node.inputs[0]!;
  const weights = rw.real(node.inputs[1]), bias = node.inputs[2] ? rw.real(node.inputs[2]) : undefined, step = rw.producer(y);
  if (!weights || !rw.isReplaceable(weights.name) || (node.inputs[2] && !bias) || !step || !rw.isPrivate(y) || !rw.isFloat(node.outputs[0]!)) return;
  const affine = stepOf(rw, step, weights.shape.at(-1)! * (node.op === "conv2d" ? node.attributes.groups : 1));
  if (!affine || !rw.isFloat(affine.x) || (node.op === "conv2d" && affine.shift && node.attributes.pad.some((p) => p > 0))) return;
  const { w, b } = folded(weights, bias?.data, affine, node.op === "conv2d" ? node.attributes.groups : 1);
  if (![...w, ...b].every(Number.isFinite)) return;
  const x = reshape ? rw.add("reshape", [affine.x], reshape.attributes, { stem: reshape.name }) : affine.x;
  const biases = bias || affine.shift ? [rw.addReal(node.inputs[2] || `${node.name} bias`, [b.length], b)] : [];
  rw.become(node, node.op, [x, rw.addReal(node.inputs[1]!, weights.shape, w), ...biases], node.attributes);
}

interface Real { shape: number[]; data: Float32Array }

/** w [O,…,I/groups]: output o reads the inputs of its group. */
function folded(weights: Real, bias: Float32Array | undefined, { scale, shift }: Affine, groups: number): { w: Float32Array; b: Float32Array } {
  const O = weights.shape[0]!, K = weights.data.length / O, I = weights.shape.at(-1)!, w = new Float32Array(weights.data.length), b = new Float32Array(O);
  for (let o = 0; o < O; o++) {
    const first = Math.floor(o / (O / groups)) * I;
    let sum = bias?.[o] ?? 0;
    for (let k = 0; k < K; k++) {
      const v = weights.data[o * K + k]!, column = first + (k % I);
      w[o * K + k] = scale ? v * scale[column]! : v;
      if (shift) sum += v * shift[column]!;
    }
    b[o] = sum;
  }
  return { w, b };
}
