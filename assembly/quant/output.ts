/**
 * The end of every integer kernel: int32 sums of output channels → int8. M names the rule by the type of its
 * multipliers: f32 is requantize.ts; i32, and f64 where TFLite rounds once, are requantize.tflite.ts.
 */
import { REFUSED, between, reads } from "../check";
import { ROUNDER_BITS, requantize, requantizeLanes } from "./requantize";
import { requantizeOnce, requantizeOnceLanes, requantizeTflite, requantizeTfliteLanes } from "./requantize.tflite";

/**
 * O channels, padded to a multiple of 8 · m: f32 [O], f64 [O], or i32 [O/4][2][4] of multipliers and 2^(30 − right shift)
 * grow: 0, or i32 [O/4][2][4] of 2^left and the largest sum that it does not overflow (larger ones saturate anyway)
 */
@unmanaged
export class Output {
  m: usize; grow: usize;
  zy: i32; lo: i32; hi: i32;
}

/** Bytes of `m` for each channel. */
// @ts-ignore: decorator
@inline
export function multiplierBytes<M>(): i32 {
  return isFast<M>() ? 4 : 8;
}

// @ts-ignore: decorator
@inline
export function isFast<M>(): bool {
  return isFloat<M>() && sizeof<M>() == 4;
}

/** The output of channel o. */
// @ts-ignore: decorator
@inline
export function outputOf<M>(p: Output, acc: i32, o: i32): i32 {
  if (isFast<M>()) return requantize(acc, load<f32>(p.m + 4 * o), p.zy, p.lo, p.hi);
  if (isFloat<M>()) return min(max(requantizeOnce(acc, load<f64>(p.m + 8 * o)) + p.zy, p.lo), p.hi);
  const lane = (o >> 2) * 32 + (o & 3) * 4, g = p.grow + lane;
  const sum = p.grow ? max(min(acc, load<i32>(g, 16)), -load<i32>(g, 16)) * load<i32>(g) : acc;
  return min(max(requantizeTflite(sum, load<i32>(p.m + lane), load<i32>(p.m + lane, 16)) + p.zy, p.lo), p.hi);
}

/** What outputLanes clamps from below with, and what it takes away then. */
// @ts-ignore: decorator
@inline
export function leastOf<M>(p: Output): v128 {
  return i32x4.splat((isFast<M>() ? ROUNDER_BITS : 0) + p.lo - p.zy);
}

// @ts-ignore: decorator
@inline
export function offsetOf<M>(p: Output): v128 {
  return i32x4.splat((isFast<M>() ? ROUNDER_BITS : 0) - p.zy);
}

/** Second part of the multipliers of four channels. */
// @ts-ignore: decorator
@inline
export function shiftsAt<M>(m: usize): v128 {
  return isFast<M>() ? i32x4.splat(0) : v128.load(m, 16);
}

/** Four outputs as i32, not yet clamped from above. `m`, `r`, `grow`: those of the four channels. */
// @ts-ignore: decorator
@inline
export function outputLanes<M>(acc: v128, m: v128, r: v128, grow: usize, least: v128, offset: v128): v128 {
  if (isFast<M>()) return i32x4.sub(i32x4.max_s(requantizeLanes(acc, m), least), offset);
  if (isFloat<M>()) return i32x4.sub(i32x4.max_s(requantizeOnceLanes(acc, m, r), least), offset);
  return i32x4.sub(i32x4.max_s(requantizeTfliteLanes(grow ? grown(grow, acc) : acc, m, r), least), offset);
}

// @ts-ignore: decorator
@inline
function grown(g: usize, acc: v128): v128 {
  const limit = v128.load(g, 16);
  return i32x4.mul(i32x4.max_s(i32x4.min_s(acc, limit), i32x4.neg(limit)), v128.load(g));
}

/** The lowest `n` bytes of v to y, n in 1 … 8. */
export function storePart(y: usize, v: v128, n: i32): void {
  let bits = i64x2.extract_lane(v, 0);
  if (n & 8) return store<i64>(y, bits);
  if (n & 4) {
    store<i32>(y, <i32>bits);
    bits >>= 32;
    y += 4;
  }
  if (n & 2) {
    store<i16>(y, <i16>bits);
    bits >>= 16;
    y += 2;
  }
  if (n & 1) store<i8>(y, <i8>bits);
}

/** The arrays of O channels lie in the memory; the bounds are int8. */
export function checkOutput(p: Output, O: f64): bool {
  return between(p.zy, -128, 127) && between(p.lo, -128, 127) && between(p.hi, -128, 127) && reads(p.m, 4 * O) && (p.grow == 0 || reads(p.grow, 8 * O));
}

/** `work`, or REFUSED where the multipliers are not those of requantize.tflite. */
export function checkedTflite(work: f64, p: Output, O: f64): f64 {
  return work != REFUSED && reads(p.m, 8 * O) ? work : REFUSED;
}
