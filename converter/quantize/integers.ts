/** Integer types of activations, their quantizations, and the way from real numbers to them. */
import type { Quantization } from "../ir/graph.ts";

export type ActivationType = "int8" | "int16";
export type Bounds = [low: number, high: number];
export const limits = { int8: [-128, 127], int16: [-32768, 32767] } as const;

/** Below this a scale would leave float32's normal numbers once it is multiplied with another. */
export const SMALLEST_SCALE = 2 ** -60;

export const perTensor = (scale: number, zeroPoint: number): Quantization =>
  ({ scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zeroPoint), axis: 0 });

/**
 * int8: the range, widened to hold zero, over −128 … 127. Zero is an integer: of the two zero points beside it the one
 * with the smaller scale that still reaches both ends, so that no end is clipped (−1 … 1 becomes 1/127 and −1). An end
 * within a hundredth of a step of zero is zero.
 * int16: symmetric, zero point 0, as TFLite's 16x8 scheme.
 */
export function quantizationOf([low, high]: Bounds, type: ActivationType): Quantization {
  if (type === "int16") return perTensor(scaleOf(Math.max(-low, high), 32767), 0);
  const span = Math.max(0, high) - Math.min(0, low), end = (v: number) => (v > span / 25500 ? v : 0);
  const from = -end(-low), to = end(high), between = Math.min(127, -128 - (from * 255) / (to - from || 1));
  const [a, b] = [Math.floor(between), Math.ceil(between)].map((z) => reaching(from, to, z)) as [Quantization, Quantization];
  return a.scale[0]! <= b.scale[0]! ? a : b;
}

/** The smallest scale with which a zero point reaches both ends. */
const reaching = (from: number, to: number, zeroPoint: number): Quantization =>
  perTensor(Math.max(from ? scaleOf(-from, zeroPoint + 128) : 0, to ? scaleOf(to, 127 - zeroPoint) : 0) || 1, zeroPoint);

const scaleOf = (span: number, steps: number) => (span > 0 ? Math.max(SMALLEST_SCALE, Math.fround(span / steps)) : 1);

/** The real numbers that the integers reach. */
export function boundsOf({ scale, zeroPoint }: Quantization, type: ActivationType): Bounds {
  const [least, greatest] = limits[type];
  return [(least - zeroPoint[0]!) * scale[0]!, (greatest - zeroPoint[0]!) * scale[0]!];
}

/** Real numbers → integers of a per-tensor quantization; NaN becomes the zero point. */
export function quantizeValues(data: ArrayLike<number>, { scale, zeroPoint }: Quantization, type: ActivationType): Int8Array | Int16Array {
  const [least, greatest] = limits[type], out = type === "int8" ? new Int8Array(data.length) : new Int16Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const v = data[i]!;
    out[i] = v === v ? clampRound(v / scale[0]!, least - zeroPoint[0]!, greatest - zeroPoint[0]!) + zeroPoint[0]! : zeroPoint[0]!;
  }
  return out;
}

/** Nearest integer, ties to even, as the quantize kernel. */
export function clampRound(v: number, least: number, greatest: number): number {
  if (!(v > least)) return least;
  if (!(v < greatest)) return greatest;
  const floor = Math.floor(v), rest = v - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}
