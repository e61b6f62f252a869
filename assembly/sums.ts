/**
 * Sums along a contiguous axis: element i goes into partial sum i mod 4, and the four are added as (s0 + s1) + (s2 + s3),
 * which is what four lanes do. The scalar build does the same, so both return the same bytes.
 */
import { minus, splat, times } from "./lanes";
import { exp } from "./math";

/** What is summed: x − shift, e^(x − shift), (x − shift)². */
export const DIFFERENCES: i32 = 0, EXPONENTIALS: i32 = 1, SQUARES: i32 = 2;

export function sumOf(what: i32, x: usize, n: i32, shift: f32): f32 {
  const whole = x + 4 * (n & ~3), end = x + 4 * n;
  let s0: f32 = 0, s1: f32 = 0, s2: f32 = 0, s3: f32 = 0;
  if (ASC_FEATURE_SIMD) {
    let sums = f32x4.splat(0);
    for (; x < whole; x += 16) sums = f32x4.add(sums, summand<v128>(what, v128.load(x), shift));
    s0 = f32x4.extract_lane(sums, 0);
    s1 = f32x4.extract_lane(sums, 1);
    s2 = f32x4.extract_lane(sums, 2);
    s3 = f32x4.extract_lane(sums, 3);
  } else {
    for (; x < whole; x += 16) {
      s0 += summand<f32>(what, load<f32>(x), shift);
      s1 += summand<f32>(what, load<f32>(x, 4), shift);
      s2 += summand<f32>(what, load<f32>(x, 8), shift);
      s3 += summand<f32>(what, load<f32>(x, 12), shift);
    }
  }
  if (x < end) s0 += summand<f32>(what, load<f32>(x), shift);
  if (x + 4 < end) s1 += summand<f32>(what, load<f32>(x, 4), shift);
  if (x + 8 < end) s2 += summand<f32>(what, load<f32>(x, 8), shift);
  return (s0 + s1) + (s2 + s3);
}

function summand<T>(what: i32, x: T, shift: f32): T {
  const d = minus(x, splat<T>(shift));
  if (what == EXPONENTIALS) return exp(d);
  return what == SQUARES ? times(d, d) : d;
}

/** The largest of n floats; NaN if one is NaN. Its order does not matter. */
export function largestOf(x: usize, n: i32): f32 {
  const end = x + 4 * n;
  let most: f32 = -Infinity;
  if (ASC_FEATURE_SIMD && n >= 4) {
    let m = v128.load(x);
    for (const whole = x + 4 * (n & ~3); x < whole; x += 16) m = f32x4.max(m, v128.load(x));
    most = max(max(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1)), max(f32x4.extract_lane(m, 2), f32x4.extract_lane(m, 3)));
  }
  for (; x < end; x += 4) most = max(most, load<f32>(x));
  return most;
}
