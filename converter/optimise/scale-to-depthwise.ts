/**
 * A scale per channel that has no layer to go into: x · m → depthwise conv2d(x, m) with a window of 1 × 1. What is added
 * behind becomes its bias, bounds its clamp (fuse-affine, fuse-clamp); what is added before starts it: (x + k) · m.
 * One kernel instead of several, and weights with a scale per channel where the graph is quantized later.
 */
import { sizeOf, type Node } from "../ir/graph.ts";
import { noClamp } from "../ir/ops.ts";
import { affineAfter, foldAffine, type ChannelAffine } from "./fuse-affine.ts";
import type { Rewriter } from "./rewriter.ts";

export function scaleToDepthwise(rw: Rewriter, node: Node): void {
  if (rw.quantized || !isStep(node)) return;
  for (const side of [0, 1]) {
    const affine = perChannelStep(rw, node, side), x = node.inputs[side]!;
    if (!affine || !(isScale(affine) || (isShift(affine) && isScaledNext(rw, node)))) continue;
    if (isBehindConvolution(rw, x) || foldAffine(rw, x, node, affine)) return;
    return writeDepthwise(rw, node, x, affine);
  }
}

const isStep = (node: Node) => node.op === "add" || node.op === "sub" || node.op === "mul" || node.op === "div";
const varies = (values: Float64Array) => values.some((v) => v !== values[0]);
const isScale = ({ scale }: ChannelAffine) => varies(scale);
const isShift = ({ shift }: ChannelAffine) => varies(shift);

/** The reshape between will sink, and the scale go into the weights. */
const isBehindConvolution = (rw: Rewriter, x: string): boolean => {
  const image = rw.by(x, "reshape")?.inputs[0];
  return image !== undefined && rw.isPrivate(image) && rw.isPrivate(x) && rw.by(image, "conv2d") !== undefined && rw.shape(image).at(-1) === rw.shape(x).at(-1);
};

/** Scale and shift of float activations with two to four axes, finite, without bounds. */
function perChannelStep(rw: Rewriter, node: Node, side: number): ChannelAffine | undefined {
  const x = node.inputs[side], rank = x ? rw.shape(x).length : 0, clamp = (node.attributes as { clamp?: readonly number[] }).clamp ?? noClamp;
  if (!x || rw.constant(x) || rank < 2 || rank > 4 || !rw.isFloat(x) || !rw.isFloat(node.outputs[0]!) || clamp[0] !== -Infinity || clamp[1] !== Infinity) return undefined;
  const affine = affineAfter(rw, node, side);
  return affine && [...affine.scale, ...affine.shift].every((v) => Number.isFinite(Math.fround(v))) ? affine : undefined;
}

function isScaledNext(rw: Rewriter, node: Node): boolean {
  const [y] = node.outputs as [string], next = rw.isPrivate(y) ? rw.readersOf(y)[0]! : undefined;
  const affine = next && isStep(next) ? perChannelStep(rw, next, next.inputs.indexOf(y)) : undefined;
  return affine !== undefined && isScale(affine);
}

function writeDepthwise(rw: Rewriter, node: Node, x: string, { scale, shift }: ChannelAffine): void {
  const shape = rw.shape(x), C = shape.at(-1)!, stem = node.name;
  const w = rw.addReal(`${stem} scale`, [C, 1, 1, 1], Float32Array.from(scale)), bias = shift.some((k) => k !== 0) ? [rw.addReal(`${stem} shift`, [C], Float32Array.from(shift))] : [];
  const attributes = { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: C, clamp: noClamp };
  if (shape.length === 4) return rw.become(node, "conv2d", [x, w, ...bias], attributes);
  const image = rw.add("reshape", [x], { shape: [shape[0]!, 1, sizeOf(shape.slice(1, -1)), C] }, { stem });
  const y = rw.add("conv2d", [image, w, ...bias], attributes, { stem });
  rw.become(node, "reshape", [y], { shape: [...shape] });
}
