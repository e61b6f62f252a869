/**
 * depthwiseI8 with relaxed dot products. Eight channels and a strip of rows at a time, x is laid out in fours of columns,
 * flipped, zero points around it: at column q of a line x[q], x[q + d], x[q + 2d], x[q + 3d] of each channel, d the dilation,
 * so that one dot product is four taps of four channels. Columns follow one another as pixels of y do: four pixels are
 * 128 bytes, and where all taps of a line are one four and lines follow one another too, so do pixels of several rows.
 */
import { Output, leastOf, offsetOf, fastPair } from "../quant/output";
import { ROUNDERS } from "../quant/requantize";
import { DepthwiseI8, columnsOf, outputOfDepthwise, stripLines } from "./depthwise.i8";
import { dot4 } from "./dot.relaxed";
import { storeRows } from "./gemm.i8.simd";

/** For the fast rule, a multiplier of 1, and fours that stand one beside the other where a line of taps takes several. */
export function hasFours(p: DepthwiseI8): bool {
  return p.multiplier == 1 && (p.KW <= 4 || p.strideW == 1);
}

/** In scratch: strip [lines][columns][8][4] i8 · 8 zero points */
export function depthwiseRelaxed(p: DepthwiseI8, flips: i32, part: i32, parts: i32): void {
  const O = p.C, OW = p.OW, taps = p.KH * ((p.KW + 1) & ~1), line = 32 * foursOf(p), isFlat = p.strideH == 1 && p.KW <= 4, zeros = p.t + 32 * stripLines(p, p.strip) * columnsOf(p);
  memory.fill(zeros, <u8>p.zx, 16);
  for (let row = 0; row < p.N * p.OH; row += min(p.strip, p.OH - row % p.OH)) {
    const i = row % p.OH, rows = min(p.strip, p.OH - i), y = p.y + row * OW * O;
    for (let o = 8 * part; o < O; o += 8 * parts) {
      fillStrip(p, row / p.OH, i * p.strideH - p.padTop, stripLines(p, rows), o, zeros, flips);
      if (isFlat) multiplyLine(p, flips, p.t, rows * OW, p.w + o * taps, o, y + o);
      else for (let r = 0; r < rows; r++) multiplyLine(p, flips, p.t + r * p.strideH * line, OW, p.w + o * taps, o, y + r * OW * O + o);
    }
  }
}

/** Fours of a line. */
function foursOf(p: DepthwiseI8): i32 {
  return p.OW + ((p.KW - 1) & ~3) * p.dilationW;
}

/** Lines top … top + lines − 1 of image n, channels o … o + 7. */
function fillStrip(p: DepthwiseI8, n: i32, top: i32, lines: i32, o: i32, zeros: usize, flips: i32): void {
  const line = 32 * foursOf(p);
  for (let i = 0, to = p.t; i < lines; i++, to += line) {
    const h = top + i;
    if (<u32>h < <u32>p.H) fillLine(p, p.x + (n * p.H + h) * p.W * p.C + o, to, zeros, i8x16.splat(<i8>flips));
    else memory.fill(to, <u8>(p.zx ^ flips), line);
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
function multiplyLine(p: DepthwiseI8, flips: i32, x: usize, pixels: i32, w: usize, o: i32, y: usize): void {
  const KH = p.KH, pairs = (p.KW + 1) >> 1, line = 16 * pairs, odd = 16 * (pairs & ~1), flip = i8x16.splat(<i8>flips);
  let low = i32x4.splat(0), high = low;
  for (let u = 0; u < KH; u++) for (let k = w + u * line, end = k + line, single = k + odd; k < end; k += 32) {
    const next = k == single ? NO_TAPS : k + 16;
    low = dot4(lowerFours(k, next), flip, low);
    high = dot4(upperFours(k, next), flip, high);
  }
  low = i32x4.sub(v128.load(p.b + 4 * o), low);
  high = i32x4.sub(v128.load(p.b + 4 * o, 16), high);
  const down = 32 * foursOf(p) * p.dilationH;
  if (KH == 3 && pairs <= 2) return multiplyThree(p, low, high, x, pixels, down, w, w + line, w + 2 * line, pairs == 2, o, y);
  const apart = 128 * p.dilationW;
  for (; pixels > 0; pixels -= 4, x += 128, y += 4 * p.C) {
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
    put(p, o, pixels, y, a0, a1, b0, b1, c0, c1, d0, d1);
  }
}

/** The same of three lines of one four: taps w0, w1, w2 stay in registers. */
function multiplyThree(p: DepthwiseI8, low: v128, high: v128, x: usize, pixels: i32, down: i32, w0: usize, w1: usize, w2: usize, isPair: bool, o: i32, y: usize): void {
  const n0 = isPair ? w0 + 16 : NO_TAPS, n1 = isPair ? w1 + 16 : NO_TAPS, n2 = isPair ? w2 + 16 : NO_TAPS;
  const k0 = lowerFours(w0, n0), k1 = upperFours(w0, n0), k2 = lowerFours(w1, n1), k3 = upperFours(w1, n1), k4 = lowerFours(w2, n2), k5 = upperFours(w2, n2);
  for (; pixels > 0; pixels -= 4, x += 128, y += 4 * p.C) {
    const x1 = x + down, x2 = x1 + down;
    let a0 = dot4(k0, v128.load(x), low);
    let a1 = dot4(k1, v128.load(x, 16), high);
    let b0 = dot4(k0, v128.load(x, 32), low);
    let b1 = dot4(k1, v128.load(x, 48), high);
    let c0 = dot4(k0, v128.load(x, 64), low);
    let c1 = dot4(k1, v128.load(x, 80), high);
    let d0 = dot4(k0, v128.load(x, 96), low);
    let d1 = dot4(k1, v128.load(x, 112), high);
    a0 = dot4(k2, v128.load(x1), a0);
    a1 = dot4(k3, v128.load(x1, 16), a1);
    b0 = dot4(k2, v128.load(x1, 32), b0);
    b1 = dot4(k3, v128.load(x1, 48), b1);
    c0 = dot4(k2, v128.load(x1, 64), c0);
    c1 = dot4(k3, v128.load(x1, 80), c1);
    d0 = dot4(k2, v128.load(x1, 96), d0);
    d1 = dot4(k3, v128.load(x1, 112), d1);
    a0 = dot4(k4, v128.load(x2), a0);
    a1 = dot4(k5, v128.load(x2, 16), a1);
    b0 = dot4(k4, v128.load(x2, 32), b0);
    b1 = dot4(k5, v128.load(x2, 48), b1);
    c0 = dot4(k4, v128.load(x2, 64), c0);
    c1 = dot4(k5, v128.load(x2, 80), c1);
    d0 = dot4(k4, v128.load(x2, 96), d0);
    d1 = dot4(k5, v128.load(x2, 112), d1);
    put(p, o, pixels, y, a0, a1, b0, b1, c0, c1, d0, d1);
  }
}

/** Eight channels of four pixels, the first `pixels` of them, the first C − o of the channels. */
// @ts-ignore: decorator
@inline
function put(p: DepthwiseI8, o: i32, pixels: i32, y: usize, a0: v128, a1: v128, b0: v128, b1: v128, c0: v128, c1: v128, d0: v128, d1: v128): void {
  const out = outputOfDepthwise(p), C = p.C, y1 = pixels > 1 ? y + C : y, y2 = pixels > 2 ? y1 + C : y1, y3 = pixels > 3 ? y2 + C : y2;
  const m0 = v128.load(p.m + 4 * o), m1 = v128.load(p.m + 4 * o, 16), rounder = v128.load(ROUNDERS), least = leastOf(out), offset = offsetOf(out), hi = i8x16.splat(<i8>p.hi);
  const ab = i8x16.narrow_i16x8_s(fastPair(a0, a1, m0, m1, rounder, least, offset), fastPair(b0, b1, m0, m1, rounder, least, offset));
  const cd = i8x16.narrow_i16x8_s(fastPair(c0, c1, m0, m1, rounder, least, offset), fastPair(d0, d1, m0, m1, rounder, least, offset));
  storeRows(i8x16.min_s(ab, hi), i8x16.min_s(cd, hi), C - o, y, y1, y2, y3);
}
