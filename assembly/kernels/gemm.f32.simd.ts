import { clamp } from "../lanes";
import { HEAD, STEP } from "./gemm.f32";

/** multiplyBlock for 5 rows. Do not unroll k: binaryen nests the expressions of the steps, and V8 then spills. */
export function multiplyBlockSimd(t: usize, K: i32, w: usize, stride: usize, b: usize, at: usize, count: i32, lo: f32, hi: f32): void {
  let c00 = v128.load(b), c01 = v128.load(b, 16), c10 = c00, c11 = c01, c20 = c00, c21 = c01, c30 = c00, c31 = c01, c40 = c00, c41 = c01;
  let panel = t + HEAD;
  do {
    const w0 = v128.load(w), w1 = v128.load(w, 16);
    let a = v128.load_splat<f32>(panel);
    c00 = f32x4.add(c00, f32x4.mul(a, w0));
    c01 = f32x4.add(c01, f32x4.mul(a, w1));
    a = v128.load_splat<f32>(panel, 4);
    c10 = f32x4.add(c10, f32x4.mul(a, w0));
    c11 = f32x4.add(c11, f32x4.mul(a, w1));
    a = v128.load_splat<f32>(panel, 8);
    c20 = f32x4.add(c20, f32x4.mul(a, w0));
    c21 = f32x4.add(c21, f32x4.mul(a, w1));
    a = v128.load_splat<f32>(panel, 12);
    c30 = f32x4.add(c30, f32x4.mul(a, w0));
    c31 = f32x4.add(c31, f32x4.mul(a, w1));
    a = v128.load_splat<f32>(panel, 16);
    c40 = f32x4.add(c40, f32x4.mul(a, w0));
    c41 = f32x4.add(c41, f32x4.mul(a, w1));
    panel += STEP;
    w += stride;
  } while (--K);
  const low = f32x4.splat(lo), high = f32x4.splat(hi);
  storeRow(load<usize>(t) + at, clamp(c00, low, high), clamp(c01, low, high), count);
  storeRow(load<usize>(t, 4) + at, clamp(c10, low, high), clamp(c11, low, high), count);
  storeRow(load<usize>(t, 8) + at, clamp(c20, low, high), clamp(c21, low, high), count);
  storeRow(load<usize>(t, 12) + at, clamp(c30, low, high), clamp(c31, low, high), count);
  storeRow(load<usize>(t, 16) + at, clamp(c40, low, high), clamp(c41, low, high), count);
}

/** The same for the first 4 rows of the panel. */
export function multiplyFourSimd(t: usize, K: i32, w: usize, stride: usize, b: usize, at: usize, count: i32, lo: f32, hi: f32): void {
  let c00 = v128.load(b), c01 = v128.load(b, 16), c10 = c00, c11 = c01, c20 = c00, c21 = c01, c30 = c00, c31 = c01;
  let panel = t + HEAD;
  do {
    const w0 = v128.load(w), w1 = v128.load(w, 16);
    let a = v128.load_splat<f32>(panel);
    c00 = f32x4.add(c00, f32x4.mul(a, w0));
    c01 = f32x4.add(c01, f32x4.mul(a, w1));
    a = v128.load_splat<f32>(panel, 4);
    c10 = f32x4.add(c10, f32x4.mul(a, w0));
    c11 = f32x4.add(c11, f32x4.mul(a, w1));
    a = v128.load_splat<f32>(panel, 8);
    c20 = f32x4.add(c20, f32x4.mul(a, w0));
    c21 = f32x4.add(c21, f32x4.mul(a, w1));
    a = v128.load_splat<f32>(panel, 12);
    c30 = f32x4.add(c30, f32x4.mul(a, w0));
    c31 = f32x4.add(c31, f32x4.mul(a, w1));
    panel += STEP;
    w += stride;
  } while (--K);
  const low = f32x4.splat(lo), high = f32x4.splat(hi);
  storeRow(load<usize>(t) + at, clamp(c00, low, high), clamp(c01, low, high), count);
  storeRow(load<usize>(t, 4) + at, clamp(c10, low, high), clamp(c11, low, high), count);
  storeRow(load<usize>(t, 8) + at, clamp(c20, low, high), clamp(c21, low, high), count);
  storeRow(load<usize>(t, 12) + at, clamp(c30, low, high), clamp(c31, low, high), count);
}

/** The first `count` of the 8 floats low, high. */
export function storeRow(y: usize, low: v128, high: v128, count: i32): void {
  if (count < 4) return storeLanes(y, low, count);
  v128.store(y, low);
  if (count == 8) v128.store(y, high, 16);
  else storeLanes(y + 16, high, count - 4);
}

/** The first `count` < 4 lanes. */
export function storeLanes(y: usize, v: v128, count: i32): void {
  if (count > 0) v128.store_lane<f32>(y, v, 0);
  if (count > 1) v128.store_lane<f32>(y, v, 1, 4);
  if (count > 2) v128.store_lane<f32>(y, v, 2, 8);
}
