/**
 * depthwiseI8 in SIMD. Eight channels at a time, rows of x become pairs of columns in i16: at column q of the padded row
 * x[q], x[q + dilation] of each of four channels, so that one i32x4.dot_i16x8_s is two taps of four channels. A ring holds
 * the rows that a window covers; rows outside of x are one row of zero points.
 */
import { FAST, Output, exactLanes, fastLanes, leastOf, offsetOf, storePart } from "../quant/output";
import { DepthwiseI8, outputOfDepthwise } from "./depthwise.i8";

/** Columns of the padded row at which pairs start: one per 16 bytes. */
// @ts-ignore: decorator
@inline
function columnsOf(p: DepthwiseI8): i32 {
  return (p.OW - 1) * p.strideW + (((p.KW + 1) & ~1) - 2) * p.dilationW + 1;
}

/** In scratch: ring [2][rows][columns][4][2] i16 · row of zero points · widened row i16 [columns + dilation][8] · row addresses [KH] */
export function depthwiseSimd(p: DepthwiseI8, rule: i32, part: i32, parts: i32): void {
  const O = p.C * p.multiplier, columns = columnsOf(p), rows = (p.KH - 1) * p.dilationH + 1, half = rows * columns * 16;
  const outside = p.t + 2 * half, widened = outside + 16 * columns, taps = widened + 16 * (columns + p.dilationW);
  fillWords(outside, 8 * (2 * columns + p.dilationW), p.zx);
  for (let o = 8 * part; o < O; o += 8 * parts) {
    for (let n = 0; n < p.N; n++) {
      let next = 0;
      for (let i = 0; i < p.OH; i++) {
        const top = i * p.strideH - p.padTop, end = min(top + rows, p.H);
        for (next = max(next, top); next < end; next++) addRow(p, n * p.H + next, o, widened, p.t + (next % rows) * columns * 16, half, columns);
        for (let u = 0; u < p.KH; u++) {
          const h = top + u * p.dilationH;
          store<usize>(taps + 4 * u, <u32>h < <u32>p.H ? p.t + (h % rows) * columns * 16 : outside);
        }
        const y = p.y + (n * p.OH + i) * p.OW * O + o, w = p.w + o * p.KH * ((p.KW + 1) & ~1);
        multiplyRow(p, rule, taps, outside, 0, w, o, O, y);
        if (o + 4 < O) multiplyRow(p, rule, taps, outside, half, w + 8, o + 4, O, y + 4);
      }
    }
  }
}

function fillWords(to: usize, count: i32, value: i32): void {
  for (let i = 0; i < count; i++) store<i16>(to + 2 * i, <i16>value);
}

/** Row h of x, channels o … o + 7, into the ring. The zero points at both ends of `widened` stay. */
function addRow(p: DepthwiseI8, h: i32, o: i32, widened: usize, to: usize, half: i32, columns: i32): void {
  const first = widened + 16 * <usize>p.padLeft, count = min(p.W, columns + p.dilationW - p.padLeft), x = p.x + h * p.W * p.C;
  if (p.multiplier == 1) for (let q = 0; q < count; q++) v128.store(first + 16 * q, v128.load_ext<i8>(x + q * p.C + o));
  else for (let lane = 0; lane < 8; lane++) widenLane(first + 2 * lane, x + min((o + lane) / p.multiplier, p.C - 1), count, p.C);
  const second = 16 * p.dilationW, step = p.strideW & 1 ? 16 : 32;
  for (let q = 0, end = 16 * columns; q < end; q += step) {
    const a = v128.load(widened + q), b = v128.load(widened + q + second);
    v128.store(to + q, v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(to + half + q, v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15));
  }
}

function widenLane(to: usize, x: usize, count: i32, step: i32): void {
  for (let q = 0; q < count; q++) store<i16>(to + 16 * q, load<i8>(x + q * step));
}

/** One row of y, channels o … o + 3, four pixels at a time; the last block repeats its last pixel. */
function multiplyRow(p: DepthwiseI8, rule: i32, taps: usize, outside: usize, half: i32, w: usize, o: i32, O: i32, y: usize): void {
  const out = outputOfDepthwise(p), bias = v128.load(p.b + 4 * o), m = v128.load(p.m + 4 * o), least = leastOf(out), offset = offsetOf(out), hi = i8x16.splat(<i8>p.hi);
  const step = 16 * p.strideW, apart = 32 * p.dilationW, pairs = (p.KW + 1) >> 1, last = p.OW - 1, end = taps + 4 * p.KH, channels = O - o;
  for (let j = 0; j <= last; j += 4) {
    const j1 = min(j + 1, last), j2 = min(j + 2, last), j3 = min(j + 3, last);
    let a = bias, b = bias, c = bias, d = bias, k = w;
    for (let tap = taps; tap < end; tap += 4) {
      const row = load<usize>(tap), start = row == outside ? row : row + half;
      let xa = start + j * step, xb = start + j1 * step, xc = start + j2 * step, xd = start + j3 * step;
      for (let v = 0; v < pairs; v++) {
        const kv = v128.load_ext<i8>(k);
        a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(xa), kv));
        b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(xb), kv));
        c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load(xc), kv));
        d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load(xd), kv));
        k += 16;
        xa += apart;
        xb += apart;
        xc += apart;
        xd += apart;
      }
    }
    const ab = outputPair(out, rule, a, b, o, m, least, offset), cd = outputPair(out, rule, c, d, o, m, least, offset);
    const q = i8x16.min_s(i8x16.narrow_i16x8_s(ab, cd), hi);
    if (channels >= 4) {
      v128.store32_lane(y + j * O, q, 0);
      v128.store32_lane(y + j1 * O, q, 1);
      v128.store32_lane(y + j2 * O, q, 2);
      v128.store32_lane(y + j3 * O, q, 3);
    } else {
      storePart(y + j * O, q, channels);
      storePart(y + j1 * O, v128.shuffle<i32>(q, q, 1, 1, 1, 1), channels);
      storePart(y + j2 * O, v128.shuffle<i32>(q, q, 2, 2, 2, 2), channels);
      storePart(y + j3 * O, v128.shuffle<i32>(q, q, 3, 3, 3, 3), channels);
    }
  }
}

/** Channels o … o + 3 of two pixels as i16, not yet clamped from above. */
// @ts-ignore: decorator
@inline
function outputPair(p: Output, rule: i32, a: v128, b: v128, o: i32, m: v128, least: v128, offset: v128): v128 {
  if (rule != FAST) return i16x8.narrow_i32x4_s(exactLanes(p, rule, a, o), exactLanes(p, rule, b, o));
  return i16x8.narrow_i32x4_s(fastLanes(a, m, least, offset), fastLanes(b, m, least, offset));
}
