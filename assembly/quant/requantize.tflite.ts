/**
 * The rule of TFLite's reference kernels, in integers and rounded twice:
 *   y = roundingDivideByPOT(saturatingRoundingDoublingHighMul(acc · 2^left, m), right)
 * m in [2^30, 2^31) or 0; `r` is 2^(30 − right), so that the second step is a product, a rounding and a shift by 30:
 *   a = (acc · m + 2^30) >> 31 · y = (a · r + 2^29 − (a < 0)) >> 30
 * equals rounding half away from zero of a / 2^right for right in 0 … 30 (half a unit less one part in 2^right where a is
 * negative). Left shifts are in `grow`: see output.ts. Source: TFLite common.h, gemmlowp fixedpoint.h.
 */

export function requantizeTflite(acc: i32, m: i32, r: i32): i32 {
  const z = <i64>roundedHigh(acc, m) * <i64>r;
  return <i32>((z + (z >> 63) + (1 << 29)) >> 30);
}

/** round(a · b / 2^31), halves up. */
export function roundedHigh(a: i32, b: i32): i32 {
  return <i32>((<i64>a * <i64>b + (1 << 30)) >> 31);
}

/** Four at once; 64-bit products are doubled or quadrupled so that the result is their high word. */
export function requantizeFour(acc: v128, m: v128, r: v128): v128 {
  const half = i64x2.splat(1 << 30), quarter = i64x2.splat(1 << 29), zero = i64x2.splat(0);
  const low = i64x2.shl(i64x2.add(i64x2.extmul_low_i32x4_s(acc, m), half), 1);
  const high = i64x2.shl(i64x2.add(i64x2.extmul_high_i32x4_s(acc, m), half), 1);
  const a = v128.shuffle<i32>(low, high, 1, 3, 5, 7);
  const z0 = i64x2.extmul_low_i32x4_s(a, r), z1 = i64x2.extmul_high_i32x4_s(a, r);
  const y0 = i64x2.shl(i64x2.add(i64x2.add(z0, quarter), i64x2.lt_s(z0, zero)), 2);
  const y1 = i64x2.shl(i64x2.add(i64x2.add(z1, quarter), i64x2.lt_s(z1, zero)), 2);
  return v128.shuffle<i32>(y0, y1, 1, 3, 5, 7);
}

/** What TFLite's fully connected layer does instead: acc · m in float64, rounded once, halves away from zero. */
// @ts-ignore: decorator
@inline
export function requantizeOnce(acc: f64, m: f64): i32 {
  const v = min(max(acc * m, -LIMIT), LIMIT);
  return <i32>trunc(v + copysign(HALF, v));
}

/** The largest number below 1/2: added to one just below it, it does not reach 1. */
const HALF: f64 = 0.49999999999999994;

/** Larger results saturate. */
const LIMIT: f64 = 1048576;
/** Adding it leaves a whole number in the low bits. */
const ROUNDER: f64 = 6755399441055744;

/** Four at once; m0: of the first two. */
export function requantizeOnceLanes(acc: v128, m0: v128, m1: v128): v128 {
  return v128.shuffle<i32>(onceTwo(acc, m0), onceTwo(v128.shuffle<i64>(acc, acc, 1, 1), m1), 0, 2, 4, 6);
}

function onceTwo(acc: v128, m: v128): v128 {
  const v = f64x2.mul(f64x2.convert_low_i32x4_s(acc), m), bounded = f64x2.min(f64x2.max(v, f64x2.splat(-LIMIT)), f64x2.splat(LIMIT));
  const half = v128.or(v128.and(bounded, f64x2.splat(-0.0)), f64x2.splat(HALF));
  return f64x2.add(f64x2.trunc(f64x2.add(bounded, half)), f64x2.splat(ROUNDER));
}
