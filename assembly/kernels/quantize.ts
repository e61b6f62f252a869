import { REFUSED, between, reads, size, writes } from "../check";
import { clamp, ifLess, magnitude, minus, plus, splat, truncated } from "../lanes";
import { ROUNDER, ROUNDER_BITS } from "../quant/requantize";

/**
 * Parameters of quantize and dequantize, written by converter/lower/quantize.ts. Unsigned integers are signed ones with
 * the highest bit flipped: `flip` is that bit or 0, `zero` the zero point of the signed ones. `bytes` of an integer: 1, 2, 4
 */
@unmanaged
export class Quantize {
  x: usize; y: usize;
  n: i32; bytes: i32; flip: i32; zero: i32;
  scale: f32;
}

function isQuantize(p: Quantize): bool {
  return size(p.n) && (p.bytes == 1 || p.bytes == 2 || p.bytes == 4) && between(p.zero, -32768, 32767);
}

export function checkQuantize(p: Quantize): f64 {
  return isQuantize(p) && reads(p.x, 4 * <f64>p.n) && writes(p.y, <f64>p.bytes * <f64>p.n) ? <f64>p.n : REFUSED;
}

export function checkDequantize(p: Quantize): f64 {
  return isQuantize(p) && reads(p.x, <f64>p.bytes * <f64>p.n) && writes(p.y, 4 * <f64>p.n) ? <f64>p.n : REFUSED;
}

/** Float to integers: y[i] = clamp(zero + round(x[i] / scale)), halves to even; NaN gives the zero point. Checked at load by checkQuantize. */
export function quantize(p: Quantize, part: i32, parts: i32): void {
  each(p, false, part, parts);
}

/** The same, halves away from zero. Source: TFLite reference/quantize.h. */
export function quantizeTflite(p: Quantize, part: i32, parts: i32): void {
  each(p, true, part, parts);
}

function each(p: Quantize, away: bool, part: i32, parts: i32): void {
  if (p.bytes == 4) return words(p, part, parts);
  const limit: f32 = p.bytes == 1 ? 128 : 32768, lo = -limit - <f32>p.zero, hi = limit - 1 - <f32>p.zero;
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    const scale = f32x4.splat(p.scale), low = f32x4.splat(lo), high = f32x4.splat(hi), zero = i32x4.splat(p.zero);
    if (part == 0) for (; i + 4 <= p.n; i += 4) {
      const t = f32x4.div(v128.load(p.x + 4 * i), scale), number = v128.and(t, f32x4.eq(t, t));
      const q = i32x4.add(i32x4.sub(rounded<v128>(away, clamp(number, low, high)), i32x4.splat(ROUNDER_BITS)), zero);
      if (p.bytes == 1) {
        const words = i16x8.narrow_i32x4_s(q, q);
        v128.store32_lane(p.y + i, v128.xor(i8x16.narrow_i16x8_s(words, words), i8x16.splat(<i8>p.flip)), 0);
      } else v128.store64_lane(p.y + 2 * i, v128.xor(i16x8.narrow_i32x4_s(q, q), i16x8.splat(<i16>p.flip)), 0);
    }
    else i = p.n & ~3;
  }
  for (i += part; i < p.n; i += parts) {
    const t = load<f32>(p.x + 4 * i) / p.scale, q = reinterpret<i32>(rounded<f32>(away, clamp<f32>(t == t ? t : 0, lo, hi))) - ROUNDER_BITS + p.zero;
    if (p.bytes == 1) store<u8>(p.y + i, <u8>(q ^ p.flip));
    else store<u16>(p.y + 2 * i, <u16>(q ^ p.flip));
  }
}

/** To i32; halves to even. */
function words(p: Quantize, part: i32, parts: i32): void {
  for (let i = part; i < p.n; i += parts) {
    const t = <f64>(load<f32>(p.x + 4 * i) / p.scale), q = nearest(t) + <f64>p.zero;
    store<i32>(p.y + 4 * i, t == t ? <i32>min(max(q, -2147483648), 2147483647) : p.zero);
  }
}

/** The nearest whole number in the low bits of a float. */
function rounded<T>(away: bool, t: T): T {
  if (!away) return plus(t, splat<T>(ROUNDER));
  const whole = truncated(t), zero = splat<T>(0), one = ifLess(t, zero, splat<T>(-1), splat<T>(1));
  return plus(plus(whole, ifLess(magnitude(minus(t, whole)), splat<T>(0.5), zero, one)), splat<T>(ROUNDER));
}

/** Integers to float: y[i] = scale · (x[i] − zero). Checked at load by checkDequantize. */
export function dequantize(p: Quantize, part: i32, parts: i32): void {
  for (let i = part; i < p.n; i += parts) {
    const q = p.bytes == 4 ? load<i32>(p.x + 4 * i) : p.bytes == 1 ? <i32><i8>(load<u8>(p.x + i) ^ p.flip) : <i32><i16>(load<u16>(p.x + 2 * i) ^ p.flip);
    store<f32>(p.y + 4 * i, p.scale * <f32>(q - p.zero));
  }
}
