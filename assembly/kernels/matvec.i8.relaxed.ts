/**
 * One row of bytes times packed weights with relaxed dot products. Here the weights are flipped, as they are read once;
 * flips · Σ x is taken from every sum. K is padded to a multiple of 4 by zero weights.
 */
import { FAST, Output, SCALED, leastOf, offsetOf, outputLanes, storePart } from "../quant/output";
import { ROUNDERS } from "../quant/requantize";
import { dot4 } from "./dot.relaxed";
import { addScaled } from "./matvec";

/**
 * y = output(b + start + Σ row · w), or y += b · Σ row · w with SCALED, for `count` outputs, the first of them channel `o`
 * row i8 [K] · w i8 c4 [O/8][K/4][8][4] · b i32, of SCALED f32 · p: not read by SCALED
 */
export function multiplyRowRelaxed(p: Output, rule: i32, row: usize, K: i32, flips: i32, w: usize, b: usize, start: i32, o: i32, count: i32, y: usize): void {
  const flip = i8x16.splat(<i8>flips), first = i32x4.splat(start - flippedSum(row, K, flips)), bytes = 8 * K, end = row + K, step = rule == SCALED ? 32 : 8;
  if (rule == FAST || rule == SCALED) for (; count >= 32; count -= 32, o += 32, b += 128, y += 4 * step, w += 4 * bytes) {
    let a0 = first, a1 = first, b0 = first, b1 = first, c0 = first, c1 = first, d0 = first, d1 = first, x = row, wa = w, wb = w + bytes, wc = wb + bytes, wd = wc + bytes;
    do {
      const k = v128.load32_splat(x);
      a0 = dot4(k, v128.xor(v128.load(wa), flip), a0);
      a1 = dot4(k, v128.xor(v128.load(wa, 16), flip), a1);
      b0 = dot4(k, v128.xor(v128.load(wb), flip), b0);
      b1 = dot4(k, v128.xor(v128.load(wb, 16), flip), b1);
      c0 = dot4(k, v128.xor(v128.load(wc), flip), c0);
      c1 = dot4(k, v128.xor(v128.load(wc, 16), flip), c1);
      d0 = dot4(k, v128.xor(v128.load(wd), flip), d0);
      d1 = dot4(k, v128.xor(v128.load(wd, 16), flip), d1);
      x += 4;
      wa += 32;
      wb += 32;
      wc += 32;
      wd += 32;
    } while (x != end);
    put(p, rule, a0, a1, b, o, 8, y);
    put(p, rule, b0, b1, b + 32, o + 8, 8, y + step);
    put(p, rule, c0, c1, b + 64, o + 16, 8, y + 2 * step);
    put(p, rule, d0, d1, b + 96, o + 24, 8, y + 3 * step);
  }
  for (; count > 0; count -= 8, o += 8, b += 32, y += step) {
    let low = first, high = first, x = row;
    do {
      const k = v128.load32_splat(x);
      low = dot4(k, v128.xor(v128.load(w), flip), low);
      high = dot4(k, v128.xor(v128.load(w, 16), flip), high);
      x += 4;
      w += 32;
    } while (x != end);
    put(p, rule, low, high, b, o, count, y);
  }
}

/** Eight sums, not yet with their biases. Not inlined: what leaves the registers for it does so behind the loop. */
function put(p: Output, rule: i32, low: v128, high: v128, b: usize, o: i32, count: i32, y: usize): void {
  if (rule != SCALED) return putEight(p, rule, i32x4.add(low, v128.load(b)), i32x4.add(high, v128.load(b, 16)), o, count, y);
  addScaled(y, b, low);
  addScaled(y + 16, b + 16, high);
}

/** Sums of eight outputs, the first of them channel `o`; `count` of them are stored. */
export function putEight(p: Output, rule: i32, low: v128, high: v128, o: i32, count: i32, y: usize): void {
  const m = p.m + 4 * o, words = outputLanes(p, rule, low, high, o, v128.load(m), v128.load(m, 16), v128.load(ROUNDERS), leastOf(p), offsetOf(p));
  storePart(y, i8x16.min_s(i8x16.narrow_i16x8_s(words, words), i8x16.splat(<i8>p.hi)), min(count, 8));
}

/** flips · Σ row as the host counts flipped bytes: 128 · Σ row, or nothing. */
export function flippedSum(row: usize, K: i32, flips: i32): i32 {
  const flip = i8x16.splat(<i8>flips), whole = row + (K & ~15), end = row + K;
  let sum = i32x4.splat(0);
  for (; row < whole; row += 16) sum = dot4(v128.load(row), flip, sum);
  for (; row < end; row += 4) sum = dot4(v128.load32_zero(row), flip, sum);
  const half = i32x4.add(sum, v128.shuffle<i64>(sum, sum, 1, 1));
  return i32x4.extract_lane(half, 0) + i32x4.extract_lane(half, 1);
}
