/** y[i] = f(a[i], b[i]) for i below n, a multiple of 4; alpha and beta bound the results. Conditions are 0 and 1. */
import { LANES, at, clamp, equals, greatest, ifEqual, ifLess, isAtMost, isLess, lane, least, minus, over, plus, put, times } from "../lanes";

export function add(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const lo = lane(alpha), hi = lane(beta);
  for (let i = 0; i < n; i += LANES) put(y, i, clamp(plus(at(a, i), at(b, i)), lo, hi));
}

export function sub(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const lo = lane(alpha), hi = lane(beta);
  for (let i = 0; i < n; i += LANES) put(y, i, clamp(minus(at(a, i), at(b, i)), lo, hi));
}

export function mul(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const lo = lane(alpha), hi = lane(beta);
  for (let i = 0; i < n; i += LANES) put(y, i, clamp(times(at(a, i), at(b, i)), lo, hi));
}

export function div(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const lo = lane(alpha), hi = lane(beta);
  for (let i = 0; i < n; i += LANES) put(y, i, clamp(over(at(a, i), at(b, i)), lo, hi));
}

export function minOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const lo = lane(alpha), hi = lane(beta);
  for (let i = 0; i < n; i += LANES) put(y, i, clamp(least(at(a, i), at(b, i)), lo, hi));
}

export function maxOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const lo = lane(alpha), hi = lane(beta);
  for (let i = 0; i < n; i += LANES) put(y, i, clamp(greatest(at(a, i), at(b, i)), lo, hi));
}

/** b: the slope. */
export function prelu(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const lo = lane(alpha), hi = lane(beta), zero = lane(0);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i);
    put(y, i, clamp(ifLess(x, zero, times(x, at(b, i)), x), lo, hi));
  }
}

export function equal(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, equals(at(a, i), at(b, i)));
}

export function greater(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, isLess(at(b, i), at(a, i)));
}

export function greaterOrEqual(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, isAtMost(at(b, i), at(a, i)));
}

export function less(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, isLess(at(a, i), at(b, i)));
}

export function lessOrEqual(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, isAtMost(at(a, i), at(b, i)));
}

export function and(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const zero = lane(0);
  for (let i = 0; i < n; i += LANES) put(y, i, equals(plus(equals(at(a, i), zero), equals(at(b, i), zero)), zero));
}

export function or(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const zero = lane(0);
  for (let i = 0; i < n; i += LANES) put(y, i, equals(times(equals(at(a, i), zero), equals(at(b, i), zero)), zero));
}

export function xor(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const zero = lane(0);
  for (let i = 0; i < n; i += LANES) put(y, i, equals(equals(equals(at(a, i), zero), equals(at(b, i), zero)), zero));
}

/** a ? b : c */
export function where(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const zero = lane(0);
  for (let i = 0; i < n; i += LANES) put(y, i, ifEqual(at(a, i), zero, at(c, i), at(b, i)));
}
