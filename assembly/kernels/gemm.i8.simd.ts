/**
 * The core of every int8 matrix product: rows of int8, weights packed "c4" [O/8][K/4][8][4], int32 sums, int8 out.
 * Four rows at a time stand in a panel of i16 pairs [K/2][4][2]; the weights are expanded to the same pairs,
 * [O/8][K/2][8][2], so that one i32x4.dot_i16x8_s is eight products and no sum is horizontal. Few rows are multiplied
 * one by one with the weights as they are. K is padded to a multiple of 4 by zero weights: what a panel holds there is
 * free. Sums start at the bias; accumulators stand in adjacent pairs.
 */
import { Output, SCALED, leastOf, offsetOf, outputLanes, storePart } from "../quant/output";
import { ROUNDERS } from "../quant/requantize";

/**
 * True on hosts that check the address of every load by code: one wide load and shuffles are then faster than four loads.
 * No result depends on it.
 */
let checkedLoads: bool = false;

export function setCheckedLoads(on: bool): void {
  checkedLoads = on;
}

/** i8 c4 → i16 pairs, less the zero point; `bytes` of w. */
export function expandWeights(w: usize, bytes: usize, to: usize, zero: i32): void {
  const z = i16x8.splat(<i16>zero);
  for (const end = w + bytes; w < end; w += 32, to += 64) {
    const a = i16x8.sub(v128.load_ext<i8>(w), z), b = i16x8.sub(v128.load_ext<i8>(w, 8), z);
    const c = i16x8.sub(v128.load_ext<i8>(w, 16), z), d = i16x8.sub(v128.load_ext<i8>(w, 24), z);
    v128.store(to, v128.shuffle<i32>(a, b, 0, 2, 4, 6));
    v128.store(to, v128.shuffle<i32>(c, d, 0, 2, 4, 6), 16);
    v128.store(to, v128.shuffle<i32>(a, b, 1, 3, 5, 7), 32);
    v128.store(to, v128.shuffle<i32>(c, d, 1, 3, 5, 7), 48);
  }
}

/** `count` bytes of each of four rows → panel, whole groups of eight. */
export function packRows(r0: usize, r1: usize, r2: usize, r3: usize, count: i32, panel: usize): void {
  for (const end = r0 + count; r0 < end; r0 += 8, r1 += 8, r2 += 8, r3 += 8, panel += 64) {
    const ab = v128.shuffle<i16>(v128.load64_zero(r0), v128.load64_zero(r1), 0, 8, 1, 9, 2, 10, 3, 11);
    const cd = v128.shuffle<i16>(v128.load64_zero(r2), v128.load64_zero(r3), 0, 8, 1, 9, 2, 10, 3, 11);
    const first = v128.shuffle<i32>(ab, cd, 0, 4, 1, 5), second = v128.shuffle<i32>(ab, cd, 2, 6, 3, 7);
    v128.store(panel, i16x8.extend_low_i8x16_s(first));
    v128.store(panel, i16x8.extend_high_i8x16_s(first), 16);
    v128.store(panel, i16x8.extend_low_i8x16_s(second), 32);
    v128.store(panel, i16x8.extend_high_i8x16_s(second), 48);
  }
}

/** One row of `count` bytes → i16, whole groups of eight. */
// @ts-ignore: decorator
@inline
export function widenRow(row: usize, count: i32, to: usize): void {
  for (const end = row + count; row < end; row += 8, to += 16) v128.store(to, v128.load_ext<i8>(row));
}

/**
 * Four rows times the expanded weights of `count` outputs, the first of them channel `o`.
 * panel i16 [K/2][4][2] of `bytes` bytes · w i16 [O/8][K/2][8][2] · b i32, of SCALED f32 · y0 … y3 rows of outputs
 */
export function multiplyPanel(p: Output, rule: i32, panel: usize, bytes: i32, w: usize, b: usize, o: i32, count: i32, y0: usize, y1: usize, y2: usize, y3: usize): void {
  const end = panel + bytes, least = leastOf(p), offset = offsetOf(p), hi = i8x16.splat(<i8>p.hi), scaled = !ASC_FEATURE_RELAXED_SIMD && rule == SCALED, step = scaled ? 32 : 8;
  for (; count > 0; count -= 8, o += 8, b += 32, y0 += step, y1 += step, y2 += step, y3 += step) {
    let a0 = scaled ? i32x4.splat(0) : v128.load(b), a1 = scaled ? a0 : v128.load(b, 16), b0 = a0, b1 = a1, c0 = a0, c1 = a1, d0 = a0, d1 = a1, x = panel;
    if (!ASC_FEATURE_RELAXED_SIMD && checkedLoads) {
      do {
        const w0 = v128.load(w), w1 = v128.load(w, 16), rows = v128.load(x);
        const ra = v128.shuffle<i32>(rows, rows, 0, 0, 0, 0);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(ra, w0));
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(ra, w1));
        const rb = v128.shuffle<i32>(rows, rows, 1, 1, 1, 1);
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(rb, w0));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(rb, w1));
        const rc = v128.shuffle<i32>(rows, rows, 2, 2, 2, 2);
        c0 = i32x4.add(c0, i32x4.dot_i16x8_s(rc, w0));
        c1 = i32x4.add(c1, i32x4.dot_i16x8_s(rc, w1));
        const rd = v128.shuffle<i32>(rows, rows, 3, 3, 3, 3);
        d0 = i32x4.add(d0, i32x4.dot_i16x8_s(rd, w0));
        d1 = i32x4.add(d1, i32x4.dot_i16x8_s(rd, w1));
        x += 16;
        w += 32;
      } while (x != end);
    } else {
      do {
        const w0 = v128.load(w), w1 = v128.load(w, 16);
        const ra = v128.load32_splat(x);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(ra, w0));
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(ra, w1));
        const rb = v128.load32_splat(x, 4);
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(rb, w0));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(rb, w1));
        const rc = v128.load32_splat(x, 8);
        c0 = i32x4.add(c0, i32x4.dot_i16x8_s(rc, w0));
        c1 = i32x4.add(c1, i32x4.dot_i16x8_s(rc, w1));
        const rd = v128.load32_splat(x, 12);
        d0 = i32x4.add(d0, i32x4.dot_i16x8_s(rd, w0));
        d1 = i32x4.add(d1, i32x4.dot_i16x8_s(rd, w1));
        x += 16;
        w += 32;
      } while (x != end);
    }
    const m0 = v128.load(p.m + 4 * o), m1 = v128.load(p.m + 4 * o, 16);
    if (scaled) {
      const s0 = v128.load(b), s1 = v128.load(b, 16);
      storeScaled(y3, d0, d1, m0, m1, s0, s1);
      storeScaled(y2, c0, c1, m0, m1, s0, s1);
      storeScaled(y1, b0, b1, m0, m1, s0, s1);
      storeScaled(y0, a0, a1, m0, m1, s0, s1);
      continue;
    }
    const rounder = v128.load(ROUNDERS);
    const ab = i8x16.narrow_i16x8_s(outputLanes(p, rule, a0, a1, o, m0, m1, rounder, least, offset), outputLanes(p, rule, b0, b1, o, m0, m1, rounder, least, offset));
    const cd = i8x16.narrow_i16x8_s(outputLanes(p, rule, c0, c1, o, m0, m1, rounder, least, offset), outputLanes(p, rule, d0, d1, o, m0, m1, rounder, least, offset));
    storeRows(i8x16.min_s(ab, hi), i8x16.min_s(cd, hi), count, y0, y1, y2, y3);
  }
}

function storeScaled(y: usize, low: v128, high: v128, m0: v128, m1: v128, s0: v128, s1: v128): void {
  v128.store(y, f32x4.add(s0, f32x4.mul(f32x4.convert_i32x4_s(low), m0)));
  v128.store(y, f32x4.add(s1, f32x4.mul(f32x4.convert_i32x4_s(high), m1)), 16);
}

/** Four rows of eight outputs, two in a vector, the first `count` of each. Where a row of y repeats, the first of its values stays. */
// @ts-ignore: decorator
@inline
export function storeRows(ab: v128, cd: v128, count: i32, y0: usize, y1: usize, y2: usize, y3: usize): void {
  if (count >= 8) {
    v128.store64_lane(y3, cd, 1);
    v128.store64_lane(y2, cd, 0);
    v128.store64_lane(y1, ab, 1);
    v128.store64_lane(y0, ab, 0);
  } else {
    storePart(y3, v128.shuffle<i64>(cd, cd, 1, 1), count);
    storePart(y2, cd, count);
    storePart(y1, v128.shuffle<i64>(ab, ab, 1, 1), count);
    storePart(y0, ab, count);
  }
}

/** One row times the packed weights of `count` outputs. row i16 [K] of `bytes` bytes · w i8 c4 · b i32, plus `start` · y outputs */
export function multiplyRow(p: Output, rule: i32, row: usize, bytes: i32, w: usize, b: usize, start: i32, o: i32, count: i32, y: usize): void {
  const end = row + bytes, least = leastOf(p), offset = offsetOf(p), hi = i8x16.splat(<i8>p.hi);
  for (; count > 0; count -= 8, o += 8, b += 32, y += 8) {
    let s0 = i32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, x = row;
    do {
      const k = v128.load64_splat(x);
      s0 = i32x4.add(s0, i32x4.dot_i16x8_s(k, v128.load_ext<i8>(w)));
      s1 = i32x4.add(s1, i32x4.dot_i16x8_s(k, v128.load_ext<i8>(w, 8)));
      s2 = i32x4.add(s2, i32x4.dot_i16x8_s(k, v128.load_ext<i8>(w, 16)));
      s3 = i32x4.add(s3, i32x4.dot_i16x8_s(k, v128.load_ext<i8>(w, 24)));
      x += 8;
      w += 32;
    } while (x != end);
    const first = i32x4.splat(start), low = i32x4.add(i32x4.add(v128.load(b), first), pairSums(s0, s1)), high = i32x4.add(i32x4.add(v128.load(b, 16), first), pairSums(s2, s3));
    const sums = outputLanes(p, rule, low, high, o, v128.load(p.m + 4 * o), v128.load(p.m + 4 * o, 16), v128.load(ROUNDERS), least, offset), q = i8x16.min_s(i8x16.narrow_i16x8_s(sums, sums), hi);
    if (count >= 8) v128.store64_lane(y, q, 0);
    else storePart(y, q, count);
  }
}

/** Two outputs of two partial sums each, twice → four outputs. */
// @ts-ignore: decorator
@inline
export function pairSums(a: v128, b: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7));
}
