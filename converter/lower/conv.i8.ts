/** conv2d, convTranspose2d and dense of int8 → conv2dI8, depthwiseI8, denseI8. */
import { OctavoError } from "../ir/error.ts";
import { sizeOf, type DType, type Node, type Tensor } from "../ir/graph.ts";
import type { Clamp } from "../ir/ops.ts";
import type { LoweringContext, Params } from "./context.ts";
import { convolveI16 } from "./conv.i16.ts";
import { map } from "./elementwise.ts";
import { outputParams, outputParamsOnce, perTensorOf, rounded } from "./multipliers.ts";
import { packI8 } from "./pack.ts";
import { realFilter, realRows, realWindows, type RealFilter } from "./real-sums.ts";
import { features, timeFilters } from "./svdf.tflite.ts";

/** As in assembly/kernels/conv2d.i8.ts. */
const MANY = 16;
const pad8 = (n: number) => Math.ceil(n / 8) * 8;

/** w [O,KH,KW,C/groups] int8 with its bias, and what the sums are scaled with. */
export interface Filter { data: Int8Array; O: number; KH: number; KW: number; Cg: number; groups: number; zw: number; bias: ArrayLike<number> | undefined; biasType: DType | undefined; scales: number[] }
/** Where and how a filter is moved over x [N,H,W,C], and where in y its pixels go. once: sums are rounded once, as TFLite rounds those of int16 dense layers. */
export interface Place { x: string; y: string; offset: number; once?: boolean; OH: number; OW: number; stride: number[]; dilation: number[]; pad: number[]; pixels: { yBatch: number; yRow: number; yPixel: number }; clamp: Clamp }

function filterOf(c: LoweringContext, [x, w, b]: readonly string[], y: string, groups: number): Filter {
  const weights = c.tensor(w!), input = c.tensor(x!), q = weights.quantization;
  const [O, KH, KW, Cg] = weights.shape.length === 2 ? [weights.shape[0]!, 1, 1, weights.shape[1]!] : (weights.shape as [number, number, number, number]);
  if (weights.dtype !== "int8" || (input.dtype !== "int8" && input.dtype !== "int16") || !weights.data || !q) throw new OctavoError("ERR_OCTAVO_DTYPE", `inputs are ${input.dtype} and ${weights.dtype}, the kernel wants int8 and constant int8.`);
  const sx = perTensorOf(input).scale, sy = c.tensor(y).quantization ? perTensorOf(c.tensor(y)).scale : 1, scales = Array.from({ length: O }, (_, o) => (sx * q.scale[q.scale.length === 1 ? 0 : o]!) / sy);
  const zw = q.zeroPoint[0] ?? 0;
  if (q.zeroPoint.some((z) => z !== zw)) throw new OctavoError("ERR_OCTAVO_DTYPE", "the weights have a zero point per channel, expected one.");
  return { data: weights.data as Int8Array, O, KH, KW, Cg, groups, zw, bias: b ? c.tensor(b).data : undefined, biasType: b ? c.tensor(b).dtype : undefined, scales };
}

/** Per output channel, each group padded to a multiple of 8. */
function perGroup({ O, groups }: Filter, of: (o: number) => number): number[] {
  const Og = O / groups, padded = pad8(Og);
  return Array.from({ length: groups * padded }, (_, i) => (i % padded < Og ? of(Math.floor(i / padded) * Og + (i % padded)) : 0));
}

/** b − zx · Σ (w − zw): the kernels multiply x as it is stored. */
function foldedBias(f: Filter, zx: number): Int32Array {
  const K = f.KH * f.KW * f.Cg;
  return Int32Array.from(perGroup(f, (o) => {
    let sum = 0;
    for (let k = 0; k < K; k++) sum += f.data[o * K + k]! - f.zw;
    return (f.bias?.[o] ?? 0) - zx * sum;
  }));
}

export function conv2d(node: Node<"conv2d">, c: LoweringContext): void {
  if (c.tensor(node.inputs[1]!).dtype === "int16") return timeFilters(node, c);
  const { groups, stride, dilation, pad, clamp } = node.attributes, [x, y] = [node.inputs[0]!, node.outputs[0]!], [, OH, OW, O] = c.tensor(y).shape as [number, number, number, number];
  const filter = filterOf(c, node.inputs, y, groups);
  if (c.tensor(y).dtype === "float32") return realWindows(c, real(c, filter, x), filter, node);
  const place = { x, y, offset: 0, OH, OW, stride, dilation, pad, clamp, pixels: { yBatch: OH * OW * O, yRow: OW * O, yPixel: O } };
  const isDepthwise = c.tensor(x).dtype === "int8" && groups > 1 && filter.Cg === 1 && pad.every((n) => n >= 0) && filter.zw === 0 && filter.data.every((w) => w > -128);
  if (isDepthwise) depthwise(c, filter, place);
  else convolve(c, filter, place);
}

/** Rows of x [N,I]: few as vectors, many as the pixels of an image, which TFLite would round in another way. */
export function dense(node: Node<"dense">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  if (c.tensor(x).dtype === "int8" && c.tensor(y).dtype === "int16") return features(node, c);
  const f = filterOf(c, node.inputs, y, 1), N = sizeOf(c.tensor(x).shape) / f.Cg, { clamp } = node.attributes;
  if (c.tensor(y).dtype === "float32") return logits(c, f, x, y, N, clamp);
  if (c.tensor(x).dtype === "int8" && (N < MANY || c.rounding === "tflite")) return vectors(c, f, x, y, N, clamp);
  convolve(c, f, { x, y, offset: 0, once: c.rounding === "tflite", OH: 1, OW: N, stride: [1, 1], dilation: [1, 1], pad: [0, 0], clamp, pixels: { yBatch: 0, yRow: 0, yPixel: f.O } }, { N: 1, H: 1, W: N });
}

/** Real numbers. */
function logits(c: LoweringContext, f: Filter, x: string, y: string, N: number, clamp: Clamp): void {
  realRows(c, real(c, f, x), c.at(x), c.at(y), N);
  if (clamp.some(Number.isFinite)) map(c, "clip", [y], y, ...clamp);
}

function real(c: LoweringContext, f: Filter, x: string): RealFilter {
  const m = perGroup(f, (o) => f.scales[o]!).map(Math.fround);
  return realFilter(c, f, m, [...foldedBias(f, perTensorOf(c.tensor(x)).zeroPoint)].map((sum, o) => sum * m[o]!));
}

function vectors(c: LoweringContext, f: Filter, x: string, y: string, N: number, clamp: Clamp): void {
  const zx = perTensorOf(c.tensor(x)).zeroPoint, K = Math.ceil(f.Cg / 4) * 4;
  c.call(rounded(c, "denseI8"), {
    x: c.at(x), w: c.constant(packI8(f.data, f.O, f.Cg)), b: c.constant(foldedBias(f, zx)), y: c.at(y), t: c.scratch(2 * K + 16),
    N, I: f.Cg, O: f.O, zw: f.zw, ...(c.rounding === "tflite" ? outputParamsOnce : outputParams)(c, perGroup(f, (o) => f.scales[o]!), c.tensor(y), clamp),
  }, ["y", "t"], N * f.Cg * f.O);
}

function convolve(c: LoweringContext, f: Filter, at: Place, image: Params = imageOf(c.tensor(at.x))): void {
  const place = { ...image, C: f.Cg * f.groups, KH: f.KH, KW: f.KW, OH: at.OH, OW: at.OW, ...windowParams(at) };
  if (c.tensor(at.x).dtype === "int16") return convolveI16(c, f, at, place);
  const zx = perTensorOf(c.tensor(at.x)).zeroPoint, taps = f.KH * f.KW * f.Cg, pixels = Number(image.N) * at.OH * at.OW;
  c.call(rounded(c, "conv2dI8"), {
    x: c.at(at.x), w: c.constant(packGroups(f, at.dilation[1]!)), b: c.constant(foldedBias(f, zx)), y: c.at(at.y, at.offset), t: c.scratch(scratchBytes(f, at.dilation[1]!, pixels)),
    ...place, O: f.O, groups: f.groups, ...at.pixels, zx, zw: f.zw,
    ...outputParams(c, perGroup(f, (o) => f.scales[o]!), c.tensor(at.y), at.clamp),
  }, ["y", "t"], pixels * f.O * taps);
}

const imageOf = (x: Tensor): Params => ({ N: x.shape[0]!, H: x.shape[1]!, W: x.shape[2]! });
const windowParams = ({ stride, dilation, pad }: Place): Params =>
  ({ strideH: stride[0]!, strideW: stride[1]!, dilationH: dilation[0]!, dilationW: dilation[1]!, padTop: pad[0]!, padLeft: pad[1]! });

/** Weights per group with every run of bytes that the kernel reads padded to an even length, c4; padding is zero points. */
function packGroups(f: Filter, dilationW: number): Int8Array {
  const Og = f.O / f.groups, { run, padded, count, K } = runsOf(f, dilationW), rows = new Int8Array(f.O * K).fill(f.zw);
  for (let o = 0; o < f.O; o++) for (let i = 0; i < count; i++) rows.set(f.data.subarray((o * count + i) * run, (o * count + i + 1) * run), o * K + i * padded);
  const parts = Array.from({ length: f.groups }, (_, g) => packI8(rows.subarray(g * Og * K, (g + 1) * Og * K), Og, K));
  const packed = new Int8Array(parts.reduce((n, p) => n + p.length, 0));
  parts.forEach((p, g) => packed.set(p, g * p.length));
  return packed;
}

/** Lines of the window, or taps where lines are no runs: their bytes, padded, their number, and columns in all. */
export function runsOf({ KH, KW, Cg, groups }: Pick<Filter, "KH" | "KW" | "Cg" | "groups">, dilationW: number): { run: number; padded: number; count: number; K: number } {
  const lines = groups === 1 && dilationW === 1, run = lines ? KW * Cg : Cg, padded = Math.ceil(run / 2) * 2, count = lines ? KH : KH * KW;
  return { run, padded, count, K: Math.ceil((count * padded) / 4) * 4 };
}

/** As checkConv2dI8 in assembly/kernels/conv2d.i8.ts counts. */
function scratchBytes(f: Filter, dilationW: number, pixels: number): number {
  const { padded, K } = runsOf(f, dilationW);
  return 256 + 8 * (K + 32) + (pixels < MANY && f.zw === 0 ? 0 : 2 * K * pad8(f.O / f.groups)) + 5 * (padded + 32);
}

function depthwise(c: LoweringContext, f: Filter, at: Place): void {
  const image = c.tensor(at.x), zx = perTensorOf(image).zeroPoint, [N, H, W, C] = image.shape as [number, number, number, number], whole: Filter = { ...f, groups: 1 }, { strip, bytes } = strips(f, at, image.shape);
  c.call(rounded(c, "depthwiseI8"), {
    x: c.at(at.x), w: c.constant(packPairs(f)), b: c.constant(foldedBias(whole, zx)), y: c.at(at.y), t: c.scratch(bytes),
    N, H, W, C, multiplier: f.O / C, KH: f.KH, KW: f.KW, OH: at.OH, OW: at.OW, ...windowParams(at), zx, strip,
    ...outputParams(c, perGroup(whole, (o) => f.scales[o]!), c.tensor(at.y), at.clamp),
  }, ["y", "t"], N * at.OH * at.OW * f.O * f.KH * f.KW);
}

/** [O,KH,KW] → [O/8][KH][ceil(KW/2)][8][2] */
function packPairs({ data, O, KH, KW }: Filter): Int8Array {
  const pairs = Math.ceil(KW / 2), packed = new Int8Array(pad8(O) * KH * pairs * 2);
  for (let o = 0; o < O; o++) for (let u = 0; u < KH; u++) for (let v = 0; v < KW; v++) {
    packed[(((o >> 3) * KH + u) * pairs + (v >> 1)) * 16 + (o & 7) * 2 + (v & 1)] = data[(o * KH + u) * KW + v]!;
  }
  return packed;
}

/** What a strip reads, lays out and writes stays in the second cache while all channels pass. */
const STRIP_BYTES = 98304;

/** Rows of y per strip, which are computed two by two, and the scratch of one, as checkDepthwiseI8 in assembly/kernels/depthwise.i8.ts counts. */
function strips(f: Filter, { OH, OW, stride, dilation }: Place, [, , W, C]: readonly number[]): { strip: number; bytes: number } {
  const columns = (OW - 1) * stride[1]! + (2 * Math.ceil(f.KW / 2) - 2) * dilation[1]! + 1, window = (f.KH - 1) * dilation[0]! + 1;
  const lines = (rows: number) => (rows - 1) * stride[0]! + window, used = (rows: number) => lines(rows) * (32 * columns + W! * C!) + rows * OW * f.O;
  let strip = 1;
  while (strip < OH && used(strip + 1) <= STRIP_BYTES) strip++;
  if (strip > 1 && strip < OH) strip &= ~1;
  return { strip, bytes: 32 * lines(strip) * columns + 16 };
}

/**
 * One convolution per residue of the output position modulo the stride: y at i · stride + r gets the taps u with
 * u · dilation ≡ r + pad, in reverse, over pixels of x one apart.
 */
export function convTranspose2d(node: Node<"convTranspose2d">, c: LoweringContext): void {
  const { groups, stride, dilation, pad, clamp } = node.attributes, [x, y] = [node.inputs[0]!, node.outputs[0]!], [, OH, OW, O] = c.tensor(y).shape as [number, number, number, number];
  const f = filterOf(c, node.inputs, y, groups);
  for (let r = 0; r < Math.min(stride[0]!, OH); r++) for (let s = 0; s < Math.min(stride[1]!, OW); s++) {
    const rows = phase(f.KH, stride[0]!, dilation[0]!, pad[0]!, r), columns = phase(f.KW, stride[1]!, dilation[1]!, pad[1]!, s);
    convolve(c, subfilter(f, rows.taps, columns.taps), {
      x, y, offset: (r * OW + s) * O, OH: Math.ceil((OH - r) / stride[0]!), OW: Math.ceil((OW - s) / stride[1]!), clamp,
      stride: [1, 1], dilation: [rows.dilation, columns.dilation], pad: [rows.pad, columns.pad], pixels: { yBatch: OH * OW * O, yRow: stride[0]! * OW * O, yPixel: stride[1]! * O },
    });
  }
}

/** Taps and dilation of the columns of each of its convolutions, in their order. */
export const transposedTaps = ({ stride, dilation, pad }: Node<"convTranspose2d">["attributes"], [KH, KW]: readonly [number, number], [, OH, OW]: readonly number[]): { rows: number[]; columns: number[]; dilation: number }[] =>
  Array.from({ length: Math.min(stride[0]!, OH!) }, (_, r) => Array.from({ length: Math.min(stride[1]!, OW!) }, (_, s) => {
    const columns = phase(KW, stride[1]!, dilation[1]!, pad[1]!, s);
    return { rows: phase(KH, stride[0]!, dilation[0]!, pad[0]!, r).taps, columns: columns.taps, dilation: columns.dilation };
  })).flat();

/** Taps of the outputs r, r + stride, …, last first, as a convolution of stride 1; [-1] is a tap of zeros where there are none. */
function phase(size: number, stride: number, dilation: number, pad: number, r: number): { taps: number[]; dilation: number; pad: number } {
  const taps = Array.from({ length: size }, (_, u) => u).filter((u) => (r + pad - u * dilation) % stride === 0);
  if (!taps.length) return { taps: [-1], dilation: 1, pad: 0 };
  const apart = taps.length > 1 ? ((taps[1]! - taps[0]!) * dilation) / stride : 1;
  return { taps: taps.reverse(), dilation: apart, pad: (taps[0]! * dilation - r - pad) / stride };
}

function subfilter(f: Filter, rows: readonly number[], columns: readonly number[]): Filter {
  const data = new Int8Array(f.O * rows.length * columns.length * f.Cg).fill(f.zw);
  let at = 0;
  for (let o = 0; o < f.O; o++) for (const u of rows) for (const v of columns) {
    const from = ((o * f.KH + u) * f.KW + v) * f.Cg;
    if (u >= 0 && v >= 0) data.set(f.data.subarray(from, from + f.Cg), at);
    at += f.Cg;
  }
  return { ...f, data, KH: rows.length, KW: columns.length };
}
