/**
 * depthwiseI8 with relaxed dot products. Eight channels and a strip of rows at a time, x is laid out in fours of columns,
 * flipped, zero points around it: at column q of a line x[q], x[q + d], x[q + 2d], x[q + 3d] of each channel, d the dilation,
 * so that one dot product is four taps of four channels. Columns follow one another as pixels of y do: four pixels are
 * 128 bytes, and where all taps of a line are one four and lines follow one another too, so do pixels of several rows.
 */
import { FAST, fastPair, leastOf, offsetOf } from "../quant/output";
import { ROUNDERS } from "../quant/requantize";
import { DepthwiseI8, columnsOf, outputOfDepthwise, stripLines } from "./depthwise.i8";
import { depthwiseThreeByThree, isThreeByThree } from "./depthwise3x3.i8.relaxed";
import { dot4 } from "./dot.relaxed";
import { storeRows } from "./gemm.i8.simd";
import { putEight } from "./matvec.i8.relaxed";

/** Where a line of taps takes several fours, the next one of a pixel is the first of another. */
export function hasFours(p: DepthwiseI8): bool {
  return p.KW <= 4 || 4 * p.dilationW % p.strideW == 0;
}

/** In scratch: strip [lines][columns][8][4] i8 · 8 zero points */
export function depthwiseRelaxed(p: DepthwiseI8, rule: i32, flips: i32, part: i32, parts: i32): void {
  if (rule == FAST && isThreeByThree(p)) return depthwiseThreeByThree(p, flips, part, parts);
  const O = p.C * p.multiplier, OW = p.OW, taps = p.KH * ((p.KW + 1) & ~1), line = 32 * foursOf(p), isFlat = p.strideH == 1 && p.KW <= 4, zeros = p.t + 32 * stripLines(p, p.strip) * columnsOf(p);
  memory.fill(zeros, <u8>p.zx, 16);
  for (let row = 0; row < p.N * p.OH; row += min(p.strip, p.OH - row % p.OH)) {
    const i = row % p.OH, rows = min(p.strip, p.OH - i), y = p.y + row * OW * O;
    for (let o = 8 * part; o < O; o += 8 * parts) {
      fillStrip(p, row / p.OH, i * p.strideH - p.padTop, stripLines(p, rows), o, zeros, flips);
      if (isFlat) multiplyLine(p, rule, flips, p.t, rows * OW, p.w + o * taps, o, y + o);
      else for (let r = 0; r < rows; r++) multiplyLine(p, rule, flips, p.t + r * p.strideH * line, OW, p.w + o * taps, o, y + r * OW * O + o);
    }
  }
}

/** Fours of a line. */
function foursOf(p: DepthwiseI8): i32 {
  return p.OW + (p.KW - 1 >> 2) * nextFour(p);
}

/** How many fours behind the first of a line of taps the second is. */
function nextFour(p: DepthwiseI8): i32 {
  return 4 * p.dilationW / p.strideW;
}

/** Lines top … top + lines − 1 of image n, channels o … o + 7. */
function fillStrip(p: DepthwiseI8, n: i32, top: i32, lines: i32, o: i32, zeros: usize, flips: i32): void {
  const line = 32 * foursOf(p);
  for (let i = 0, to = p.t; i < lines; i++, to += line) {
    const h = top + i, x = p.x + (n * p.H + h) * p.W * p.C;
    if (<u32>h >= <u32>p.H) memory.fill(to, <u8>(p.zx ^ flips), line);
    else if (p.multiplier == 1) fillLine(p, x + o, to, zeros, i8x16.splat(<i8>flips));
    else fillRepeated(p, x, o, to, flips);
  }
}

/** Fours of one line; x: its first pixel. Behind the last tap a four repeats it. */
function fillLine(p: DepthwiseI8, x: usize, to: usize, zeros: usize, flip: v128): void {
  const C = p.C, W = p.W, last = min(3, p.KW - 1), second = min(1, last) * p.dilationW, third = min(2, last) * p.dilationW, fourth = last * p.dilationW;
  const step = p.strideW, across = step * C, b = second * C, c = third * C, d = fourth * C, inside = max(0, W - fourth), end = to + 32 * foursOf(p);
  for (let l = -p.padLeft, from = x + l * C; to < end; l += step, from += across, to += 32) {
    if (<u32>l < <u32>inside) putFour(to, from, from + b, from + c, from + d, flip);
    else putFour(to, <u32>l < <u32>W ? from : zeros, <u32>(l + second) < <u32>W ? from + b : zeros, <u32>(l + third) < <u32>W ? from + c : zeros, <u32>(l + fourth) < <u32>W ? from + d : zeros, flip);
  }
}

/** The same where each channel of x stands for several. */
function fillRepeated(p: DepthwiseI8, x: usize, o: i32, to: usize, flips: i32): void {
  const C = p.C, columns = foursOf(p);
  for (let q = 0; q < columns; q++) for (let k = 0; k < 32; k++, to++) {
    const l = q * p.strideW - p.padLeft + (k & 3) * p.dilationW, c = min((o + (k >> 2)) / p.multiplier, C - 1);
    store<u8>(to, (<u32>l < <u32>p.W ? <i32>load<u8>(x + l * C + c) : p.zx) ^ flips);
  }
}

/** Eight channels of four columns. */
// @ts-ignore: decorator
@inline
function putFour(to: usize, a: usize, b: usize, c: usize, d: usize, flip: v128): void {
  const ab = v128.shuffle<i8>(v128.load64_zero(a), v128.load64_zero(b), 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const cd = v128.shuffle<i8>(v128.load64_zero(c), v128.load64_zero(d), 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  v128.store(to, v128.xor(v128.shuffle<i16>(ab, cd, 0, 8, 1, 9, 2, 10, 3, 11), flip));
  v128.store(to, v128.xor(v128.shuffle<i16>(ab, cd, 4, 12, 5, 13, 6, 14, 7, 15), flip), 16);
}

/** Behind the last pair of a line of taps. */
const NO_TAPS = memory.data<i32>([0, 0, 0, 0], 16);

/** Two pairs [8][2] of taps as fours of channels 0 … 3 and 4 … 7. */
// @ts-ignore: decorator
@inline
function lowerFours(k: usize, next: usize): v128 {
  return v128.shuffle<i16>(v128.load(k), v128.load(next), 0, 8, 1, 9, 2, 10, 3, 11);
}

// @ts-ignore: decorator
@inline
function upperFours(k: usize, next: usize): v128 {
  return v128.shuffle<i16>(v128.load(k), v128.load(next), 4, 12, 5, 13, 6, 14, 7, 15);
}

/** `pixels` pixels of y whose fours follow one another from x on, four at a time, channels o … o + 7; the last four repeat the last pixel. */
function multiplyLine(p: DepthwiseI8, rule: i32, flips: i32, x: usize, pixels: i32, w: usize, o: i32, y: usize): void {
  const KH = p.KH, O = p.C * p.multiplier, pairs = (p.KW + 1) >> 1, line = 16 * pairs, odd = 16 * (pairs & ~1), flip = i8x16.splat(<i8>flips);
  let low = i32x4.splat(0), high = low;
  for (let u = 0; u < KH; u++) for (let k = w + u * line, end = k + line, single = k + odd; k < end; k += 32) {
    const next = k == single ? NO_TAPS : k + 16;
    low = dot4(lowerFours(k, next), flip, low);
    high = dot4(upperFours(k, next), flip, high);
  }
  low = i32x4.sub(v128.load(p.b + 4 * o), low);
  high = i32x4.sub(v128.load(p.b + 4 * o, 16), high);
  const down = 32 * foursOf(p) * p.dilationH;
  const apart = 32 * nextFour(p);
  for (; pixels > 0; pixels -= 4, x += 128, y += 4 * O) {
    let a0 = low, a1 = high, b0 = low, b1 = high, c0 = low, c1 = high, d0 = low, d1 = high;
    for (let u = 0, xu = x, wu = w; u < KH; u++, xu += down, wu += line) {
      let at = xu;
      for (let k = wu, end = k + line, single = k + odd; k < end; k += 32, at += apart) {
        const next = k == single ? NO_TAPS : k + 16, w0 = lowerFours(k, next), w1 = upperFours(k, next);
        a0 = dot4(w0, v128.load(at), a0);
        a1 = dot4(w1, v128.load(at, 16), a1);
        b0 = dot4(w0, v128.load(at, 32), b0);
        b1 = dot4(w1, v128.load(at, 48), b1);
        c0 = dot4(w0, v128.load(at, 64), c0);
        c1 = dot4(w1, v128.load(at, 80), c1);
        d0 = dot4(w0, v128.load(at, 96), d0);
        d1 = dot4(w1, v128.load(at, 112), d1);
      }
    }
    put(p, rule, o, O, pixels, y, a0, a1, b0, b1, c0, c1, d0, d1);
  }
}

/** Eight channels of four pixels, the first `pixels` of them, the first O − o of the channels. */
// @ts-ignore: decorator
@inline
function put(p: DepthwiseI8, rule: i32, o: i32, O: i32, pixels: i32, y: usize, a0: v128, a1: v128, b0: v128, b1: v128, c0: v128, c1: v128, d0: v128, d1: v128): void {
  const out = outputOfDepthwise(p), y1 = pixels > 1 ? y + O : y, y2 = pixels > 2 ? y1 + O : y1, y3 = pixels > 3 ? y2 + O : y2;
  if (rule != FAST) {
    putEight(out, rule, d0, d1, o, O - o, y3);
    putEight(out, rule, c0, c1, o, O - o, y2);
    putEight(out, rule, b0, b1, o, O - o, y1);
    putEight(out, rule, a0, a1, o, O - o, y);
  } else {
    const m0 = v128.load(p.m + 4 * o), m1 = v128.load(p.m + 4 * o, 16), rounder = v128.load(ROUNDERS), least = leastOf(out), offset = offsetOf(out), hi = i8x16.splat(<i8>p.hi);
    const ab = i8x16.narrow_i16x8_s(fastPair(a0, a1, m0, m1, rounder, least, offset), fastPair(b0, b1, m0, m1, rounder, least, offset));
    const cd = i8x16.narrow_i16x8_s(fastPair(c0, c1, m0, m1, rounder, least, offset), fastPair(d0, d1, m0, m1, rounder, least, offset));
    storeRows(i8x16.min_s(ab, hi), i8x16.min_s(cd, hi), O - o, y, y1, y2, y3);
  }
}
