/** What the float32 matrix products share: one accumulator per output, k ascending, multiply then add. */
import { clamp } from "../lanes";

/** Rows that go together: 10 accumulators, 2 weights and 1 row value stay in x86's 15 usable vector registers. */
export const ROWS: i32 = ASC_FEATURE_SIMD ? 5 : 1;
export const HEAD: usize = 32;

/** Bytes of scratch for that many rows of K floats, and where they go, in any build. */
export function panelBytes(K: f64): f64 {
  return <f64>HEAD + 20 * K;
}

/** Row `row` of the product goes to `y`. */
// @ts-ignore: decorator
@inline
export function setRow(t: usize, row: i32, y: usize): void {
  store<usize>(t + 4 * row, y);
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
