/** Activation functions: y[i] = f(a[i]) for i below n, a multiple of 4; the other operands are not read. alpha and beta as in converter/ir/ops.ts. */
import { LANES, at, clamp, ifLess, lane, larger, magnitude, over, plus, put, smaller, times, timesPlus } from "../lanes";
import { erf, exp, expMinus1, sigmoid, softplus, tanh } from "../math";

export function clip(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const lo = lane(alpha), hi = lane(beta);
  for (let i = 0; i < n; i += LANES) put(y, i, clamp(at(a, i), lo, hi));
}

export function affine(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const factor = lane(alpha), offset = lane(beta);
  for (let i = 0; i < n; i += LANES) put(y, i, timesPlus(at(a, i), factor, offset));
}

export function leakyRelu(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const slope = lane(alpha), zero = lane(0);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i);
    put(y, i, ifLess(x, zero, times(x, slope), x));
  }
}

export function thresholdedRelu(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const threshold = lane(alpha), zero = lane(0);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i);
    put(y, i, ifLess(threshold, x, x, zero));
  }
}

export function elu(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const scale = lane(alpha), zero = lane(0);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i);
    put(y, i, ifLess(x, zero, times(scale, expMinus1(x)), x));
  }
}

export function selu(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const scale = lane(alpha), gamma = lane(beta), zero = lane(0);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i);
    put(y, i, times(gamma, ifLess(x, zero, times(scale, expMinus1(x)), x)));
  }
}

export function celu(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const scale = lane(alpha), zero = lane(0);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i), negative = times(scale, expMinus1(over(x, scale)));
    put(y, i, plus(larger(x, zero), smaller(negative, zero)));
  }
}

export function sigmoidOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, sigmoid(at(a, i)));
}

export function tanhOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, tanh(at(a, i)));
}

export function hardSigmoid(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const factor = lane(alpha), offset = lane(beta), zero = lane(0), one = lane(1);
  for (let i = 0; i < n; i += LANES) put(y, i, clamp(timesPlus(at(a, i), factor, offset), zero, one));
}

export function hardSwish(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const zero = lane(0), three = lane(3), six = lane(6);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i);
    put(y, i, over(times(x, clamp(plus(x, three), zero, six)), six));
  }
}

export function swish(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const factor = lane(alpha);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i);
    put(y, i, times(x, sigmoid(times(x, factor))));
  }
}

/** x/2 · (1 + erf(x / √2)) */
export function gelu(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const half = lane(0.5), one = lane(1);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i);
    put(y, i, times(times(half, x), plus(one, erf(times(x, lane(0.70710678))))));
  }
}

/** x/2 · (1 + tanh u) = x · sigmoid(2u), u = √(2/π) · (x + 0.044715 x³) */
export function geluTanh(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const cubic = lane(0.044715), factor = lane(1.5957691);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i);
    put(y, i, times(x, sigmoid(times(timesPlus(times(times(x, x), x), cubic, x), factor))));
  }
}

/** x · tanh(log(1 + t)) = x · u / (u + 2), u = t (t + 2), t = e^x */
export function mish(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const two = lane(2);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i), t = exp(smaller(x, lane(20))), u = times(t, plus(t, two));
    put(y, i, over(times(x, u), plus(u, two)));
  }
}

export function softplusOf(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < n; i += LANES) put(y, i, softplus(at(a, i)));
}

export function softsign(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32): void {
  const one = lane(1);
  for (let i = 0; i < n; i += LANES) {
    const x = at(a, i);
    put(y, i, over(x, plus(one, magnitude(x))));
  }
}
