import { clamp } from "../lanes";
import { endTap, firstTap } from "../window";
import { DepthwiseF32 } from "./depthwise.f32";
import { storeLanes } from "./gemm.f32.simd";

/** Output pixels that share a load of weights. */
const PIXELS: i32 = 4;

/** Returns the bytes of depthwiseF32: 4 channels at once, and 4 pixels where their windows lie inside of the lines. */
export function depthwiseF32Simd(p: DepthwiseF32, part: i32, parts: i32): void {
  const rows = p.N * p.OH;
  for (let row = part; row < rows; row += parts) {
    const top = row % p.OH * p.strideH - p.padTop, first = firstTap(top, p.dilationH), end = endTap(top, p.dilationH, p.KH, p.H);
    const x = p.x + 4 * (row / p.OH * p.H + top) * p.W * p.C, y = p.y + 4 * row * p.OW * p.C;
    for (let j = 0; j < p.OW;) j += pixels(p, x, y, j, first, end);
  }
}

/** One pixel, or 4; returns how many. `x`, `y`: the line of the first tap and of the output. */
function pixels(p: DepthwiseF32, x: usize, y: usize, j: i32, first: i32, end: i32): i32 {
  const left = j * p.strideW - p.padLeft, last = left + (PIXELS - 1) * p.strideW + (p.KW - 1) * p.dilationW, C = p.C;
  const from = x + 4 * left * C, to = y + 4 * j * C;
  if (left >= 0 && last < p.W && j + PIXELS <= p.OW && C >= 4) {
    four(p, from, to, first, end);
    return PIXELS;
  }
  one(p, from, to, first, end, firstTap(left, p.dilationW), endTap(left, p.dilationW, p.KW, p.W));
  return 1;
}

/** Four pixels with all their columns; the last 4 channels may overlap those before them. */
function four(p: DepthwiseF32, x: usize, y: usize, first: i32, end: i32): void {
  const pixel = 4 * p.C, line = p.dilationH * p.W * pixel, tap = p.dilationW * pixel, s1 = p.strideW * pixel, s2 = 2 * s1, s3 = 3 * s1;
  const lo = f32x4.splat(p.lo), hi = f32x4.splat(p.hi), last = pixel - 16;
  for (let c = 0; c < pixel; c += 16) {
    const at = min(c, last);
    let a0 = v128.load(p.b + at), a1 = a0, a2 = a0, a3 = a0, w = p.w + first * p.KW * pixel + at;
    for (let u = first; u < end; u++) {
      let tapAt = x + u * line + at;
      for (let v = p.KW; v > 0; v--, w += pixel, tapAt += tap) {
        const weights = v128.load(w);
        a0 = f32x4.add(a0, f32x4.mul(v128.load(tapAt), weights));
        a1 = f32x4.add(a1, f32x4.mul(v128.load(tapAt + s1), weights));
        a2 = f32x4.add(a2, f32x4.mul(v128.load(tapAt + s2), weights));
        a3 = f32x4.add(a3, f32x4.mul(v128.load(tapAt + s3), weights));
      }
    }
    const to = y + at;
    v128.store(to, clamp(a0, lo, hi));
    v128.store(to + pixel, clamp(a1, lo, hi));
    v128.store(to + 2 * pixel, clamp(a2, lo, hi));
    v128.store(to + 3 * pixel, clamp(a3, lo, hi));
  }
}

/** One pixel, columns [firstW, endW). */
function one(p: DepthwiseF32, x: usize, y: usize, first: i32, end: i32, firstW: i32, endW: i32): void {
  const C = p.C, pixel = 4 * C, line = p.dilationH * p.W * pixel, tap = p.dilationW * pixel, lo = f32x4.splat(p.lo), hi = f32x4.splat(p.hi);
  for (let c = 0; c < C; c += 4) {
    let acc = v128.load(p.b + 4 * c);
    for (let u = first; u < end; u++) {
      let tapAt = x + u * line + firstW * tap + 4 * c, w = p.w + (u * p.KW + firstW) * pixel + 4 * c;
      for (let v = firstW; v < endW; v++, w += pixel, tapAt += tap) acc = f32x4.add(acc, f32x4.mul(v128.load(tapAt), v128.load(w)));
    }
    acc = clamp(acc, lo, hi);
    if (C - c >= 4) v128.store(y + 4 * c, acc);
    else storeLanes(y + 4 * c, acc, C - c);
  }
}
