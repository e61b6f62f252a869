/**
 * A scale per channel that has no layer to go into: x · m → depthwise conv2d(x, m) with a window of 1 × 1. What is added
 * behind becomes its bias, bounds its clamp; what is added before starts it: (x + k) · m. A constant over several of the
 * last axes counts as channels once these are joined.
 * One kernel instead of several, and weights with a scale per channel where the graph is quantized later.
 */
import { sizeOf, type Node } from "../ir/graph.ts";
import { noClamp } from "../ir/ops.ts";
import { stepOf, type Affine } from "./affine-step.ts";
import { foldAffine } from "./fuse-affine.ts";
import type { Rewriter } from "./rewriter.ts";

export function scaleToDepthwise(rw: Rewriter, node: Node): void {
  const step = rw.quantized ? undefined : scaleStep(rw, node);
  if (!step || !(step.scale || (step.shift && isScaledNext(rw, node, step.columns)))) return;
  const scale = step.scale ?? new Float64Array(step.columns).fill(1), shift = step.shift ?? new Float64Array(step.columns);
  if (step.columns === rw.shape(step.x).at(-1) && foldAffine(rw, step.x, node, { scale, shift })) return;
  if (!isBehindConvolution(rw, step.x)) writeDepthwise(rw, node, step.x, scale, shift);
}

const isStep = (node: Node) => node.op === "add" || node.op === "sub" || node.op === "mul" || node.op === "div";

/** A step of float activations with a number per channel; one number for all stays an affine. */
function scaleStep(rw: Rewriter, node: Node): (Affine & { columns: number }) | undefined {
  if (!isStep(node) || !rw.isFloat(node.outputs[0]!)) return undefined;
  const shape = rw.shape(node.outputs[0]!), constant = rw.real(node.inputs[1]) ?? rw.real(node.inputs[0]);
  const first = constant ? constant.shape.findIndex((d) => d !== 1) : -1, rank = constant ? constant.shape.length - first : 0;
  const columns = sizeOf(shape.slice(-rank));
  if (first < 0 || rank >= shape.length || columns !== constant!.data.length || !rw.isReplaceable(constant!.name)) return undefined;
  const step = stepOf(rw, node, columns), numbers = [...(step?.scale ?? []), ...(step?.shift ?? [])];
  return step && rw.isFloat(step.x) && numbers.every((v) => Number.isFinite(Math.fround(v))) ? { ...step, columns } : undefined;
}

function isScaledNext(rw: Rewriter, node: Node, columns: number): boolean {
  const [y] = node.outputs as [string], next = rw.isPrivate(y) ? scaleStep(rw, rw.readersOf(y)[0]!) : undefined;
  return next?.scale !== undefined && next.columns === columns;
}

/** The reshape between will sink, and the scale go into the weights. */
function isBehindConvolution(rw: Rewriter, x: string): boolean {
  const image = rw.by(x, "reshape")?.inputs[0];
  return image !== undefined && rw.isPrivate(image) && rw.isPrivate(x) && rw.by(image, "conv2d") !== undefined;
}

function writeDepthwise(rw: Rewriter, node: Node, x: string, scale: Float64Array, shift: Float64Array): void {
  const shape = rw.shape(x), C = scale.length, stem = node.name, isImage = shape.length === 4 && shape[3] === C;
  const w = rw.addReal(`${stem} scale`, [C, 1, 1, 1], Float32Array.from(scale));
  const bias = shift.some((k) => k !== 0) ? [rw.addReal(`${stem} shift`, [C], Float32Array.from(shift))] : [];
  const attributes = { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: C, clamp: noClamp };
  if (isImage) return rw.become(node, "conv2d", [x, w, ...bias], attributes);
  const image = rw.add("reshape", [x], { shape: [1, 1, sizeOf(shape) / C, C] }, { stem });
  const y = rw.add("conv2d", [image, w, ...bias], attributes, { stem });
  rw.become(node, "reshape", [y], { shape: [...shape] });
}
