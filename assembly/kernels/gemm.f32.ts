/**
 * The float32 matrix product of convolutions, dense layers and matmul: a panel of rows, interleaved by k, times blocks of 8
 * columns. One accumulator per output, k ascending, multiply then add. A panel has 5 rows in SIMD builds, 1 in the scalar one.
 *   t: addresses of the rows of y, then from HEAD the panel [K][ROWS] f32
 */
import { clamp } from "../lanes";
import { multiplyBlockSimd } from "./gemm.f32.simd";

/** Rows of a panel: 10 accumulators, 2 weights and 1 row value stay in x86's 15 usable vector registers. */
export const ROWS: i32 = ASC_FEATURE_SIMD ? 5 : 1;
export const STEP: usize = 4 * ROWS;
export const HEAD: usize = 32;

/** Bytes of scratch for panels of K steps, in any build. */
export function panelBytes(K: f64): f64 {
  return <f64>HEAD + 20 * K;
}

// @ts-ignore: decorator
@inline
export function panelOf(t: usize, row: i32): usize {
  return t + HEAD + 4 * row;
}

/** Row `row` of the product goes to `y`. */
// @ts-ignore: decorator
@inline
export function setRow(t: usize, row: i32, y: usize): void {
  store<usize>(t + 4 * row, y);
}

/** `count` floats at x into one row of a panel; returns where the next go. */
export function packRun(x: usize, count: i32, to: usize): usize {
  const end = to + STEP * count;
  if (ASC_FEATURE_SIMD) {
    for (const whole = to + STEP * (count & ~3); to < whole; to += 4 * STEP, x += 16) {
      const v = v128.load(x);
      v128.store_lane<f32>(to, v, 0);
      v128.store_lane<f32>(to, v, 1, STEP);
      v128.store_lane<f32>(to, v, 2, 2 * STEP);
      v128.store_lane<f32>(to, v, 3, 3 * STEP);
    }
  }
  for (; to < end; to += STEP, x += 4) store<f32>(to, load<f32>(x));
  return to;
}

/** Padding: `count` zeros. */
export function packZeros(count: i32, to: usize): usize {
  const end = to + STEP * count;
  for (; to < end; to += STEP) store<f32>(to, 0);
  return to;
}

/**
 * y[m][0 … count − 1] = clamp(b + Σk panel[k][m] · w[k]) for the rows m of the panel at t, `at` bytes into each row of y.
 * w: 8 columns per step, `stride` bytes apart · b: 8 floats · count: 1 … 8 columns that exist
 */
export function multiplyBlock(t: usize, K: i32, w: usize, stride: usize, b: usize, at: usize, count: i32, lo: f32, hi: f32): void {
  if (ASC_FEATURE_SIMD) multiplyBlockSimd(t, K, w, stride, b, at, count, lo, hi);
  else multiplyRow(t + HEAD, K, w, stride, b, load<usize>(t) + at, count, lo, hi);
}

/** One row x [K] times 8 columns. */
export function multiplyRow(x: usize, K: i32, w: usize, stride: usize, b: usize, y: usize, count: i32, lo: f32, hi: f32): void {
  let a0 = load<f32>(b), a1 = load<f32>(b, 4), a2 = load<f32>(b, 8), a3 = load<f32>(b, 12), a4 = load<f32>(b, 16), a5 = load<f32>(b, 20), a6 = load<f32>(b, 24), a7 = load<f32>(b, 28);
  for (; K > 0; K--, x += 4, w += stride) {
    const v = load<f32>(x);
    a0 += v * load<f32>(w);
    a1 += v * load<f32>(w, 4);
    a2 += v * load<f32>(w, 8);
    a3 += v * load<f32>(w, 12);
    a4 += v * load<f32>(w, 16);
    a5 += v * load<f32>(w, 20);
    a6 += v * load<f32>(w, 24);
    a7 += v * load<f32>(w, 28);
  }
  store<f32>(y, clamp<f32>(a0, lo, hi));
  if (count > 1) store<f32>(y, clamp<f32>(a1, lo, hi), 4);
  if (count > 2) store<f32>(y, clamp<f32>(a2, lo, hi), 8);
  if (count > 3) store<f32>(y, clamp<f32>(a3, lo, hi), 12);
  if (count > 4) store<f32>(y, clamp<f32>(a4, lo, hi), 16);
  if (count > 5) store<f32>(y, clamp<f32>(a5, lo, hi), 20);
  if (count > 6) store<f32>(y, clamp<f32>(a6, lo, hi), 24);
  if (count > 7) store<f32>(y, clamp<f32>(a7, lo, hi), 28);
}
