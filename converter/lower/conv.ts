/** conv2d, convTranspose2d → conv2dF32; one filter per channel → depthwiseF32. */
import { sizeOf, type Node, type TypedArray } from "../ir/graph.ts";
import type { Clamp } from "../ir/ops.ts";
import type { LoweringContext, Operand, Params } from "./context.ts";
import { packedAtRunTime, packedRows, perGate, weightsF32 } from "./gates.ts";
import { copyStrided } from "./move.ts";

/** Bytes of scratch of one panel: assembly/kernels/gemm.f32.simd.ts. */
export const panelBytes = (K: number): number => 32 + 20 * K;

/** [height, width] pairs; pad [top, left] only: where windows end follows from the size of y. */
interface Geometry { x: number[]; output: number[]; kernel: number[]; stride: number[]; dilation: number[]; pad: number[] }

export function windowFields({ x, output, kernel, stride, dilation, pad }: Geometry): Params {
  const [N, H, W, C] = x as [number, number, number, number], [OH, OW] = output as [number, number], [KH, KW] = kernel as [number, number];
  return { N, H, W, C, OH, OW, KH, KW, strideH: stride[0]!, strideW: stride[1]!, dilationH: dilation[0]!, dilationW: dilation[1]!, padTop: pad[0]!, padLeft: pad[1]! };
}

export function conv2d(node: Node<"conv2d">, c: LoweringContext): void {
  const [x, w] = node.inputs as [string, string], { stride, dilation, pad, groups, clamp } = node.attributes;
  const [O, KH, KW, Cg] = c.tensor(w).shape as [number, number, number, number], [, OH, OW] = c.tensor(node.outputs[0]!).shape as [number, number, number];
  const geometry = { x: c.tensor(x).shape, output: [OH, OW], kernel: [KH, KW], stride, dilation, pad };
  if (Cg === 1 && O === groups) return depthwise(node, c, geometry);
  call(c, node, geometry, { weights: weightsF32(c, w, { d: 0, G: groups, H: O / groups }, KH * KW * Cg), O, Cg, groups, clamp, rows: { batch: OH * OW * O, row: OW * O, pixel: O, start: 0 } });
}

/** Strides of y in elements, and where its first pixel lies. */
interface Rows { batch: number; row: number; pixel: number; start: number }
export interface Product { weights: Operand; O: number; Cg: number; groups: number; clamp: Clamp; rows: Rows }

function call(c: LoweringContext, node: Node, geometry: Geometry, { weights, O, Cg, groups, clamp: [lo, hi], rows }: Product): void {
  const K = geometry.kernel[0]! * geometry.kernel[1]! * Cg, pixels = geometry.x[0]! * geometry.output[0]! * geometry.output[1]!;
  c.call("conv2dF32", {
    ...windowFields(geometry), x: c.at(node.inputs[0]!), w: weights, b: perGate(c, node.inputs[2], { d: 0, G: groups, H: O / groups }, groups),
    y: c.at(node.outputs[0]!, 4 * rows.start), t: c.scratch(panelBytes(K)), O, groups, yBatch: rows.batch, yRow: rows.row, yPixel: rows.pixel, lo, hi,
  }, ["y"], pixels * O * K);
}

function depthwise(node: Node<"conv2d">, c: LoweringContext, geometry: Geometry): void {
  const [x, w, b] = node.inputs as [string, string, string?], C = c.tensor(w).shape[0]!, taps = geometry.kernel[0]! * geometry.kernel[1]!, [lo, hi] = node.attributes.clamp;
  const bias = b ? c.at(b) : c.constant(new Float32Array(C));
  c.call("depthwiseF32", { ...windowFields(geometry), x: c.at(x), w: channelsLast(c, w, C, taps), b: bias, y: c.at(node.outputs[0]!), lo, hi }, ["y"], sizeOf(c.tensor(node.outputs[0]!).shape) * taps);
}

/** w [C,taps] → [taps,C] */
function channelsLast(c: LoweringContext, name: string, C: number, taps: number): Operand {
  const { data } = c.tensor(name);
  if (data) return c.constant(Float32Array.from({ length: C * taps }, (_, i) => data[(i % C) * taps + Math.floor(i / C)]!));
  return turnedTaps(c, name, C, taps, false);
}

/** The same at run time; `reversed`: last tap first. */
export function turnedTaps(c: LoweringContext, name: string, C: number, taps: number, reversed: boolean): Operand {
  const turned = c.scratch(4 * C * taps);
  copyStrided(c, [taps, C], 4, { at: c.at(name), start: reversed ? taps - 1 : 0, strides: [reversed ? -1 : 1, taps] }, { at: turned, strides: [C, 1] });
  return turned;
}

/**
 * The outputs of one remainder modulo the stride are a plain convolution of x with every stride-th tap, in reverse: output
 * s·j + phase takes input j + (phase + pad − dilation · tap) / s from each tap where that is a whole number.
 */
export function convTranspose2d(node: Node<"convTranspose2d">, c: LoweringContext): void {
  const [, KH, KW] = c.tensor(node.inputs[1]!).shape as [number, number, number];
  byPhases(c, node, { ...node.attributes, kernel: [KH, KW] }, (down, across) => phaseWeights(c, node, down, across));
}

/** @param product weights of these taps, down and across, in the order in which x is read; −1 is a tap of zeros */
export function byPhases(c: LoweringContext, node: Node, { kernel: [KH, KW], stride, dilation, pad }: Pick<Geometry, "kernel" | "stride" | "dilation" | "pad">,
  product: (down: readonly number[], across: readonly number[]) => Omit<Product, "rows">): void {
  const x = node.inputs[0]!, [, OH, OW, O] = c.tensor(node.outputs[0]!).shape as [number, number, number, number];
  const phases = (axis: 0 | 1, K: number, size: number) => phasesOf(K, size, stride[axis]!, dilation[axis]!, pad[axis]!);
  for (const v of phases(0, KH!, OH)) for (const h of phases(1, KW!, OW)) {
    const geometry = { x: c.tensor(x).shape, output: [v.count, h.count], kernel: [v.taps.length, h.taps.length], stride: [1, 1], dilation: [v.dilation, h.dilation], pad: [v.pad, h.pad] };
    const rows = { batch: OH * OW * O, row: stride[0]! * OW * O, pixel: stride[1]! * O, start: (v.phase * OW + h.phase) * O };
    call(c, node, geometry, { ...product(v.taps, h.taps), rows });
  }
}

/** Taps and dilation of the columns of each of its convolutions, in their order. */
export function transposedTaps({ stride, dilation, pad }: Node<"convTranspose2d">["attributes"], [KH, KW]: readonly [number, number], [, OH, OW]: readonly number[]): { rows: number[]; columns: number[]; dilation: number }[] {
  const phases = (axis: 0 | 1, K: number, size: number) => phasesOf(K, size, stride[axis]!, dilation[axis]!, pad[axis]!);
  return phases(0, KH, OH!).flatMap((v) => phases(1, KW, OW!).map((h) => ({ rows: v.taps, columns: h.taps, dilation: h.dilation })));
}

interface Phase { phase: number; count: number; taps: number[]; dilation: number; pad: number }

function phasesOf(K: number, size: number, stride: number, dilation: number, pad: number): Phase[] {
  return Array.from({ length: Math.min(stride, size) }, (_, phase) => {
    const count = Math.ceil((size - phase) / stride), all = Array.from({ length: K }, (_, tap) => tap).reverse();
    const taps = all.filter((tap) => (phase + pad - dilation * tap) % stride === 0), place = (tap: number) => (phase + pad - dilation * tap) / stride;
    if (!taps.length) return { phase, count, taps: [-1], dilation: 1, pad: 0 };
    return { phase, count, taps, dilation: taps.length > 1 ? place(taps[1]!) - place(taps[0]!) : 1, pad: -place(taps[0]!) };
  });
}

/** w [O,KH,KW,Cg] at the phase's taps, packed. */
function phaseWeights(c: LoweringContext, node: Node<"convTranspose2d">, down: readonly number[], across: readonly number[]): Omit<Product, "rows"> {
  const w = node.inputs[1]!, { shape, data } = c.tensor(w), [O, , KW, Cg] = shape as [number, number, number, number], { groups, clamp } = node.attributes;
  const taps = down.flatMap((u) => across.map((v) => (u < 0 || v < 0 ? -1 : u * KW + v))), gates = { d: 0, G: groups, H: O / groups }, K = taps.length * Cg;
  const weights = data ? packedRows(c, pickedTaps(data, shape, taps), gates, K) : packedAtRunTime(c, pickedAtRunTime(c, w, taps), gates, K);
  return { O, Cg, groups, clamp, weights };
}

function pickedTaps(data: TypedArray, [O, KH, KW, Cg]: readonly number[], taps: readonly number[]): Float32Array {
  const picked = new Float32Array(O! * taps.length * Cg!);
  for (let o = 0; o < O!; o++) taps.forEach((tap, t) => {
    if (tap >= 0) for (let k = 0; k < Cg!; k++) picked[(o * taps.length + t) * Cg! + k] = data[(o * KH! * KW! + tap) * Cg! + k]!;
  });
  return picked;
}

function pickedAtRunTime(c: LoweringContext, w: string, taps: readonly number[]): Operand {
  const [O, KH, KW, Cg] = c.tensor(w).shape as [number, number, number, number], row = taps.length * Cg, picked = c.scratch(4 * O * row);
  if (taps.includes(-1)) c.call("fill", { y: picked, n: O * row, bytes: 4, bits: 0 }, ["y"]);
  taps.forEach((tap, t) => {
    if (tap >= 0) copyStrided(c, [O, Cg], 4, { at: c.at(w), start: tap * Cg, strides: [KH * KW * Cg, 1] }, { at: picked, start: t * Cg, strides: [row, 1] });
  });
  return picked;
}
