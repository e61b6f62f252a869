/** Real scales → what the two rounding rules multiply with (assembly/quant). */
import { bytesOf, type Tensor } from "../ir/graph.ts";
import { OctavoError } from "../ir/error.ts";
import type { Clamp } from "../ir/ops.ts";
import type { KernelName } from "../write/layout.ts";
import type { LoweringContext, Params } from "./context.ts";

/** multiplier / 2^31 · 2^shift */
export interface FixedPoint { multiplier: number; shift: number }

/** A multiplier in [2^30, 2^31), or 0. Source: TFLite quantization_util.cc QuantizeMultiplier. */
export function quantizeMultiplier(real: number): FixedPoint {
  if (real === 0) return { multiplier: 0, shift: 0 };
  let shift = Math.ceil(Math.log2(Math.abs(real)));
  while (Math.abs(real) / 2 ** shift >= 1) shift++;
  while (Math.abs(real) / 2 ** shift < 0.5) shift--;
  let multiplier = roundAway((real / 2 ** shift) * 2 ** 31);
  if (Math.abs(multiplier) === 2 ** 31) [multiplier, shift] = [multiplier / 2, shift + 1];
  if (shift < -31) return { multiplier: 0, shift: 0 };
  return shift > 30 ? { multiplier: 2 ** 31 - 1, shift: 30 } : { multiplier, shift };
}

/** Halves away from zero, as C's round. */
export const roundAway = (v: number): number => Math.sign(v) * Math.floor(Math.abs(v) + 0.5);

/** The scale and zero point of a whole tensor. */
export function perTensorOf(t: Tensor): { scale: number; zeroPoint: number } {
  const q = t.quantization;
  if (!q || q.scale.length !== 1) throw new OctavoError("ERR_OCTAVO_DTYPE", `tensor "${t.name}" has ${q ? `${q.scale.length} scales` : "no scale"}, expected one.`);
  return { scale: q.scale[0]!, zeroPoint: q.zeroPoint[0]! };
}

/** The name of the kernel that rounds as the model wants. */
export const rounded = <K extends string>(c: LoweringContext, kernel: K): K & KernelName =>
  (c.rounding === "tflite" ? `${kernel}Tflite` : kernel) as K & KernelName;

/** Least and greatest integer under a fused activation. Source: TFLite CalculateActivationRangeQuantized. */
export function integerBounds(y: Tensor, [min, max]: Clamp): { lo: number; hi: number } {
  const { scale, zeroPoint } = perTensorOf(y), limit = 2 ** (8 * bytesOf(y.dtype) - 1);
  const at = (real: number) => zeroPoint + roundAway(Math.fround(real / scale));
  const lo = Math.max(-limit, at(min)), hi = Math.min(limit - 1, at(max));
  return { lo: Math.min(lo, limit - 1), hi: Math.max(hi, -limit) };
}

/**
 * Fields of `Output` (assembly/quant/output.ts).
 * @param scales per channel, padded to a multiple of 8: input · weight / output
 */
export function outputParams(c: LoweringContext, scales: readonly number[], y: Tensor, clamp: Clamp): Params {
  const own = { zy: perTensorOf(y).zeroPoint, ...integerBounds(y, clamp) };
  if (c.rounding === "fast") return { m: c.constant(Float32Array.from(scales)), grow: 0, ...own };
  const fixed = scales.map(quantizeMultiplier).map(({ multiplier, shift }) => (shift < -30 ? { multiplier: 0, shift: 0 } : { multiplier, shift }));
  const grow = fixed.some(({ shift }) => shift > 0) ? c.constant(interleaved(fixed, ({ shift }) => 2 ** Math.max(0, shift), ({ shift }) => Math.floor((2 ** 31 - 1) / 2 ** Math.max(0, shift)))) : 0;
  return { m: c.constant(interleaved(fixed, (f) => f.multiplier, ({ shift }) => 2 ** (30 + Math.min(0, shift)))), grow, ...own };
}

/** The same for TFLite's fully connected layer, which rounds once: multipliers in float64. */
export function outputParamsOnce(c: LoweringContext, scales: readonly number[], y: Tensor, clamp: Clamp): Params {
  return { m: c.constant(new Uint8Array(Float64Array.from(scales).buffer)), grow: 0, zy: perTensorOf(y).zeroPoint, ...integerBounds(y, clamp) };
}

/** [n/4][2][4] of a(f) and b(f). */
function interleaved(fixed: readonly FixedPoint[], a: (f: FixedPoint) => number, b: (f: FixedPoint) => number): Int32Array {
  const words = new Int32Array(2 * fixed.length);
  fixed.forEach((f, o) => {
    words[(o >> 2) * 8 + (o & 3)] = a(f);
    words[(o >> 2) * 8 + 4 + (o & 3)] = b(f);
  });
  return words;
}
