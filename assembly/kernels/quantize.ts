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
  let i = 0;
  if (ASC_FEATURE_SIMD && parts == 1) i = quantizeFours(p, away);
  const limit = limitOf(p), zero = <f32>p.zero;
  for (i += part; i < p.n; i += parts) {
    const t = load<f32>(p.x + 4 * i) / p.scale, q = reinterpret<i32>(rounded<f32>(away, clamp<f32>(t == t ? t : 0, -limit - zero, limit - 1 - zero))) - ROUNDER_BITS + p.zero;
    if (p.bytes == 1) store<u8>(p.y + i, <u8>(q ^ p.flip));
    else store<u16>(p.y + 2 * i, <u16>(q ^ p.flip));
  }
}

/** The integers are −limit … limit − 1. */
function limitOf(p: Quantize): f32 {
  return p.bytes == 1 ? 128 : 32768;
}

/** Whole groups of four; returns how many were computed. Fields are read once: a store between two reads may hold up the second. */
function quantizeFours(p: Quantize, away: bool): i32 {
  const n = p.n & ~3, x = p.x, y = p.y, bytes = p.bytes, limit = limitOf(p), z = <f32>p.zero, flip = i16x8.splat(<i16>p.flip), flips = i8x16.splat(<i8>p.flip);
  const scale = f32x4.splat(p.scale), low = f32x4.splat(-limit - z), high = f32x4.splat(limit - 1 - z), offset = i32x4.splat(ROUNDER_BITS - p.zero);
  for (let i = 0; i < n; i += 4) {
    const t = f32x4.div(v128.load(x + 4 * i), scale), number = v128.and(t, f32x4.eq(t, t));
    const q = i32x4.sub(rounded<v128>(away, clamp(number, low, high)), offset), words = i16x8.narrow_i32x4_s(q, q);
    if (bytes == 1) v128.store32_lane(y + i, v128.xor(i8x16.narrow_i16x8_s(words, words), flips), 0);
    else v128.store64_lane(y + 2 * i, v128.xor(words, flip), 0);
  }
  return n;
}

/** To i32; halves to even. */
function words(p: Quantize, part: i32, parts: i32): void {
  for (let i = part; i < p.n; i += parts) {
    const t = <f64>(load<f32>(p.x + 4 * i) / p.scale), q = nearest(t) + <f64>p.zero;
    store<i32>(p.y + 4 * i, t == t ? <i32>min(max(q, -2147483648), 2147483647) : p.zero);
  }
}

/** The nearest whole number in the low bits of a float. */
// @ts-ignore: decorator
@inline
function rounded<T>(away: bool, t: T): T {
  return plus(away ? awayFromZero(t) : t, splat<T>(ROUNDER));
}

/** The nearest whole number, halves away from zero. */
// @ts-ignore: decorator
@inline
function awayFromZero<T>(t: T): T {
  const whole = truncated(t), zero = splat<T>(0), one = ifLess(t, zero, splat<T>(-1), splat<T>(1));
  return plus(whole, ifLess(magnitude(minus(t, whole)), splat<T>(0.5), zero, one));
}

/** Integers to float: y[i] = scale · (x[i] − zero). Checked at load by checkDequantize. */
export function dequantize(p: Quantize, part: i32, parts: i32): void {
  let i = 0;
  if (ASC_FEATURE_SIMD && p.bytes < 4 && parts == 1) i = dequantizeEights(p);
  for (i += part; i < p.n; i += parts) {
    const q = p.bytes == 4 ? load<i32>(p.x + 4 * i) : p.bytes == 1 ? <i32><i8>(load<u8>(p.x + i) ^ p.flip) : <i32><i16>(load<u16>(p.x + 2 * i) ^ p.flip);
    store<f32>(p.y + 4 * i, p.scale * <f32>(q - p.zero));
  }
}

/** Whole groups of eight; returns how many were computed. */
function dequantizeEights(p: Quantize): i32 {
  const n = p.n & ~7, x = p.x, y = p.y, bytes = p.bytes, flip8 = i8x16.splat(<i8>p.flip), flip16 = i16x8.splat(<i16>p.flip), zero = i32x4.splat(p.zero), scale = f32x4.splat(p.scale);
  for (let i = 0; i < n; i += 8) {
    const q = bytes == 1 ? i16x8.extend_low_i8x16_s(v128.xor(v128.load64_zero(x + i), flip8)) : v128.xor(v128.load(x + 2 * i), flip16);
    v128.store(y + 4 * i, f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(i32x4.extend_low_i16x8_s(q), zero)), scale));
    v128.store(y + 4 * i, f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(i32x4.extend_high_i16x8_s(q), zero)), scale), 16);
  }
  return n;
}
