/**
 * Elementary functions of our own, so that every engine returns the same bytes: only + − × ÷ and bits. T is f32 or v128
 * (lanes.ts). None is inlined: the loops around them are many. Errors were measured over all of the range against
 * float64: test/kernels/math.test.ts holds the bounds.
 */
import { clamp, ifLess, larger, magnitude, minus, negated, over, plus, powerOf2, scaleBy, splat, term, times, timesPlus } from "./lanes";

/**
 * Numbers stand in memory: a constant vector in code is 18 bytes and three instructions wherever it is used.
 * Adding 1.5 · 2^23 leaves the nearest whole number in the low bits of a sum; 127 and 254 more are the bias of one
 * exponent and of two.
 */
export const EXP: usize = memory.data<f32>([
  1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
  1.44269504, 0.693359375, -2.12194440e-4, -104, 89, 12582912 + 254, -20, 20, 12582912 + 127, 0.34, 1, 2,
]);
export const LOG2E: i32 = 6, LN2_HIGH: i32 = 7, LN2_LOW: i32 = 8, LEAST: i32 = 9, GREATEST: i32 = 10, ROUNDER_254: i32 = 11, FLAT: i32 = 12, ROUNDER_127: i32 = 14, NEAR: i32 = 15, ONE: i32 = 16, TWO: i32 = 17;

/** e^r − 1 for |r| ≤ ln 2 / 2. Polynomial: Cephes expf. */
// @ts-ignore: decorator
@inline
function fraction<T>(r: T): T {
  let p = timesPlus(term<T>(EXP, 0), r, term<T>(EXP, 1));
  p = timesPlus(p, r, term<T>(EXP, 2));
  p = timesPlus(p, r, term<T>(EXP, 3));
  p = timesPlus(p, r, term<T>(EXP, 4));
  p = timesPlus(p, r, term<T>(EXP, 5));
  return timesPlus(p, times(r, r), r);
}

/** t − n · ln 2, in two parts. */
// @ts-ignore: decorator
@inline
export function rest<T>(t: T, n: T): T {
  return minus(minus(t, times(n, term<T>(EXP, LN2_HIGH))), times(n, term<T>(EXP, LN2_LOW)));
}

/** e^x = 2^n · e^r, |r| ≤ ln 2 / 2. */
export function exp<T>(x: T): T {
  const t = clamp(x, term<T>(EXP, LEAST), term<T>(EXP, GREATEST)), rounder = term<T>(EXP, ROUNDER_254), shifted = timesPlus(t, term<T>(EXP, LOG2E), rounder);
  return scaleBy(plus(fraction(rest(t, minus(shifted, rounder))), term<T>(EXP, ONE)), shifted);
}

/** e^x − 1, exact near 0 too. */
export function expMinus1<T>(x: T): T {
  return ifLess(magnitude(x), term<T>(EXP, NEAR), fraction(x), minus(exp(x), term<T>(EXP, ONE)));
}

/** 1 / (1 + e^−x). From x = 18 on the sum is 1, whatever the power: those that are subnormal would only cost time. */
export function sigmoid<T>(x: T): T {
  const one = term<T>(EXP, ONE);
  return over(one, plus(one, exp(larger(negated(x), term<T>(EXP, FLAT)))));
}

/** e / (e + 2), e = e^2x − 1 = 2^n · (e^r − 1) + (2^n − 1); flat beyond 2x = ±20. */
export function tanh<T>(x: T): T {
  const t = clamp(plus(x, x), term<T>(EXP, FLAT), term<T>(EXP, FLAT + 1)), rounder = term<T>(EXP, ROUNDER_127), shifted = timesPlus(t, term<T>(EXP, LOG2E), rounder);
  const power = powerOf2(shifted), e = timesPlus(fraction(rest(t, minus(shifted, rounder))), power, minus(power, term<T>(EXP, ONE)));
  return over(e, plus(e, term<T>(EXP, TWO)));
}

/** far: p(|x|) with erf = 1 − e^p; near: erf / x − 1 as a polynomial of x². N. Juffa, erff with at most one ulp. */
const ERF: usize = memory.data<f32>([
  -1.72853470e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1, -6.34846687e-1, -1.28717512e-1,
  -5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1, 0.927734375,
]);

/** Near 0 an odd polynomial, else ±(1 − e^p(|x|)). */
export function erf<T>(x: T): T {
  const t = magnitude(x), z = times(x, x);
  let far = timesPlus(term<T>(ERF, 0), t, term<T>(ERF, 1));
  far = timesPlus(far, z, timesPlus(term<T>(ERF, 2), t, term<T>(ERF, 3)));
  far = timesPlus(far, t, term<T>(ERF, 4));
  far = timesPlus(far, t, term<T>(ERF, 5));
  far = timesPlus(far, t, term<T>(ERF, 6));
  far = minus(term<T>(EXP, ONE), exp(minus(times(far, t), t)));
  let near = timesPlus(term<T>(ERF, 7), z, term<T>(ERF, 8));
  near = timesPlus(near, z, term<T>(ERF, 9));
  near = timesPlus(near, z, term<T>(ERF, 10));
  near = timesPlus(near, z, term<T>(ERF, 11));
  near = timesPlus(near, z, term<T>(ERF, 12));
  return ifLess(t, term<T>(ERF, 13), timesPlus(near, x, x), ifLess(x, splat<T>(0), negated(far), far));
}

/** 2 / (2k + 1), k descending. */
const LOG: usize = memory.data<f32>([2.0 / 15, 2.0 / 13, 2.0 / 11, 2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3, 2]);

/** e^−|x| ≤ 1 keeps the logarithm short: log(1 + u) = 2 Σ s^(2k+1) / (2k+1), s = u / (2 + u) ≤ 1/3. */
export function softplus<T>(x: T): T {
  const u = exp(negated(magnitude(x))), s = over(u, plus(term<T>(EXP, TWO), u)), z = times(s, s);
  let p = term<T>(LOG, 0);
  for (let k = 1; k < 8; k++) p = timesPlus(p, z, term<T>(LOG, k));
  return timesPlus(p, s, larger(x, splat<T>(0)));
}
