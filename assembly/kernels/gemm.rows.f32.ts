/**
 * The float32 matrix product of convolutions and matmul: rows of x where they lie, or copies of them one behind the other,
 * times blocks of 8 columns. One accumulator per output, k ascending, multiply then add. 5 rows at a time in SIMD builds,
 * 1 in the scalar one.
 *   t: addresses of the rows of y, then from HEAD the copies [ROWS][K] f32
 */
import { clamp } from "../lanes";
import { HEAD, ROWS, multiplyRow } from "./gemm.f32";
import { storeRow } from "./gemm.f32.simd";

// @ts-ignore: decorator
@inline
export function rowOf(t: usize, row: i32, K: i32): usize {
  return t + HEAD + 4 * row * K;
}

/** `count` floats; returns where the next go. */
export function copyRun(x: usize, count: i32, to: usize): usize {
  const end = to + 4 * count;
  if (ASC_FEATURE_SIMD) for (const whole = to + 4 * (count & ~3); to < whole; to += 16, x += 16) v128.store(to, v128.load(x));
  for (; to < end; to += 4, x += 4) store<f32>(to, load<f32>(x));
  return to;
}

/** Padding: `count` zeros. */
export function zeroRun(count: i32, to: usize): usize {
  const end = to + 4 * count;
  for (; to < end; to += 4) store<f32>(to, 0);
  return to;
}

/**
 * y[m][0 … count − 1] = clamp(b + Σk row m[k] · w[k]), `at` bytes into each row of y. Rows are `across` bytes apart, each of
 * `lines` runs of `run` bytes that are `line` bytes apart; in the scalar build of one.
 * x: the first row · w: 8 columns per step, `stride` bytes apart · b: 8 floats · count: 1 … 8 columns that exist
 */
export function multiplyRows(t: usize, x: usize, across: i32, run: i32, lines: i32, line: i32, w: usize, stride: usize, b: usize, at: usize, count: i32, lo: f32, hi: f32): void {
  if (ASC_FEATURE_SIMD) multiplyRowsSimd(t, x, across, run, lines, line, w, stride, b, at, count, lo, hi);
  else multiplyRow(x, run >> 2, w, stride, b, load<usize>(t) + at, count, lo, hi);
}

/** Do not unroll k: binaryen nests the expressions of the steps, and V8 then spills. */
function multiplyRowsSimd(t: usize, x: usize, across: i32, run: i32, lines: i32, line: i32, w: usize, stride: usize, b: usize, at: usize, count: i32, lo: f32, hi: f32): void {
  const x2 = 2 * across, x3 = x2 + across, x4 = x3 + across;
  let c00 = v128.load(b), c01 = v128.load(b, 16), c10 = c00, c11 = c01, c20 = c00, c21 = c01, c30 = c00, c31 = c01, c40 = c00, c41 = c01;
  do {
    let k = x;
    const end = x + run;
    do {
      const w0 = v128.load(w), w1 = v128.load(w, 16);
      let a = v128.load_splat<f32>(k);
      c00 = f32x4.add(c00, f32x4.mul(a, w0));
      c01 = f32x4.add(c01, f32x4.mul(a, w1));
      a = v128.load_splat<f32>(k + across);
      c10 = f32x4.add(c10, f32x4.mul(a, w0));
      c11 = f32x4.add(c11, f32x4.mul(a, w1));
      a = v128.load_splat<f32>(k + x2);
      c20 = f32x4.add(c20, f32x4.mul(a, w0));
      c21 = f32x4.add(c21, f32x4.mul(a, w1));
      a = v128.load_splat<f32>(k + x3);
      c30 = f32x4.add(c30, f32x4.mul(a, w0));
      c31 = f32x4.add(c31, f32x4.mul(a, w1));
      a = v128.load_splat<f32>(k + x4);
      c40 = f32x4.add(c40, f32x4.mul(a, w0));
      c41 = f32x4.add(c41, f32x4.mul(a, w1));
      k += 4;
      w += stride;
    } while (k != end);
    x += line;
  } while (--lines);
  const low = f32x4.splat(lo), high = f32x4.splat(hi);
  storeRow(load<usize>(t) + at, clamp(c00, low, high), clamp(c01, low, high), count);
  storeRow(load<usize>(t, 4) + at, clamp(c10, low, high), clamp(c11, low, high), count);
  storeRow(load<usize>(t, 8) + at, clamp(c20, low, high), clamp(c21, low, high), count);
  storeRow(load<usize>(t, 12) + at, clamp(c30, low, high), clamp(c31, low, high), count);
  storeRow(load<usize>(t, 16) + at, clamp(c40, low, high), clamp(c41, low, high), count);
}
