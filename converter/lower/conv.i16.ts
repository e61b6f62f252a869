/** Convolutions of int16 by int8 weights, which dense layers are too → conv2dI16. */
import type { LoweringContext, Params } from "./context.ts";
import type { Filter, Place } from "./conv.i8.ts";
import { integerBounds, quantizeMultiplier } from "./multipliers.ts";

export function convolveI16(c: LoweringContext, f: Filter, at: Place, place: Params): void {
  const { y, pixels, clamp } = at, wide = !f.bias || f.biasType === "int64", { lo, hi } = integerBounds(c.tensor(y), clamp);
  const once = at.once ?? false, m = once ? realFactors(f.scales) : Int32Array.from(f.scales.flatMap(wide ? wideFactor : factor));
  const bias = BigInt64Array.from({ length: f.O }, (_, o) => BigInt(f.bias?.[o] ?? 0)), taps = f.KH * f.KW * f.Cg;
  c.call(once ? "denseI16Tflite" : "conv2dI16", {
    x: c.at(at.x), w: c.constant(f.data), b: c.constant(new Uint8Array(bias.buffer)), m: c.constant(m), y: c.at(y, 2 * at.offset),
    ...place, O: f.O, groups: f.groups, ...pixels, wide: Number(wide), lo, hi,
  }, ["y"], at.OH * at.OW * Number(place.N) * f.O * taps);
}

/** float64 every 12 bytes: the layer rounds once. Source: TFLite integer_ops/fully_connected.h. */
function realFactors(scales: readonly number[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(12 * scales.length));
  scales.forEach((real, o) => bytes.setFloat64(12 * o, real, true));
  return new Uint8Array(bytes.buffer);
}

/** A multiplier of 16 bits and the shift behind it. Source: TFLite common.h MultiplyByQuantizedMultiplier of int64. */
export function wideFactor(real: number): [multiplier: number, shift: number, unused: number] {
  const { multiplier, shift } = quantizeMultiplier(real);
  return [multiplier < 0x7fff0000 ? Math.floor((multiplier + 32768) / 65536) : 0x7fff, Math.max(1, Math.min(62, 15 - shift)), 0];
}

function factor(real: number): [multiplier: number, right: number, left: number] {
  const { multiplier, shift } = quantizeMultiplier(real);
  return shift < -30 ? [0, 1, 1] : [multiplier, 2 ** (30 + Math.min(0, shift)), 2 ** Math.min(30, Math.max(0, shift))];
}
