/** Other functions of one operand: y[i] = f(a[i]) for i below n, a multiple of 4; the other operands are not read. alpha and beta as in converter/ir/ops.ts. */
import { LANES, above, at, below, equals, isLess, lane, magnitude, minus, negated, over, plus, put, root, rounded, times, truncated } from "../lanes";
import { erf, exp } from "../math";

export function expOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, exp(at(a, i)));
}

export function erfOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, erf(at(a, i)));
}

export function sqrtOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, root(at(a, i)));
}

export function absOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, magnitude(at(a, i)));
}

export function neg(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, negated(at(a, i)));
}

export function reciprocal(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const one = lane(1);
  for (let i = 0; i < n; i += LANES) put(y, i, over(one, at(a, i)));
}

export function ceilOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, above(at(a, i)));
}

export function floorOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, below(at(a, i)));
}

/** Halves to even. */
export function round(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, rounded(at(a, i)));
}

export function truncate(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, truncated(at(a, i)));
}

export function sign(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const zero = lane(0);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i);
    put(y, i, minus(isLess(zero, x), isLess(x, zero)));
  }
}

export function not(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const zero = lane(0);
  for (let i = 0; i < n; i += LANES) put(y, i, equals(at(a, i), zero));
}

export function isNanOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const zero = lane(0);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i);
    put(y, i, equals(equals(x, x), zero));
  }
}

/** alpha, beta: 1 if −∞, +∞ count. */
export function isInf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const negative = lane(alpha), positive = lane(beta);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i);
    put(y, i, plus(times(equals(x, lane(-Infinity)), negative), times(equals(x, lane(Infinity)), positive)));
  }
}
