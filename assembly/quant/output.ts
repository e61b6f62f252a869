/**
 * The end of every integer kernel: int32 sums of output channels → int8. FAST is the rule of requantize.ts; TWICE, and ONCE
 * where TFLite rounds once, are those of requantize.tflite.ts.
 */
import { REFUSED, between, reads } from "../check";
import { ROUNDER_BITS, requantize, requantizeLanes } from "./requantize";
import { requantizeFour, requantizeOnce, requantizeOnceLanes, requantizeTflite } from "./requantize.tflite";

export const FAST: i32 = 0, TWICE: i32 = 1, ONCE: i32 = 2;

/** Float results instead: y = b + f32(sum) · m, both f32 [O], O a multiple of 8; of Output only m is read. */
export const SCALED: i32 = 3;

/**
 * O channels, padded to a multiple of 8 · m: FAST f32 [O], ONCE f64 [O], TWICE i32 [O/4][2][4] of multipliers and 2^(30 − right shift)
 * grow: 0, or i32 [O/4][2][4] of 2^left and the largest sum that it does not overflow (larger ones saturate anyway)
 */
@unmanaged
export class Output {
  m: usize; grow: usize;
  zy: i32; lo: i32; hi: i32;
}

/** The output of channel o. */
// @ts-ignore: decorator
@inline
export function outputOf(p: Output, rule: i32, acc: i32, o: i32): i32 {
  return rule == FAST ? requantize(acc, load<f32>(p.m + 4 * o), p.zy, p.lo, p.hi) : exactOutput(p, rule, acc, o);
}

function exactOutput(p: Output, rule: i32, acc: i32, o: i32): i32 {
  if (rule == ONCE) return min(max(requantizeOnce(<f64>acc, load<f64>(p.m + 8 * o)) + p.zy, p.lo), p.hi);
  const lane = (o >> 2) * 32 + (o & 3) * 4, g = p.grow + lane;
  const sum = p.grow ? max(min(acc, load<i32>(g, 16)), -load<i32>(g, 16)) * load<i32>(g) : acc;
  return min(max(requantizeTflite(sum, load<i32>(p.m + lane), load<i32>(p.m + lane, 16)) + p.zy, p.lo), p.hi);
}

/** What fastLanes clamps from below with, and what it takes away then. */
// @ts-ignore: decorator
@inline
export function leastOf(p: Output): v128 {
  return i32x4.splat(ROUNDER_BITS + p.lo - p.zy);
}

// @ts-ignore: decorator
@inline
export function offsetOf(p: Output): v128 {
  return i32x4.splat(ROUNDER_BITS - p.zy);
}

/** Outputs o … o + 7 as i16, not yet clamped from above; m0, m1: f32 of these channels, rounder: ROUNDERS, both for FAST alone. */
// @ts-ignore: decorator
@inline
export function outputLanes(p: Output, rule: i32, low: v128, high: v128, o: i32, m0: v128, m1: v128, rounder: v128, least: v128, offset: v128): v128 {
  if (rule != FAST) return i16x8.narrow_i32x4_s(exactLanes(p, rule, low, o), exactLanes(p, rule, high, o + 4));
  return fastPair(low, high, m0, m1, rounder, least, offset);
}

// @ts-ignore: decorator
@inline
export function fastPair(low: v128, high: v128, m0: v128, m1: v128, rounder: v128, least: v128, offset: v128): v128 {
  return i16x8.narrow_i32x4_s(fastLanes(low, m0, rounder, least, offset), fastLanes(high, m1, rounder, least, offset));
}

/** Four outputs as i32, not yet clamped from above; m: f32 of their channels, rounder: ROUNDERS. */
// @ts-ignore: decorator
@inline
export function fastLanes(acc: v128, m: v128, rounder: v128, least: v128, offset: v128): v128 {
  return i32x4.sub(i32x4.max_s(requantizeLanes(acc, m, rounder), least), offset);
}

/** Outputs o … o + 3 as i32 by TFLite's rules, likewise. */
export function exactLanes(p: Output, rule: i32, acc: v128, o: i32): v128 {
  const m = p.m + 8 * o, g = p.grow + 8 * o;
  if (p.grow) acc = i32x4.mul(i32x4.max_s(i32x4.min_s(acc, v128.load(g, 16)), i32x4.neg(v128.load(g, 16))), v128.load(g));
  const y = rule == ONCE ? requantizeOnceLanes(acc, v128.load(m), v128.load(m, 16)) : requantizeFour(acc, v128.load(m), v128.load(m, 16));
  return i32x4.max_s(i32x4.add(y, i32x4.splat(p.zy)), i32x4.splat(p.lo));
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
