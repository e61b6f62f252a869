/**
 * The fast rule from int32 sums to integers:
 *   y = clamp(zy + round(acc · m), lo, hi), halves to even, m and the product in float32
 * Adding 1.5 · 2^23 leaves the rounded product in the low bits of the float. Products too large for that stay in order as
 * integers once they are at least `lo`, so the clamp is right for them too. Source: XNNPACK, QS8 "fp32" requantization.
 */
export const ROUNDER: f32 = 12582912;
export const ROUNDER_BITS: i32 = 0x4b400000;
/** In memory: V8 makes a constant vector anew at every use. */
export const ROUNDERS = memory.data<f32>([ROUNDER, ROUNDER, ROUNDER, ROUNDER], 16);

// @ts-ignore: decorator
@inline
export function requantize(acc: i32, m: f32, zy: i32, lo: i32, hi: i32): i32 {
  return clampRounded(<f32>acc * m, zy, lo, hi);
}

/** clamp(zy + round(value), lo, hi) */
// @ts-ignore: decorator
@inline
export function clampRounded(value: f32, zy: i32, lo: i32, hi: i32): i32 {
  return min(max(reinterpret<i32>(value + ROUNDER), ROUNDER_BITS + lo - zy) - (ROUNDER_BITS - zy), hi);
}

/** round(acc · m) + ROUNDER_BITS; rounder: ROUNDERS. The caller clamps from below before it takes the bits away. */
// @ts-ignore: decorator
@inline
export function requantizeLanes(acc: v128, m: v128, rounder: v128): v128 {
  return f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(acc), m), rounder);
}
