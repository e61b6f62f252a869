/**
 * The float32 matrix product of a step in training: one to five rows where they lie, times 8 columns. One accumulator per output,
 * k ascending, multiply then add.
 */
import { multiplyRow } from "./gemm.f32";
import { storeRow } from "./gemm.f32.simd";

/** A product starts from nothing. */
const ZEROS = memory.data(32);

/**
 * y[m][0 … columns − 1] = Σk x[m][k] · w[k] of `count` rows m, `across` bytes apart in x and `down` in y.
 * w: 8 columns per step, `stride` bytes apart
 */
export function multiplyFew(x: usize, across: i32, count: i32, K: i32, w: usize, stride: usize, y: usize, down: i32, columns: i32): void {
  if (ASC_FEATURE_SIMD) {
    if (count == 5) multiplyFive(x, across, K, w, stride, y, down, columns);
    else multiplyFour(x, across, count - 1, K, w, stride, y, down, columns);
  } else for (; count > 0; count--, x += across, y += down) multiplyRow(x, K, w, stride, ZEROS, y, columns, -Infinity, Infinity);
}

/** The last row stands for those behind it. Do not unroll: see gemm.rows.f32.ts. */
function multiplyFour(x: usize, across: i32, last: i32, K: i32, w: usize, stride: usize, y: usize, down: i32, columns: i32): void {
  const r1 = min(1, last), r2 = min(2, last), r3 = min(3, last), x1 = across * r1, x2 = across * r2, x3 = across * r3, end = x + 4 * K;
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  do {
    const w0 = v128.load(w), w1 = v128.load(w, 16);
    let a = v128.load_splat<f32>(x);
    c00 = f32x4.add(c00, f32x4.mul(a, w0));
    c01 = f32x4.add(c01, f32x4.mul(a, w1));
    a = v128.load_splat<f32>(x + x1);
    c10 = f32x4.add(c10, f32x4.mul(a, w0));
    c11 = f32x4.add(c11, f32x4.mul(a, w1));
    a = v128.load_splat<f32>(x + x2);
    c20 = f32x4.add(c20, f32x4.mul(a, w0));
    c21 = f32x4.add(c21, f32x4.mul(a, w1));
    a = v128.load_splat<f32>(x + x3);
    c30 = f32x4.add(c30, f32x4.mul(a, w0));
    c31 = f32x4.add(c31, f32x4.mul(a, w1));
    x += 4;
    w += stride;
  } while (x != end);
  storeRow(y, c00, c01, columns);
  storeRow(y + down * r1, c10, c11, columns);
  storeRow(y + down * r2, c20, c21, columns);
  storeRow(y + down * r3, c30, c31, columns);
}

/** Five rows: fewer loads for a product. */
function multiplyFive(x: usize, across: i32, K: i32, w: usize, stride: usize, y: usize, down: i32, columns: i32): void {
  const x2 = 2 * across, x3 = x2 + across, x4 = x3 + across, end = x + 4 * K;
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00, c40 = c00, c41 = c00;
  do {
    const w0 = v128.load(w), w1 = v128.load(w, 16);
    let a = v128.load_splat<f32>(x);
    c00 = f32x4.add(c00, f32x4.mul(a, w0));
    c01 = f32x4.add(c01, f32x4.mul(a, w1));
    a = v128.load_splat<f32>(x + across);
    c10 = f32x4.add(c10, f32x4.mul(a, w0));
    c11 = f32x4.add(c11, f32x4.mul(a, w1));
    a = v128.load_splat<f32>(x + x2);
    c20 = f32x4.add(c20, f32x4.mul(a, w0));
    c21 = f32x4.add(c21, f32x4.mul(a, w1));
    a = v128.load_splat<f32>(x + x3);
    c30 = f32x4.add(c30, f32x4.mul(a, w0));
    c31 = f32x4.add(c31, f32x4.mul(a, w1));
    a = v128.load_splat<f32>(x + x4);
    c40 = f32x4.add(c40, f32x4.mul(a, w0));
    c41 = f32x4.add(c41, f32x4.mul(a, w1));
    x += 4;
    w += stride;
  } while (x != end);
  storeRow(y, c00, c01, columns);
  storeRow(y + down, c10, c11, columns);
  storeRow(y + 2 * down, c20, c21, columns);
  storeRow(y + 3 * down, c30, c31, columns);
  storeRow(y + 4 * down, c40, c41, columns);
}
