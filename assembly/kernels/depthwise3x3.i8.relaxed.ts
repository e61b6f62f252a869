/**
 * depthwiseI8 of 3 × 3 taps side by side with relaxed dot products. Three bytes of a channel that stand below one another,
 * and one that does not count, times a column of taps are one dot product. A column of x goes into all outputs that see it
 * while it is in the registers, two pixels of eight channels at a time.
 */
import { fastPair, leastOf, offsetOf, storePart } from "../quant/output";
import { ROUNDERS } from "../quant/requantize";
import { DepthwiseI8, columnsOf, outputOfDepthwise, stripLines } from "./depthwise.i8";
import { dot4 } from "./dot.relaxed";
import { fillTile } from "./tile.relaxed";

/** Channels of a tile at most. */
const SLICE: i32 = 32;

export function isThreeByThree(p: DepthwiseI8): bool {
  return p.multiplier == 1 && p.KH == 3 && p.KW == 3 && p.dilationW == 1 && p.strideW <= 2;
}

/** In scratch: tile [lines][columns][C or 32] i8 */
export function depthwiseThreeByThree(p: DepthwiseI8, flips: i32, part: i32, parts: i32): void {
  const C = p.C, slice = min(C, SLICE), line = columnsOf(p) * slice;
  for (let row = 0; row < p.N * p.OH; row += min(p.strip, p.OH - row % p.OH)) {
    const i = row % p.OH, rows = min(p.strip, p.OH - i), x = p.x + row / p.OH * p.H * p.W * C, y = p.y + row * p.OW * C;
    for (let o = slice * part; o < C; o += slice * parts) {
      fillTile(p, x + o, i * p.strideH - p.padTop, -p.padLeft, stripLines(p, rows), columnsOf(p), slice, p.t, p.zx, flips);
      for (let c = 0, end = min(slice, C - o); c < end; c += 8) multiplyRows(p, p.t + c, slice, line, rows, o + c, flips, y + o + c);
    }
  }
}

/** Of columns of taps e0, e1, e2, bytes in i16 [8], the fours of channels 0 … 3 and 4 … 7. */
// @ts-ignore: decorator
@inline
function lowerTaps(e0: v128, e1: v128, e2: v128): v128 {
  return v128.shuffle<i16>(v128.or(e0, i16x8.shl(e1, 8)), e2, 0, 8, 1, 9, 2, 10, 3, 11);
}

// @ts-ignore: decorator
@inline
function upperTaps(e0: v128, e1: v128, e2: v128): v128 {
  return v128.shuffle<i16>(v128.or(e0, i16x8.shl(e1, 8)), e2, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** The upper two of three bytes that stand below one another, of eight channels. */
// @ts-ignore: decorator
@inline
function pairs(x: usize, down: usize): v128 {
  return v128.shuffle<i8>(v128.load64_zero(x), v128.load64_zero(x + down), 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** Pairs and the third of the bytes: fours of channels 0 … 3 and 4 … 7. */
// @ts-ignore: decorator
@inline
function lower(pair: v128, third: v128): v128 {
  return v128.shuffle<i16>(pair, third, 0, 8, 1, 9, 2, 10, 3, 11);
}

// @ts-ignore: decorator
@inline
function upper(pair: v128, third: v128): v128 {
  return v128.shuffle<i16>(pair, third, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** `rows` rows of y, channels o … o + 7. x: their first byte in the tile, whose columns are `step` and whose lines `line` bytes apart */
function multiplyRows(p: DepthwiseI8, x: usize, step: i32, line: i32, rows: i32, o: i32, flips: i32, y: usize): void {
  const w = p.w + 12 * o, even = i16x8.splat(255), u0 = v128.load(w), u1 = v128.load(w, 32), u2 = v128.load(w, 64), flip = i8x16.splat(<i8>flips);
  const a0 = v128.and(u0, even), a1 = v128.and(u1, even), a2 = v128.and(u2, even), b0 = i16x8.shr_u(u0, 8), b1 = i16x8.shr_u(u1, 8), b2 = i16x8.shr_u(u2, 8), c0 = v128.load(w, 16), c1 = v128.load(w, 48), c2 = v128.load(w, 80);
  const k0 = lowerTaps(a0, a1, a2), l0 = upperTaps(a0, a1, a2), k1 = lowerTaps(b0, b1, b2), l1 = upperTaps(b0, b1, b2), k2 = lowerTaps(c0, c1, c2), l2 = upperTaps(c0, c1, c2), none = i32x4.splat(0);
  const low = i32x4.sub(v128.load(p.b + 4 * o), dot4(k2, flip, dot4(k1, flip, dot4(k0, flip, none)))), high = i32x4.sub(v128.load(p.b + 4 * o, 16), dot4(l2, flip, dot4(l1, flip, dot4(l0, flip, none))));
  const out = outputOfDepthwise(p), m0 = v128.load(p.m + 4 * o), m1 = v128.load(p.m + 4 * o, 16), rounder = v128.load(ROUNDERS), least = leastOf(out), offset = offsetOf(out), hi = i8x16.splat(<i8>p.hi);
  const C = p.C, down = p.dilationH * line, far = 2 * down, isDense = p.strideW == 1;
  for (; rows > 0; rows--, x += p.strideH * line) {
    let q = x, ab = pairs(q, down), c = v128.load_ext<u8>(q + far), s0 = dot4(k0, lower(ab, c), low), s1 = dot4(l0, upper(ab, c), high), t0 = low, t1 = high;
    if (isDense) {
      q += step;
      ab = pairs(q, down);
      c = v128.load_ext<u8>(q + far);
      s0 = dot4(k1, lower(ab, c), s0);
      s1 = dot4(l1, upper(ab, c), s1);
      t0 = dot4(k0, lower(ab, c), low);
      t1 = dot4(l0, upper(ab, c), high);
    }
    for (let pixels = p.OW; pixels > 0; pixels -= 2) {
      let n0 = low, n1 = high, r0 = low, r1 = high;
      if (isDense) {
        q += step;
        ab = pairs(q, down);
        c = v128.load_ext<u8>(q + far);
        s0 = dot4(k2, lower(ab, c), s0);
        s1 = dot4(l2, upper(ab, c), s1);
        t0 = dot4(k1, lower(ab, c), t0);
        t1 = dot4(l1, upper(ab, c), t1);
        n0 = dot4(k0, lower(ab, c), low);
        n1 = dot4(l0, upper(ab, c), high);
        q += step;
        ab = pairs(q, down);
        c = v128.load_ext<u8>(q + far);
        t0 = dot4(k2, lower(ab, c), t0);
        t1 = dot4(l2, upper(ab, c), t1);
        n0 = dot4(k1, lower(ab, c), n0);
        n1 = dot4(l1, upper(ab, c), n1);
        r0 = dot4(k0, lower(ab, c), low);
        r1 = dot4(l0, upper(ab, c), high);
      } else {
        q += step;
        ab = pairs(q, down);
        c = v128.load_ext<u8>(q + far);
        s0 = dot4(k1, lower(ab, c), s0);
        s1 = dot4(l1, upper(ab, c), s1);
        q += step;
        ab = pairs(q, down);
        c = v128.load_ext<u8>(q + far);
        s0 = dot4(k2, lower(ab, c), s0);
        s1 = dot4(l2, upper(ab, c), s1);
        t0 = dot4(k0, lower(ab, c), low);
        t1 = dot4(l0, upper(ab, c), high);
        q += step;
        ab = pairs(q, down);
        c = v128.load_ext<u8>(q + far);
        t0 = dot4(k1, lower(ab, c), t0);
        t1 = dot4(l1, upper(ab, c), t1);
        q += step;
        ab = pairs(q, down);
        c = v128.load_ext<u8>(q + far);
        t0 = dot4(k2, lower(ab, c), t0);
        t1 = dot4(l2, upper(ab, c), t1);
        n0 = dot4(k0, lower(ab, c), low);
        n1 = dot4(l0, upper(ab, c), high);
      }
      const both = i8x16.min_s(i8x16.narrow_i16x8_s(fastPair(s0, s1, m0, m1, rounder, least, offset), fastPair(t0, t1, m0, m1, rounder, least, offset)), hi), second = pixels > 1 ? y + C : y;
      if (o + 8 <= C) {
        v128.store64_lane(second, both, 1);
        v128.store64_lane(y, both, 0);
      } else {
        storePart(second, v128.shuffle<i64>(both, both, 1, 1), C - o);
        storePart(y, both, C - o);
      }
      y = second + C;
      s0 = n0;
      s1 = n1;
      t0 = r0;
      t1 = r1;
    }
  }
}
