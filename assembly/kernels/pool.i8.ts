import { REFUSED, between, reads, writes } from "../check";
import { ifLess, magnitude, negated, over, plus, splat, times, truncated } from "../lanes";
import { storePart } from "../quant/output";
import { ROUNDER, ROUNDER_BITS } from "../quant/requantize";
import { requantizeFour, requantizeTflite } from "../quant/requantize.tflite";
import { Window, checkWindow, endTap, firstTap, imageSize, positions, taps } from "../window";

/** Parameters of maxPool2dI8, averagePool2dI8, averagePool2dI8Tflite and meanI8Tflite, written by converter/lower/pool.i8.ts. m, r: of meanI8Tflite */
@unmanaged
export class PoolI8 extends Window {
  x: usize; y: usize;
  padBottom: i32; padRight: i32; countIncludePad: i32; zx: i32; zy: i32; lo: i32; hi: i32;
  scale: f32;
  m: i32; r: i32;
}

const LIMIT: i32 = 1 << 28;
/** What is made of a window: its largest value, or one of the three means. */
const LARGEST: i32 = 0, FAST: i32 = 1, EXACT: i32 = 2, SCALED: i32 = 3, LARGEST16: i32 = 4, EXACT16: i32 = 5, SCALED16: i32 = 6;

export function checkPoolI8(p: PoolI8): f64 {
  const bounded = between(p.zx, -128, 127) && between(p.zy, -128, 127) && between(p.lo, -128, 127) && between(p.hi, -128, 127);
  return bounded ? checkPool(p, 1) : REFUSED;
}

export function checkPoolI16(p: PoolI8): f64 {
  return checkPool(p, 2);
}

function checkPool(p: PoolI8, bytes: f64): f64 {
  if (!checkWindow(p) || !between(p.padBottom, -LIMIT, LIMIT) || !between(p.padRight, -LIMIT, LIMIT)) return REFUSED;
  return reads(p.x, bytes * imageSize(p)) && writes(p.y, bytes * positions(p) * <f64>p.C) ? taps(p) * <f64>p.C : REFUSED;
}

/**
 * Largest value of each window, int8; x and y have one scale.
 *   y[n,i,j,c] = min(max(x[n, i·sh − top + u·dh, j·sw − left + v·dw, c], lo), hi) over the taps inside x
 * x i8 [N,H,W,C] · y i8 [N,OH,OW,C]; output rows part, part + parts, … Checked at load by checkPoolI8.
 */
export function maxPool2dI8(p: PoolI8, part: i32, parts: i32): void {
  eachPixel(p, LARGEST, part, parts);
}

/** Mean of each window: y = clamp(zy + round((Σ x − n · zx) · scale / count)), n taps inside x; count: n, or with the padding. scale = sx / sy */
export function averagePool2dI8(p: PoolI8, part: i32, parts: i32): void {
  eachPixel(p, FAST, part, parts);
}

/**
 * y = clamp(zy + Σ (x − zx) / n), halves away from zero; x and y have one scale. TFLite averages the stored integers: zx and zy are 0, or −128
 * where these were unsigned. Bit-exact with TFLite integer_ops/pooling.h, reference/pooling.h.
 */
export function averagePool2dI8Tflite(p: PoolI8, part: i32, parts: i32): void {
  eachPixel(p, EXACT, part, parts);
}

/** y = clamp(zy + requantizeTflite(Σ x − n · zx, m, r)): TFLite's MEAN, whose multiplier holds sx / sy / n. Source: TFLite reference/reduce.h. */
export function meanI8Tflite(p: PoolI8, part: i32, parts: i32): void {
  eachPixel(p, SCALED, part, parts);
}

/** The same two of int16. */
export function maxPool2dI16(p: PoolI8, part: i32, parts: i32): void {
  eachPixel(p, LARGEST16, part, parts);
}

export function averagePool2dI16(p: PoolI8, part: i32, parts: i32): void {
  eachPixel(p, EXACT16, part, parts);
}

/** meanI8Tflite of int16. */
export function meanI16Tflite(p: PoolI8, part: i32, parts: i32): void {
  eachPixel(p, SCALED16, part, parts);
}

function eachPixel(p: PoolI8, how: i32, part: i32, parts: i32): void {
  const rows = p.N * p.OH;
  for (let row = part; row < rows; row += parts) {
    const top = row % p.OH * p.strideH - p.padTop, u = firstTap(top, p.dilationH), endU = endTap(top, p.dilationH, p.KH, p.H);
    for (let j = 0; j < p.OW; j++) {
      const left = j * p.strideW - p.padLeft, v = firstTap(left, p.dilationW), endV = endTap(left, p.dilationW, p.KW, p.W);
      const from = ((row / p.OH * p.H + top + u * p.dilationH) * p.W + left + v * p.dilationW) * p.C, to = (row * p.OW + j) * p.C, x = p.x + from, y = p.y + to;
      if (how >= LARGEST16) {
        pixel16(p, how, x + from, y + to, endU - u, endV - v);
        continue;
      }
      if (how == LARGEST) largest(p, x, y, endU - u, endV - v);
      else mean(p, how, x, y, endU - u, endV - v, p.countIncludePad ? padded(p, top, left) : max(0, endU - u) * max(0, endV - v));
    }
  }
}

/** All channels of one output of int16. */
function pixel16(p: PoolI8, how: i32, x: usize, y: usize, KH: i32, KW: i32): void {
  const C = p.C, line = 2 * p.dilationH * p.W * C, tap = 2 * p.dilationW * C, count = max(1, max(0, KH) * max(0, KW)), half = count >> 1;
  for (let c = 0; c < 2 * C; c += 2) {
    let best = -32768, sum = 0;
    for (let u = 0; u < KH; u++) for (let v = 0; v < KW; v++) {
      const q = <i32>load<i16>(x + u * line + v * tap + c);
      best = max(best, q);
      sum += q;
    }
    const value = how == LARGEST16 ? best : how == SCALED16 ? requantizeTflite(sum, p.m, p.r) : (sum > 0 ? sum + half : sum - half) / count;
    store<i16>(y + c, <i16>min(max(value, p.lo), p.hi));
  }
}

/** Taps that lie inside x and its padding. */
function padded(p: PoolI8, top: i32, left: i32): i32 {
  return endTap(top, p.dilationH, p.KH, p.H + p.padBottom) * endTap(left, p.dilationW, p.KW, p.W + p.padRight);
}

/** All channels of one output; `x`: the first tap inside, then KH lines of KW. */
function largest(p: PoolI8, x: usize, y: usize, KH: i32, KW: i32): void {
  const C = p.C, line = p.dilationH * p.W * C, tap = p.dilationW * C;
  if (ASC_FEATURE_SIMD) {
    for (let c = 0; c < C; c += 16) {
      let best = i8x16.splat(<i8>p.lo);
      for (let u = 0; u < KH; u++) for (let v = 0; v < KW; v++) best = i8x16.max_s(best, v128.load(x + u * line + v * tap + c));
      best = i8x16.min_s(best, i8x16.splat(<i8>p.hi));
      if (c + 16 <= C) v128.store(y + c, best);
      else {
        storePart(y + c, best, min(8, C - c));
        if (C - c > 8) storePart(y + c + 8, v128.shuffle<i64>(best, best, 1, 1), C - c - 8);
      }
    }
  } else {
    for (let c = 0; c < C; c++) {
      let best = p.lo;
      for (let u = 0; u < KH; u++) for (let v = 0; v < KW; v++) best = max(best, <i32>load<i8>(x + u * line + v * tap + c));
      store<i8>(y + c, min(best, p.hi));
    }
  }
}

function mean(p: PoolI8, how: i32, x: usize, y: usize, KH: i32, KW: i32, count: i32): void {
  const C = p.C, line = p.dilationH * p.W * C, tap = p.dilationW * C, start = -max(0, KH) * max(0, KW) * p.zx;
  if (ASC_FEATURE_SIMD) {
    for (let c = 0; c < C; c += 8) {
      let low = i32x4.splat(start), high = low;
      for (let u = 0; u < KH; u++) for (let v = 0; v < KW; v++) {
        const q = v128.load_ext<i8>(x + u * line + v * tap + c);
        low = i32x4.add(low, i32x4.extend_low_i16x8_s(q));
        high = i32x4.add(high, i32x4.extend_high_i16x8_s(q));
      }
      const words = i16x8.narrow_i32x4_s(meanLanes(p, how, low, count), meanLanes(p, how, high, count));
      storePart(y + c, i8x16.narrow_i16x8_s(words, words), min(8, C - c));
    }
  } else {
    for (let c = 0; c < C; c++) {
      let sum = start;
      for (let u = 0; u < KH; u++) for (let v = 0; v < KW; v++) sum += load<i8>(x + u * line + v * tap + c);
      store<i8>(y + c, meanOne(p, how, sum, count));
    }
  }
}

function meanOne(p: PoolI8, how: i32, sum: i32, count: i32): i32 {
  if (how == SCALED) return min(max(requantizeTflite(sum, p.m, p.r) + p.zy, p.lo), p.hi);
  const q = reinterpret<i32>(plus(meanOf<f32>(p, how, <f32>sum, count), ROUNDER));
  return min(max(q, ROUNDER_BITS + p.lo - p.zy) - ROUNDER_BITS + p.zy, p.hi);
}

function meanLanes(p: PoolI8, how: i32, sum: v128, count: i32): v128 {
  if (how == SCALED) {
    const q = i32x4.add(requantizeFour(sum, i32x4.splat(p.m), i32x4.splat(p.r)), i32x4.splat(p.zy));
    return i32x4.min_s(i32x4.max_s(q, i32x4.splat(p.lo)), i32x4.splat(p.hi));
  }
  const q = plus(meanOf<v128>(p, how, f32x4.convert_i32x4_s(sum), count), f32x4.splat(ROUNDER)), bits = i32x4.max_s(q, i32x4.splat(ROUNDER_BITS + p.lo - p.zy));
  return i32x4.min_s(i32x4.sub(bits, i32x4.splat(ROUNDER_BITS - p.zy)), i32x4.splat(p.hi));
}

/** Exact division of whole numbers in float: below 2^17 taps no quotient rounds up to a whole number. */
// @ts-ignore: decorator
@inline
function meanOf<T>(p: PoolI8, how: i32, sum: T, count: i32): T {
  if (how == FAST) return times(sum, splat<T>(p.scale / <f32>count));
  const q = truncated(over(plus(magnitude(sum), splat<T>(<f32>(count >> 1))), splat<T>(<f32>count)));
  return ifLess(sum, splat<T>(0), negated(q), q);
}
