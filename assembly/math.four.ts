/**
 * sigmoid and tanh of math.ts for four lanes side by side, the same bytes: a value is one long chain of operations, and the steps
 * of four chains in turn keep a processor busy.
 */
import { EXP, FLAT, LN2_HIGH, LN2_LOW, LOG2E, ONE, ROUNDER_127, TWO, rest } from "./math";
import { LANES, at, clamp, larger, minus, over, plus, powerOf2, put, smaller, term, times, timesPlus } from "./lanes";

/** Bounds of x, and what leaves n − 1 and the bias of one exponent in the low bits. */
const SIGMOID: usize = memory.data<f32>([-89, 20, 12582912 + 126]);
/** The polynomial of e^r − 1: its first coefficient, and where those that follow begin and end. */
const SECOND: usize = EXP + 4, END: usize = EXP + 24;

/** Lane i of a + b; of a, where b is 0. */
// @ts-ignore: decorator
@inline
function sum(a: usize, b: usize, i: i32): Lane {
  return b ? plus(at(a, i * LANES), at(b, i * LANES)) : at(a, i * LANES);
}

/** y = sigmoid (a + b), four lanes. −x is never made: s = −r. */
export function fourSigmoids(a: usize, b: usize, y: usize): void {
  const x0 = within(sum(a, b, 0)), x1 = within(sum(a, b, 1)), x2 = within(sum(a, b, 2)), x3 = within(sum(a, b, 3));
  const n0 = power(x0), n1 = power(x1), n2 = power(x2), n3 = power(x3), s0 = negatedRest(x0, n0), s1 = negatedRest(x1, n1), s2 = negatedRest(x2, n2), s3 = negatedRest(x3, n3);
  let p0 = term<Lane>(EXP, 0), p1 = p0, p2 = p0, p3 = p0;
  for (let next = SECOND; next < END; next += 4) {
    const c = term<Lane>(next, 0);
    p0 = minus(c, times(p0, s0));
    p1 = minus(c, times(p1, s1));
    p2 = minus(c, times(p2, s2));
    p3 = minus(c, times(p3, s3));
  }
  put(y, 0, sigmoidFrom(p0, s0, n0));
  put(y, LANES, sigmoidFrom(p1, s1, n1));
  put(y, 2 * LANES, sigmoidFrom(p2, s2, n2));
  put(y, 3 * LANES, sigmoidFrom(p3, s3, n3));
}

// @ts-ignore: decorator
@inline
function within(x: Lane): Lane {
  return larger(smaller(x, term<Lane>(SIGMOID, 1)), term<Lane>(SIGMOID, 0));
}

/** Of e^−x. */
// @ts-ignore: decorator
@inline
function power(x: Lane): Lane {
  return minus(term<Lane>(SIGMOID, 2), times(x, term<Lane>(EXP, LOG2E)));
}

// @ts-ignore: decorator
@inline
function negatedRest(x: Lane, shifted: Lane): Lane {
  const n = minus(shifted, term<Lane>(SIGMOID, 2));
  return plus(plus(x, times(n, term<Lane>(EXP, LN2_HIGH))), times(n, term<Lane>(EXP, LN2_LOW)));
}

/** e^−x is twice e^r · 2^(n−1), which has an exponent wherever 2^n may have none. */
// @ts-ignore: decorator
@inline
function sigmoidFrom(p: Lane, s: Lane, shifted: Lane): Lane {
  const one = term<Lane>(EXP, ONE), half = times(plus(minus(times(p, times(s, s)), s), one), powerOf2(shifted));
  return over(one, plus(one, plus(half, half)));
}

/** y = tanh (a + b), four lanes; b may be 0: tanh a. */
// @ts-ignore: decorator
@inline
export function fourTanhs(a: usize, b: usize, y: usize): void {
  const x0 = twice(sum(a, b, 0)), x1 = twice(sum(a, b, 1)), x2 = twice(sum(a, b, 2)), x3 = twice(sum(a, b, 3)), rounder = term<Lane>(EXP, ROUNDER_127), log2e = term<Lane>(EXP, LOG2E);
  const n0 = timesPlus(x0, log2e, rounder), n1 = timesPlus(x1, log2e, rounder), n2 = timesPlus(x2, log2e, rounder), n3 = timesPlus(x3, log2e, rounder);
  const r0 = rest(x0, minus(n0, rounder)), r1 = rest(x1, minus(n1, rounder)), r2 = rest(x2, minus(n2, rounder)), r3 = rest(x3, minus(n3, rounder));
  let p0 = term<Lane>(EXP, 0), p1 = p0, p2 = p0, p3 = p0;
  for (let next = SECOND; next < END; next += 4) {
    const c = term<Lane>(next, 0);
    p0 = timesPlus(p0, r0, c);
    p1 = timesPlus(p1, r1, c);
    p2 = timesPlus(p2, r2, c);
    p3 = timesPlus(p3, r3, c);
  }
  put(y, 0, tanhFrom(p0, r0, n0));
  put(y, LANES, tanhFrom(p1, r1, n1));
  put(y, 2 * LANES, tanhFrom(p2, r2, n2));
  put(y, 3 * LANES, tanhFrom(p3, r3, n3));
}

// @ts-ignore: decorator
@inline
function twice(x: Lane): Lane {
  return clamp(plus(x, x), term<Lane>(EXP, FLAT), term<Lane>(EXP, FLAT + 1));
}

// @ts-ignore: decorator
@inline
function tanhFrom(p: Lane, r: Lane, shifted: Lane): Lane {
  const scale = powerOf2(shifted), e = timesPlus(timesPlus(p, times(r, r), r), scale, minus(scale, term<Lane>(EXP, ONE)));
  return over(e, plus(e, term<Lane>(EXP, TWO)));
}
