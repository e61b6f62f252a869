/**
 * Elementary functions of our own, so that every engine returns the same bytes: only + − × ÷ and bits. T is f32 or v128
 * (lanes.ts). None is inlined: the loops around them are many. Errors were measured over all of the range against float64: test/kernels/math.test.ts holds the bounds.
 */
import { clamp, ifLess, larger, magnitude, minus, negated, over, plus, scaleBy, splat, times, timesPlus } from "./lanes";

const LOG2E: f32 = 1.44269504, LN2_HIGH: f32 = 0.693359375, LN2_LOW: f32 = -2.12194440e-4;
/** Adding it leaves the nearest whole number in the low bits of the sum. */
const ROUNDER: f32 = 12582912;

/** e^r − 1 for |r| ≤ ln 2 / 2. */
// @ts-ignore: decorator
@inline
function fraction<T>(r: T): T {
  let p = timesPlus(splat<T>(1.9875691500e-4), r, splat<T>(1.3981999507e-3));
  p = timesPlus(p, r, splat<T>(8.3334519073e-3));
  p = timesPlus(p, r, splat<T>(4.1665795894e-2));
  p = timesPlus(p, r, splat<T>(1.6666665459e-1));
  p = timesPlus(p, r, splat<T>(5.0000001201e-1));
  return timesPlus(p, times(r, r), r);
}

/** e^x = 2^n · e^r, |r| ≤ ln 2 / 2. Polynomial: Cephes expf. */
export function exp<T>(x: T): T {
  const t = clamp(x, splat<T>(-104), splat<T>(89)), shifted = timesPlus(t, splat<T>(LOG2E), splat<T>(ROUNDER));
  const n = minus(shifted, splat<T>(ROUNDER));
  const r = minus(minus(t, times(n, splat<T>(LN2_HIGH))), times(n, splat<T>(LN2_LOW)));
  return scaleBy(plus(fraction(r), splat<T>(1)), shifted);
}

/** e^x − 1, exact near 0 too. */
export function expMinus1<T>(x: T): T {
  return ifLess(magnitude(x), splat<T>(0.34), fraction(x), minus(exp(x), splat<T>(1)));
}

/** 1 / (1 + e^−x) */
export function sigmoid<T>(x: T): T {
  const one = splat<T>(1);
  return over(one, plus(one, exp<T>(minus(splat<T>(0), x))));
}

/** Near 0 an odd polynomial (Cephes tanhf), else 1 − 2 / (e^2x + 1). */
export function tanh<T>(x: T): T {
  const one = splat<T>(1), z = times(x, x);
  let p = timesPlus(splat<T>(-5.70498872745e-3), z, splat<T>(2.06390887954e-2));
  p = timesPlus(p, z, splat<T>(-5.37397155531e-2));
  p = timesPlus(p, z, splat<T>(1.33314422036e-1));
  p = timesPlus(p, z, splat<T>(-3.33332819422e-1));
  const far = minus(one, over(splat<T>(2), plus(exp<T>(plus(x, x)), one)));
  return ifLess(magnitude(x), splat<T>(0.625), timesPlus(times(p, z), x, x), far);
}

/** Near 0 an odd polynomial, else ±(1 − e^p(|x|)). Polynomials: N. Juffa, erff with at most one ulp. */
export function erf<T>(x: T): T {
  const t = magnitude(x), z = times(x, x), zero = splat<T>(0);
  let far = timesPlus(splat<T>(-1.72853470e-5), t, splat<T>(3.83197126e-4));
  far = timesPlus(far, z, timesPlus(splat<T>(-3.88396438e-3), t, splat<T>(2.42546219e-2)));
  far = timesPlus(far, t, splat<T>(-1.06777877e-1));
  far = timesPlus(far, t, splat<T>(-6.34846687e-1));
  far = timesPlus(far, t, splat<T>(-1.28717512e-1));
  far = minus(splat<T>(1), exp<T>(minus(times(far, t), t)));
  let near = timesPlus(splat<T>(-5.96761703e-4), z, splat<T>(4.99119423e-3));
  near = timesPlus(near, z, splat<T>(-2.67681349e-2));
  near = timesPlus(near, z, splat<T>(1.12819925e-1));
  near = timesPlus(near, z, splat<T>(-3.76125336e-1));
  near = timesPlus(near, z, splat<T>(1.28379166e-1));
  return ifLess(t, splat<T>(0.927734375), timesPlus(near, x, x), ifLess(x, zero, negated(far), far));
}

/** e^−|x| ≤ 1 keeps the logarithm short: log(1 + u) = 2 Σ s^(2k+1) / (2k+1), s = u / (2 + u) ≤ 1/3. */
export function softplus<T>(x: T): T {
  const u = exp(negated(magnitude(x))), s = over(u, plus(splat<T>(2), u)), z = times(s, s);
  let p = splat<T>(2.0 / 15);
  p = timesPlus(p, z, splat<T>(2.0 / 13));
  p = timesPlus(p, z, splat<T>(2.0 / 11));
  p = timesPlus(p, z, splat<T>(2.0 / 9));
  p = timesPlus(p, z, splat<T>(2.0 / 7));
  p = timesPlus(p, z, splat<T>(2.0 / 5));
  p = timesPlus(p, z, splat<T>(2.0 / 3));
  p = timesPlus(p, z, splat<T>(2));
  return timesPlus(p, s, larger(x, splat<T>(0)));
}
