/**
 * depthwiseI8 in SIMD. Eight channels and a strip of rows at a time, x is laid out as pairs of columns in i16, zero points
 * around it: at column q of a padded line x[q], x[q + dilation] of each of four channels, so that one i32x4.dot_i16x8_s is
 * two taps of four channels. The strip stays in the cache while both halves of the channels are computed from it.
 */
import { FAST, Output, exactLanes, fastLanes, leastOf, offsetOf, storePart } from "../quant/output";
import { DepthwiseI8, columnsOf, outputOfDepthwise, stripLines } from "./depthwise.i8";

/** In scratch: strip [2][lines][columns][4][2] i16 · 8 zero points */
export function depthwiseSimd(p: DepthwiseI8, rule: i32, part: i32, parts: i32): void {
  const O = p.C * p.multiplier, half = 16 * stripLines(p, p.strip) * columnsOf(p), taps = p.KH * ((p.KW + 1) & ~1), zeros = p.t + 2 * half;
  memory.fill(zeros, <u8>p.zx, 16);
  for (let o = 8 * part; o < O; o += 8 * parts) {
    for (let row = 0; row < p.N * p.OH; row += min(p.strip, p.OH - row % p.OH)) {
      const i = row % p.OH, rows = min(p.strip, p.OH - i), y = p.y + row * p.OW * O + o, w = p.w + o * taps;
      fillStrip(p, row / p.OH, i * p.strideH - p.padTop, stripLines(p, rows), o, half, zeros);
      multiplyStrip(p, rule, p.t, rows, w, o, O, y);
      if (o + 4 < O) multiplyStrip(p, rule, p.t + half, rows, w + 8, o + 4, O, y + 4);
    }
  }
}

/** Lines top … top + lines − 1 of image n, channels o … o + 7. */
function fillStrip(p: DepthwiseI8, n: i32, top: i32, lines: i32, o: i32, half: usize, zeros: usize): void {
  const line = 16 * columnsOf(p);
  for (let i = 0, to = p.t; i < lines; i++, to += line) {
    const h = top + i, inside = <u32>h < <u32>p.H, x = p.x + (n * p.H + h) * p.W * p.C;
    if (p.multiplier == 1) fillLine(p, inside ? x + o : 0, to, half, zeros);
    else fillRepeated(p, inside ? x : 0, o, to, half);
  }
}

/** Pairs of columns of one line; x: its first pixel, or 0 outside of the image. */
function fillLine(p: DepthwiseI8, x: usize, to: usize, half: usize, zeros: usize): void {
  const W = x ? p.W : 0, C = p.C, next = p.dilationW, step = p.strideW & 1 ? 1 : 2, end = columnsOf(p) - p.padLeft;
  for (let l = -p.padLeft; l < end; l += step, to += 16 * step) {
    const a = v128.load_ext<i8>(<u32>l < <u32>W ? x + l * C : zeros), b = v128.load_ext<i8>(<u32>(l + next) < <u32>W ? x + (l + next) * C : zeros);
    v128.store(to, v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(to + half, v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15));
  }
}

/** The same where each channel of x stands for several. */
function fillRepeated(p: DepthwiseI8, x: usize, o: i32, to: usize, half: usize): void {
  const columns = columnsOf(p);
  for (let q = 0; q < columns; q++, to += 16) {
    for (let lane = 0; lane < 8; lane++) {
      const c = min((o + lane) / p.multiplier, p.C - 1), at = to + (lane >> 2) * half + (lane & 3) * 4;
      for (let tap = 0; tap < 2; tap++) {
        const l = q - p.padLeft + tap * p.dilationW;
        store<i16>(at + 2 * tap, x && <u32>l < <u32>p.W ? <i16>load<i8>(x + l * p.C + c) : <i16>p.zx);
      }
    }
  }
}

/** `rows` rows of y, channels o … o + 3. */
function multiplyStrip(p: DepthwiseI8, rule: i32, from: usize, rows: i32, w: usize, o: i32, O: i32, y: usize): void {
  const line = 16 * columnsOf(p) * p.strideH;
  for (let i = 0; i < rows; i++, from += line, y += p.OW * O) {
    if (p.KH == 3 && p.KW <= 4 && p.KW >= 3) multiplyThree(p, rule, from, w, o, O, y);
    else multiplyRow(p, rule, from, w, o, O, y);
  }
}

/** Windows of three lines and two pairs: weights stay in registers, two pixels at a time. An odd last pixel is computed twice. */
function multiplyThree(p: DepthwiseI8, rule: i32, r0: usize, w: usize, o: i32, O: i32, y: usize): void {
  const out = outputOfDepthwise(p), bias = v128.load(p.b + 4 * o), m = v128.load(p.m + 4 * o), least = leastOf(out), offset = offsetOf(out), hi = i8x16.splat(<i8>p.hi);
  const k0 = v128.load_ext<i8>(w), k1 = v128.load_ext<i8>(w, 16), k2 = v128.load_ext<i8>(w, 32), k3 = v128.load_ext<i8>(w, 48), k4 = v128.load_ext<i8>(w, 64), k5 = v128.load_ext<i8>(w, 80);
  const step = 16 * p.strideW, apart = 32 * p.dilationW, down = 16 * columnsOf(p) * p.dilationH, last = p.OW - 1;
  for (let j = 0; j <= last; j += 2) {
    const next = min(j + 1, last), across = step * (next - j);
    let x = r0 + j * step;
    let a = i32x4.add(bias, i32x4.dot_i16x8_s(v128.load(x), k0)), b = i32x4.add(bias, i32x4.dot_i16x8_s(v128.load(x + across), k0));
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(x + apart), k1));
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(x + apart + across), k1));
    x += down;
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(x), k2));
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(x + across), k2));
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(x + apart), k3));
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(x + apart + across), k3));
    x += down;
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(x), k4));
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(x + across), k4));
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(x + apart), k5));
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(x + apart + across), k5));
    const words = outputPair(out, rule, a, b, o, m, least, offset);
    storePixels(i8x16.min_s(i8x16.narrow_i16x8_s(words, words), hi), O - o, y + j * O, y + next * O);
  }
}

/** Any window, four pixels at a time; the last block repeats its last pixel. */
function multiplyRow(p: DepthwiseI8, rule: i32, from: usize, w: usize, o: i32, O: i32, y: usize): void {
  const out = outputOfDepthwise(p), bias = v128.load(p.b + 4 * o), m = v128.load(p.m + 4 * o), least = leastOf(out), offset = offsetOf(out), hi = i8x16.splat(<i8>p.hi);
  const step = 16 * p.strideW, apart = 32 * p.dilationW, down = 16 * columnsOf(p) * p.dilationH, wide = apart * ((p.KW + 1) >> 1), last = p.OW - 1;
  for (let j = 0; j <= last; j += 4) {
    const j1 = min(j + 1, last), j2 = min(j + 2, last), j3 = min(j + 3, last), x1 = (j1 - j) * step, x2 = (j2 - j) * step, x3 = (j3 - j) * step;
    let a = bias, b = bias, c = bias, d = bias, k = w;
    for (let u = 0, line = from + j * step; u < p.KH; u++, line += down) {
      for (let x = line; x < line + wide; x += apart, k += 16) {
        const kv = v128.load_ext<i8>(k);
        a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(x), kv));
        b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(x + x1), kv));
        c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load(x + x2), kv));
        d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load(x + x3), kv));
      }
    }
    const q = i8x16.min_s(i8x16.narrow_i16x8_s(outputPair(out, rule, a, b, o, m, least, offset), outputPair(out, rule, c, d, o, m, least, offset)), hi);
    storePixels(q, O - o, y + j * O, y + j1 * O);
    storePixels(v128.shuffle<i64>(q, q, 1, 1), O - o, y + j2 * O, y + j3 * O);
  }
}

/** Channels o … o + 3 of two pixels as i16, not yet clamped from above. */
// @ts-ignore: decorator
@inline
function outputPair(p: Output, rule: i32, a: v128, b: v128, o: i32, m: v128, least: v128, offset: v128): v128 {
  if (rule != FAST) return i16x8.narrow_i32x4_s(exactLanes(p, rule, a, o), exactLanes(p, rule, b, o));
  return i16x8.narrow_i32x4_s(fastLanes(a, m, least, offset), fastLanes(b, m, least, offset));
}

/** Four channels of two pixels, the first `channels` of them. */
// @ts-ignore: decorator
@inline
function storePixels(q: v128, channels: i32, y0: usize, y1: usize): void {
  if (channels >= 4) {
    v128.store32_lane(y0, q, 0);
    v128.store32_lane(y1, q, 1);
  } else {
    storePart(y0, q, channels);
    storePart(y1, v128.shuffle<i32>(q, q, 1, 1, 1, 1), channels);
  }
}
