/**
 * The core of int8 matrix products with relaxed dot products: rows of bytes, flipped as dot.relaxed.ts says, times the
 * weights of gemm.i8.simd.ts as they are, c4 [O/8][K/4][8][4]. Sums start at biases less what the flips add. Weights of
 * the columns that pad K are zero: what a row holds there is free.
 */
import { FAST, Output, exactLanes, fastPair, leastOf, offsetOf, storePart } from "../quant/output";
import { ROUNDERS } from "../quant/requantize";
import { dot4 } from "./dot.relaxed";
import { storeRows } from "./gemm.i8.simd";

/** Biases less what flips add to the sums. b, to i32 [O] · w c4 [O/8][K/4][8][4], O a multiple of 8 */
export function correctBiases(b: usize, w: usize, O: i32, K: i32, flips: i32, to: usize): void {
  const flip = i8x16.splat(<i8>flips);
  for (let o = 0; o < O; o += 8, b += 32, to += 32) {
    let low = i32x4.splat(0), high = low;
    for (const end = w + 8 * K; w < end; w += 32) {
      low = dot4(v128.load(w), flip, low);
      high = dot4(v128.load(w, 16), flip, high);
    }
    v128.store(to, i32x4.sub(v128.load(b), low));
    v128.store(to, i32x4.sub(v128.load(b, 16), high), 16);
  }
}

/** Bytes, flipped, in whole groups of 16. */
// @ts-ignore: decorator
@inline
export function flipBytes(from: usize, to: usize, count: i32, flip: v128): void {
  for (const end = from + count; from < end; from += 16, to += 16) v128.store(to, v128.xor(v128.load(from), flip));
}

/**
 * Four rows, `stride` bytes apart, of K bytes times the weights of `count` outputs, the first of them channel `o`.
 * b i32 · y0 … y3 rows of outputs · sums: 128 bytes of scratch
 */
export function multiplyRows(p: Output, rule: i32, rows: usize, stride: i32, K: i32, w: usize, b: usize, o: i32, count: i32, y0: usize, y1: usize, y2: usize, y3: usize, sums: usize): void {
  for (const end = rows + K; count > 0; count -= 8, o += 8, b += 32, y0 += 8, y1 += 8, y2 += 8, y3 += 8) {
    let a0 = v128.load(b), a1 = v128.load(b, 16), b0 = a0, b1 = a1, c0 = a0, c1 = a1, d0 = a0, d1 = a1, x = rows;
    do {
      const w0 = v128.load(w), w1 = v128.load(w, 16), xa = v128.load32_splat(x);
      a0 = dot4(w0, xa, a0);
      a1 = dot4(w1, xa, a1);
      const xb = v128.load32_splat(x + stride);
      b0 = dot4(w0, xb, b0);
      b1 = dot4(w1, xb, b1);
      const xc = v128.load32_splat(x + 2 * stride);
      c0 = dot4(w0, xc, c0);
      c1 = dot4(w1, xc, c1);
      const xd = v128.load32_splat(x + 3 * stride);
      d0 = dot4(w0, xd, d0);
      d1 = dot4(w1, xd, d1);
      x += 4;
      w += 32;
    } while (x != end);
    if (rule != FAST) {
      v128.store(sums, a0);
      v128.store(sums, a1, 16);
      v128.store(sums, b0, 32);
      v128.store(sums, b1, 48);
      v128.store(sums, c0, 64);
      v128.store(sums, c1, 80);
      v128.store(sums, d0, 96);
      v128.store(sums, d1, 112);
      exactRow(p, rule, sums, o, count, y0);
      exactRow(p, rule, sums + 32, o, count, y1);
      exactRow(p, rule, sums + 64, o, count, y2);
      exactRow(p, rule, sums + 96, o, count, y3);
    } else {
      const m0 = v128.load(p.m + 4 * o), m1 = v128.load(p.m + 4 * o, 16), rounder = v128.load(ROUNDERS), least = leastOf(p), offset = offsetOf(p), hi = i8x16.splat(<i8>p.hi);
      const ab = i8x16.narrow_i16x8_s(fastPair(a0, a1, m0, m1, rounder, least, offset), fastPair(b0, b1, m0, m1, rounder, least, offset));
      const cd = i8x16.narrow_i16x8_s(fastPair(c0, c1, m0, m1, rounder, least, offset), fastPair(d0, d1, m0, m1, rounder, least, offset));
      storeRows(i8x16.min_s(ab, hi), i8x16.min_s(cd, hi), count, y0, y1, y2, y3);
    }
  }
}

/** Eight sums of one row by TFLite's rules: out of memory, as a call empties the registers. */
function exactRow(p: Output, rule: i32, sums: usize, o: i32, count: i32, y: usize): void {
  const q = i16x8.narrow_i32x4_s(exactLanes(p, rule, v128.load(sums), o), exactLanes(p, rule, v128.load(sums, 16), o + 4));
  storePart(y, i8x16.min_s(i8x16.narrow_i16x8_s(q, q), i8x16.splat(<i8>p.hi)), min(count, 8));
}
