/**
 * Elementary functions of our own, so that every engine returns the same bytes: only + − × ÷ and bits. T is f32 or v128
 * (lanes.ts). Errors were measured over all of the range against float64: test/kernels/math.test.ts holds the bounds.
 */
import { clamp, ifLess, magnitude, minus, negated, over, plus, scaleBy, splat, times, timesPlus } from "./lanes";

const LOG2E: f32 = 1.44269504, LN2_HIGH: f32 = 0.693359375, LN2_LOW: f32 = -2.12194440e-4;
/** Adding it leaves the nearest whole number in the low bits of the sum. */
const ROUNDER: f32 = 12582912;

/** e^x = 2^n · e^r, |r| ≤ ln 2 / 2. Polynomial: Cephes expf. */
// @ts-ignore: decorator
@inline
export function exp<T>(x: T): T {
  const t = clamp<T>(x, splat<T>(-104), splat<T>(89)), shifted = timesPlus<T>(t, splat<T>(LOG2E), splat<T>(ROUNDER));
  const n = minus<T>(shifted, splat<T>(ROUNDER));
  const r = minus<T>(minus<T>(t, times<T>(n, splat<T>(LN2_HIGH))), times<T>(n, splat<T>(LN2_LOW)));
  let p = timesPlus<T>(splat<T>(1.9875691500e-4), r, splat<T>(1.3981999507e-3));
  p = timesPlus<T>(p, r, splat<T>(8.3334519073e-3));
  p = timesPlus<T>(p, r, splat<T>(4.1665795894e-2));
  p = timesPlus<T>(p, r, splat<T>(1.6666665459e-1));
  p = timesPlus<T>(p, r, splat<T>(5.0000001201e-1));
  return scaleBy<T>(plus<T>(timesPlus<T>(p, times<T>(r, r), r), splat<T>(1)), shifted);
}

/** 1 / (1 + e^−x) */
// @ts-ignore: decorator
@inline
export function sigmoid<T>(x: T): T {
  const one = splat<T>(1);
  return over<T>(one, plus<T>(one, exp<T>(minus<T>(splat<T>(0), x))));
}

/** Near 0 an odd polynomial (Cephes tanhf), else 1 − 2 / (e^2x + 1). */
// @ts-ignore: decorator
@inline
export function tanh<T>(x: T): T {
  const one = splat<T>(1), z = times<T>(x, x);
  let p = timesPlus<T>(splat<T>(-5.70498872745e-3), z, splat<T>(2.06390887954e-2));
  p = timesPlus<T>(p, z, splat<T>(-5.37397155531e-2));
  p = timesPlus<T>(p, z, splat<T>(1.33314422036e-1));
  p = timesPlus<T>(p, z, splat<T>(-3.33332819422e-1));
  const far = minus<T>(one, over<T>(splat<T>(2), plus<T>(exp<T>(plus<T>(x, x)), one)));
  return ifLess<T>(magnitude<T>(x), splat<T>(0.625), timesPlus<T>(times<T>(p, z), x, x), far);
}

/** Near 0 an odd polynomial, else ±(1 − e^p(|x|)). Polynomials: N. Juffa, erff with at most one ulp. */
// @ts-ignore: decorator
@inline
export function erf<T>(x: T): T {
  const t = magnitude<T>(x), z = times<T>(x, x), zero = splat<T>(0);
  let far = timesPlus<T>(splat<T>(-1.72853470e-5), t, splat<T>(3.83197126e-4));
  far = timesPlus<T>(far, z, timesPlus<T>(splat<T>(-3.88396438e-3), t, splat<T>(2.42546219e-2)));
  far = timesPlus<T>(far, t, splat<T>(-1.06777877e-1));
  far = timesPlus<T>(far, t, splat<T>(-6.34846687e-1));
  far = timesPlus<T>(far, t, splat<T>(-1.28717512e-1));
  far = minus<T>(splat<T>(1), exp<T>(minus<T>(times<T>(far, t), t)));
  let near = timesPlus<T>(splat<T>(-5.96761703e-4), z, splat<T>(4.99119423e-3));
  near = timesPlus<T>(near, z, splat<T>(-2.67681349e-2));
  near = timesPlus<T>(near, z, splat<T>(1.12819925e-1));
  near = timesPlus<T>(near, z, splat<T>(-3.76125336e-1));
  near = timesPlus<T>(near, z, splat<T>(1.28379166e-1));
  return ifLess<T>(t, splat<T>(0.927734375), timesPlus<T>(near, x, x), ifLess<T>(x, zero, negated<T>(far), far));
}
