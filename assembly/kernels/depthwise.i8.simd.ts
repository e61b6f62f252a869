/**
 * depthwiseI8 in SIMD. Eight channels and a strip of rows at a time, x is laid out as pairs of columns in i16, zero points
 * around it: at column q of a padded line x[q], x[q + dilation] of each of four channels, so that one i32x4.dot_i16x8_s is
 * two taps of four channels. The strip stays in the cache while both halves of the channels are computed from it.
 */
import { FAST, Output, exactLanes, fastLanes, leastOf, offsetOf, storePart } from "../quant/output";
import { ROUNDERS } from "../quant/requantize";
import { DepthwiseI8, columnsOf, outputOfDepthwise, stripLines } from "./depthwise.i8";

/** In scratch: strip [2][lines][columns][4][2] i16 · 8 zero points */
export function depthwiseSimd(p: DepthwiseI8, rule: i32, part: i32, parts: i32): void {
  const O = p.C * p.multiplier, half = 16 * stripLines(p, p.strip) * columnsOf(p), taps = p.KH * ((p.KW + 1) & ~1), zeros = p.t + 2 * half;
  memory.fill(zeros, <u8>p.zx, 16);
  for (let row = 0; row < p.N * p.OH; row += min(p.strip, p.OH - row % p.OH)) {
    const i = row % p.OH, rows = min(p.strip, p.OH - i), y = p.y + row * p.OW * O;
    for (let o = 8 * part; o < O; o += 8 * parts) {
      fillStrip(p, row / p.OH, i * p.strideH - p.padTop, stripLines(p, rows), o, half, zeros);
      multiplyStrip(p, rule, p.t, rows, p.w + o * taps, o, O, y + o);
      if (o + 4 < O) multiplyStrip(p, rule, p.t + half, rows, p.w + o * taps + 8, o + 4, O, y + o + 4);
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

/** Pairs of columns of one line, eight channels; x: its first pixel, or 0 outside of the image. Of an even stride, only those that windows start at. */
function fillLine(p: DepthwiseI8, x: usize, to: usize, half: usize, zeros: usize): void {
  const bytes = x ? p.W * p.C : 0, step = p.strideW & 1 ? 1 : 2, next = p.dilationW * p.C, across = step * p.C, end = to + 16 * columnsOf(p);
  let at = -p.padLeft * p.C, b = columnAt(x, at, bytes, zeros);
  for (; to < end; at += across, to += 16 * step) {
    const a = next == across ? b : columnAt(x, at, bytes, zeros);
    b = columnAt(x, at + next, bytes, zeros);
    v128.store(to, v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(to + half, v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15));
  }
}

/** The column `at` bytes from x in a line of `bytes`; zero points outside. */
// @ts-ignore: decorator
@inline
function columnAt(x: usize, at: i32, bytes: i32, zeros: usize): v128 {
  return v128.load_ext<i8>(<u32>at < <u32>bytes ? x + at : zeros);
}

/** The same where each channel of x stands for several. */
function fillRepeated(p: DepthwiseI8, x: usize, o: i32, to: usize, half: usize): void {
  const columns = columnsOf(p);
  for (let q = 0; q < columns; q++, to += 16) {
    for (let lane = 0; lane < 8; lane++) {
      const c = min((o + lane) / p.multiplier, p.C - 1), at = to + <usize>(lane >> 2) * half + (lane & 3) * 4;
      for (let tap = 0; tap < 2; tap++) {
        const l = q - p.padLeft + tap * p.dilationW;
        store<i16>(at + 2 * tap, x && <u32>l < <u32>p.W ? <i16>load<i8>(x + l * p.C + c) : <i16>p.zx);
      }
    }
  }
}

/** `rows` rows of y, channels o … o + 3. */
function multiplyStrip(p: DepthwiseI8, rule: i32, from: usize, rows: i32, w: usize, o: i32, O: i32, y: usize): void {
  if (rule == FAST && p.KH == 3 && p.KW >= 3 && p.KW <= 4 && O - o >= 4) return multiplyThree(p, from, rows, w, o, O, y);
  const line = 16 * columnsOf(p) * p.strideH;
  for (let i = 0; i < rows; i++, from += line, y += p.OW * O) multiplyRow(p, rule, from, w, o, O, y);
}

/** Windows of three lines and two pairs: weights stay in registers, two pixels at a time, one below the other. An odd last row is computed twice. */
function multiplyThree(p: DepthwiseI8, from: usize, rows: i32, w: usize, o: i32, O: i32, y: usize): void {
  const out = outputOfDepthwise(p), bias = v128.load(p.b + 4 * o), m = v128.load(p.m + 4 * o), rounder = v128.load(ROUNDERS), least = leastOf(out), offset = offsetOf(out), hi = i8x16.splat(<i8>p.hi);
  const k0 = v128.load_ext<i8>(w), k1 = v128.load_ext<i8>(w, 16), k2 = v128.load_ext<i8>(w, 32), k3 = v128.load_ext<i8>(w, 48), k4 = v128.load_ext<i8>(w, 64), k5 = v128.load_ext<i8>(w, 80);
  const step = 16 * p.strideW, apart = 32 * p.dilationW, line = 16 * columnsOf(p), down = line * p.dilationH, lineStep = line * p.strideH, across = p.OW * O;
  for (; rows > 0; rows -= 2, from += 2 * lineStep) {
    const below = rows > 1 ? lineStep : 0, next = rows > 1 ? across : 0;
    for (let x = from, end = y + across; y < end; x += step, y += O) {
      const z = x + below, x1 = x + down, z1 = z + down, x2 = x1 + down, z2 = z1 + down;
      let a = i32x4.add(bias, i32x4.dot_i16x8_s(v128.load(x), k0)), b = i32x4.add(bias, i32x4.dot_i16x8_s(v128.load(z), k0));
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(x + apart), k1));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(z + apart), k1));
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(x1), k2));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(z1), k2));
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(x1 + apart), k3));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(z1 + apart), k3));
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(x2), k4));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(z2), k4));
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(x2 + apart), k5));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(z2 + apart), k5));
      const words = i16x8.narrow_i32x4_s(fastLanes(a, m, rounder, least, offset), fastLanes(b, m, rounder, least, offset)), q = i8x16.min_s(i8x16.narrow_i16x8_s(words, words), hi);
      v128.store32_lane(y, q, 0);
      v128.store32_lane(y + next, q, 1);
    }
    y += next;
  }
}

/** Any window, four pixels at a time; the last block repeats its last pixel. */
function multiplyRow(p: DepthwiseI8, rule: i32, from: usize, w: usize, o: i32, O: i32, y: usize): void {
  const out = outputOfDepthwise(p), bias = v128.load(p.b + 4 * o), m = v128.load(p.m + 4 * o), rounder = v128.load(ROUNDERS), least = leastOf(out), offset = offsetOf(out), hi = i8x16.splat(<i8>p.hi);
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
    const q = i8x16.min_s(i8x16.narrow_i16x8_s(outputPair(out, rule, a, b, o, m, rounder, least, offset), outputPair(out, rule, c, d, o, m, rounder, least, offset)), hi);
    storePixels(q, O - o, y + j * O, y + j1 * O);
    storePixels(v128.shuffle<i64>(q, q, 1, 1), O - o, y + j2 * O, y + j3 * O);
  }
}

/** Channels o … o + 3 of two pixels as i16, not yet clamped from above. */
// @ts-ignore: decorator
@inline
function outputPair(p: Output, rule: i32, a: v128, b: v128, o: i32, m: v128, rounder: v128, least: v128, offset: v128): v128 {
  if (rule != FAST) return i16x8.narrow_i32x4_s(exactLanes(p, rule, a, o), exactLanes(p, rule, b, o));
  return i16x8.narrow_i32x4_s(fastLanes(a, m, rounder, least, offset), fastLanes(b, m, rounder, least, offset));
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
