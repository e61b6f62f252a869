/**
 * The core of int8 matrix products with relaxed dot products: rows of bytes, flipped as dot.relaxed.ts says, times the
 * weights of gemm.i8.simd.ts as they are, c4 [O/8][K/4][8][4]. Sums start at biases less what the flips add. Weights of
 * the columns that pad K are zero: what a row holds there is free. Six rows at a time: a dot product takes five cycles and
 * two can start in each, so that fewer than ten sums wait for one another, and twelve fill the registers.
 */
import { FAST, Output, fastPair, leastOf, offsetOf, storePart } from "../quant/output";
import { ROUNDERS } from "../quant/requantize";
import { dot4 } from "./dot.relaxed";
import { putEight } from "./matvec.i8.relaxed";

/** Six rows, in scratch: how far the bytes and outputs of the others lie behind those of the first · what is added to the sums of each */
@unmanaged
export class Rows {
  x1: i32; x2: i32; x3: i32; x4: i32; x5: i32;
  y1: i32; y2: i32; y3: i32; y4: i32; y5: i32;
  s0: i32; s1: i32; s2: i32; s3: i32; s4: i32; s5: i32;
}
export const ROWS: i32 = 6;
/** Bytes of Rows and of what leaves the registers behind it: sums, or constants and eight outputs of each row. */
export const ROWS_BYTES: usize = 256;
const SUMS: usize = 64, OUTPUTS: usize = 112;

/** Biases less what flips add to the sums. b, to i32 [O] · w c4 [O/8][K/4][8][4], O a multiple of 8. Two sums of each, as they wait for one another. */
export function correctBiases(b: usize, w: usize, O: i32, K: i32, flips: i32, to: usize): void {
  const flip = i8x16.splat(<i8>flips), none = i32x4.splat(0);
  for (let o = 0; o < O; o += 8, b += 32, to += 32) {
    let a0 = none, a1 = none, b0 = none, b1 = none;
    for (const whole = w + 8 * (K & ~7); w < whole; w += 64) {
      a0 = dot4(v128.load(w), flip, a0);
      a1 = dot4(v128.load(w, 16), flip, a1);
      b0 = dot4(v128.load(w, 32), flip, b0);
      b1 = dot4(v128.load(w, 48), flip, b1);
    }
    if (K & 4) {
      a0 = dot4(v128.load(w), flip, a0);
      a1 = dot4(v128.load(w, 16), flip, a1);
      w += 32;
    }
    v128.store(to, i32x4.sub(v128.load(b), i32x4.add(a0, b0)));
    v128.store(to, i32x4.sub(v128.load(b, 16), i32x4.add(a1, b1)), 16);
  }
}

/**
 * `blocks` times six rows, the next six `xStep` bytes and `yStep` outputs farther, times the weights of `outputs` outputs,
 * the first of them channel `channel`. A row is `lines` runs of `run` bytes, a multiple of 4, `line` bytes apart.
 * x, y: the first row and its outputs · w c4 of K = lines · run · b i32 · isShifted: sums of rows begin at s0 … s5
 */
export function multiplyRows(p: Output, rule: i32, at: Rows, isShifted: bool, x: usize, run: i32, lines: i32, line: i32, w: usize, b: usize, channel: i32, outputs: i32, y: usize, blocks: i32, xStep: i32, yStep: i32): void {
  const x1 = at.x1, x2 = at.x2, x3 = at.x3, x4 = at.x4, x5 = at.x5, sums = changetype<usize>(at) + SUMS, isFast = rule == FAST && !isShifted, m = p.m + 4 * channel;
  v128.store(sums, leastOf(p));
  v128.store(sums, offsetOf(p), 16);
  v128.store(sums, i8x16.splat(<i8>p.hi), 32);
  for (; blocks > 0; blocks--, x += xStep, y += yStep) {
    for (let o = 0, wo = w; o < outputs; o += 8) {
      let a0 = v128.load(b + 4 * o), a1 = v128.load(b + 4 * o, 16), b0 = a0, b1 = a1, c0 = a0, c1 = a1, d0 = a0, d1 = a1, e0 = a0, e1 = a1, f0 = a0, f1 = a1, from = x, u = lines;
      do {
        let k = from;
        const end = from + run;
        do {
          const w0 = v128.load(wo), w1 = v128.load(wo, 16), xa = v128.load32_splat(k);
          a0 = dot4(w0, xa, a0);
          a1 = dot4(w1, xa, a1);
          const xb = v128.load32_splat(k + x1);
          b0 = dot4(w0, xb, b0);
          b1 = dot4(w1, xb, b1);
          const xc = v128.load32_splat(k + x2);
          c0 = dot4(w0, xc, c0);
          c1 = dot4(w1, xc, c1);
          const xd = v128.load32_splat(k + x3);
          d0 = dot4(w0, xd, d0);
          d1 = dot4(w1, xd, d1);
          const xe = v128.load32_splat(k + x4);
          e0 = dot4(w0, xe, e0);
          e1 = dot4(w1, xe, e1);
          const xf = v128.load32_splat(k + x5);
          f0 = dot4(w0, xf, f0);
          f1 = dot4(w1, xf, f1);
          k += 4;
          wo += 32;
        } while (k != end);
        from += line;
      } while (--u);
      if (isFast) {
        const m0 = v128.load(m + 4 * o), m1 = v128.load(m + 4 * o, 16), rounder = v128.load(ROUNDERS), least = v128.load(sums), offset = v128.load(sums, 16), hi = v128.load(sums, 32), to = y + o;
        const ab = i8x16.min_s(i8x16.narrow_i16x8_s(fastPair(a0, a1, m0, m1, rounder, least, offset), fastPair(b0, b1, m0, m1, rounder, least, offset)), hi);
        const cd = i8x16.min_s(i8x16.narrow_i16x8_s(fastPair(c0, c1, m0, m1, rounder, least, offset), fastPair(d0, d1, m0, m1, rounder, least, offset)), hi);
        const ef = i8x16.min_s(i8x16.narrow_i16x8_s(fastPair(e0, e1, m0, m1, rounder, least, offset), fastPair(f0, f1, m0, m1, rounder, least, offset)), hi);
        if (o + 8 <= outputs) {
          v128.store64_lane(to, ab, 0);
          v128.store64_lane(to + at.y1, ab, 1);
          v128.store64_lane(to + at.y2, cd, 0);
          v128.store64_lane(to + at.y3, cd, 1);
          v128.store64_lane(to + at.y4, ef, 0);
          v128.store64_lane(to + at.y5, ef, 1);
        } else {
          v128.store(sums, ab, OUTPUTS - SUMS);
          v128.store(sums, cd, OUTPUTS - SUMS + 16);
          v128.store(sums, ef, OUTPUTS - SUMS + 32);
          putParts(at, outputs - o, to);
        }
      } else {
        v128.store(sums, a0);
        v128.store(sums, a1, 16);
        v128.store(sums, b0, 32);
        v128.store(sums, b1, 48);
        v128.store(sums, c0, 64);
        v128.store(sums, c1, 80);
        v128.store(sums, d0, 96);
        v128.store(sums, d1, 112);
        v128.store(sums, e0, 128);
        v128.store(sums, e1, 144);
        v128.store(sums, f0, 160);
        v128.store(sums, f1, 176);
        putSums(p, rule, at, isShifted, channel + o, outputs - o, y + o);
      }
    }
  }
}

/** The first `count` of eight outputs of each row. */
function putParts(at: Rows, count: i32, y: usize): void {
  const struct = changetype<usize>(at);
  for (let r = 0, place = 0; r < ROWS; r++) {
    storePart(y + place, v128.load64_zero(struct + 8 * r, OUTPUTS), count);
    place = load<i32>(struct + 4 * r, offsetof<Rows>("y1"));
  }
}

/** Eight sums of each row out of memory, as calls empty the registers. */
function putSums(p: Output, rule: i32, at: Rows, isShifted: bool, o: i32, count: i32, y: usize): void {
  const struct = changetype<usize>(at);
  for (let r = 0, place = 0; r < ROWS; r++) {
    const sums = struct + SUMS + 32 * r, start = i32x4.splat(isShifted ? load<i32>(struct + 4 * r, offsetof<Rows>("s0")) : 0);
    putEight(p, rule, i32x4.add(v128.load(sums), start), i32x4.add(v128.load(sums, 16), start), o, count, y + place);
    place = load<i32>(struct + 4 * r, offsetof<Rows>("y1"));
  }
}
