import { clamp } from "../lanes";
import { endTap, firstTap } from "../window";
import { DepthwiseF32 } from "./depthwise.f32";
import { storeLanes } from "./gemm.f32.simd";

/** Output pixels that share a load of weights. */
const PIXELS: i32 = 4;

/** Returns the bytes of depthwiseF32: 4 channels at once, and 4 pixels where their windows lie inside of the lines. */
export function depthwiseF32Simd(p: DepthwiseF32, part: i32, parts: i32): void {
  const rows = p.N * p.OH, pixel = 4 * p.C;
  for (let row = part; row < rows; row += parts) {
    const top = row % p.OH * p.strideH - p.padTop, first = firstTap(top, p.dilationH), end = endTap(top, p.dilationH, p.KH, p.H);
    outputRow(p, p.x + (row / p.OH * p.H + top) * p.W * pixel, p.y + row * p.OW * pixel, first, end);
  }
}

/** One line of y; `x` is where its first tap's line begins. The last 4 of the inner pixels may overlap those before them. */
function outputRow(p: DepthwiseF32, x: usize, y: usize, first: i32, end: i32): void {
  const pixel = 4 * p.C, reach = p.W - 1 - (p.KW - 1) * p.dilationW + p.padLeft;
  const from = (max(0, p.padLeft) + p.strideW - 1) / p.strideW, to = reach < 0 ? 0 : min(p.OW, reach / p.strideW + 1), wide = p.C >= 4 && to - from >= PIXELS;
  for (let j = 0; j < p.OW;) {
    const inner = wide && j >= from && j < to, at = inner ? min(j, to - PIXELS) : j, left = at * p.strideW - p.padLeft;
    if (inner) four(p, x + left * pixel, y + at * pixel, first, end);
    else one(p, x + left * pixel, y + at * pixel, first, end, firstTap(left, p.dilationW), endTap(left, p.dilationW, p.KW, p.W));
    j = inner ? at + PIXELS : j + 1;
  }
}

function four(p: DepthwiseF32, x: usize, y: usize, first: i32, end: i32): void {
  if (p.KW == 3 && p.dilationW == 1 && p.strideW == 1) fourOf3(p, x, y, first, end);
  else if (p.KW == 3 && p.dilationW == 1 && p.strideW == 2) fourOf3Apart(p, x, y, first, end);
  else fourOfAny(p, x, y, first, end);
}

/** Four pixels with all their columns; the last 4 channels may overlap those before them. */
function fourOfAny(p: DepthwiseF32, x: usize, y: usize, first: i32, end: i32): void {
  const pixel = 4 * p.C, line = p.dilationH * p.W * pixel, tap = p.dilationW * pixel, s1 = p.strideW * pixel, s2 = 2 * s1, s3 = 3 * s1;
  for (let c = 0; c < pixel; c += 16) {
    const at = min(c, pixel - 16);
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
    storeFour(p, y + at, a0, a1, a2, a3);
  }
}

/** Lines of 3 neighbouring taps, stride 1: 6 pixels of x serve 4 outputs. */
function fourOf3(p: DepthwiseF32, x: usize, y: usize, first: i32, end: i32): void {
  const pixel = 4 * p.C, line = p.dilationH * p.W * pixel;
  for (let c = 0; c < pixel; c += 16) {
    const at = min(c, pixel - 16);
    let a0 = v128.load(p.b + at), a1 = a0, a2 = a0, a3 = a0, w = p.w + first * 3 * pixel + at, t = x + first * line + at;
    for (let u = first; u < end; u++, w += 3 * pixel, t += line) {
      const w0 = v128.load(w), w1 = v128.load(w + pixel), w2 = v128.load(w + 2 * pixel);
      const x1 = v128.load(t + pixel), x2 = v128.load(t + 2 * pixel), x3 = v128.load(t + 3 * pixel), x4 = v128.load(t + 4 * pixel);
      a0 = three(a0, v128.load(t), x1, x2, w0, w1, w2);
      a1 = three(a1, x1, x2, x3, w0, w1, w2);
      a2 = three(a2, x2, x3, x4, w0, w1, w2);
      a3 = three(a3, x3, x4, v128.load(t + 5 * pixel), w0, w1, w2);
    }
    storeFour(p, y + at, a0, a1, a2, a3);
  }
}

/** Lines of 3 neighbouring taps, stride 2: 9 pixels of x serve 4 outputs. */
function fourOf3Apart(p: DepthwiseF32, x: usize, y: usize, first: i32, end: i32): void {
  const pixel = 4 * p.C, line = p.dilationH * p.W * pixel;
  for (let c = 0; c < pixel; c += 16) {
    const at = min(c, pixel - 16);
    let a0 = v128.load(p.b + at), a1 = a0, a2 = a0, a3 = a0, w = p.w + first * 3 * pixel + at, t = x + first * line + at;
    for (let u = first; u < end; u++, w += 3 * pixel, t += line) {
      const w0 = v128.load(w), w1 = v128.load(w + pixel), w2 = v128.load(w + 2 * pixel);
      const x2 = v128.load(t + 2 * pixel), x4 = v128.load(t + 4 * pixel), x6 = v128.load(t + 6 * pixel);
      a0 = three(a0, v128.load(t), v128.load(t + pixel), x2, w0, w1, w2);
      a1 = three(a1, x2, v128.load(t + 3 * pixel), x4, w0, w1, w2);
      a2 = three(a2, x4, v128.load(t + 5 * pixel), x6, w0, w1, w2);
      a3 = three(a3, x6, v128.load(t + 7 * pixel), v128.load(t + 8 * pixel), w0, w1, w2);
    }
    storeFour(p, y + at, a0, a1, a2, a3);
  }
}

// @ts-ignore: decorator
@inline
function three(acc: v128, x0: v128, x1: v128, x2: v128, w0: v128, w1: v128, w2: v128): v128 {
  return f32x4.add(f32x4.add(f32x4.add(acc, f32x4.mul(x0, w0)), f32x4.mul(x1, w1)), f32x4.mul(x2, w2));
}

// @ts-ignore: decorator
@inline
function storeFour(p: DepthwiseF32, y: usize, a0: v128, a1: v128, a2: v128, a3: v128): void {
  const pixel = 4 * p.C, lo = f32x4.splat(p.lo), hi = f32x4.splat(p.hi);
  v128.store(y, clamp(a0, lo, hi));
  v128.store(y + pixel, clamp(a1, lo, hi));
  v128.store(y + 2 * pixel, clamp(a2, lo, hi));
  v128.store(y + 3 * pixel, clamp(a3, lo, hi));
}

/** One pixel, columns [firstW, endW): 16 channels at once, then 4. */
function one(p: DepthwiseF32, x: usize, y: usize, first: i32, end: i32, firstW: i32, endW: i32): void {
  const C = p.C, pixel = 4 * C, line = p.dilationH * p.W * pixel, tap = p.dilationW * pixel, from = x + first * line + firstW * tap, lo = f32x4.splat(p.lo), hi = f32x4.splat(p.hi);
  let c = 0;
  for (; c + 16 <= C; c += 16) {
    const b = p.b + 4 * c, to = y + 4 * c;
    let a0 = v128.load(b), a1 = v128.load(b, 16), a2 = v128.load(b, 32), a3 = v128.load(b, 48), at = from + 4 * c;
    for (let u = first; u < end; u++, at += line) {
      let t = at, w = p.w + (u * p.KW + firstW) * pixel + 4 * c;
      for (let v = firstW; v < endW; v++, w += pixel, t += tap) {
        a0 = f32x4.add(a0, f32x4.mul(v128.load(t), v128.load(w)));
        a1 = f32x4.add(a1, f32x4.mul(v128.load(t, 16), v128.load(w, 16)));
        a2 = f32x4.add(a2, f32x4.mul(v128.load(t, 32), v128.load(w, 32)));
        a3 = f32x4.add(a3, f32x4.mul(v128.load(t, 48), v128.load(w, 48)));
      }
    }
    v128.store(to, clamp(a0, lo, hi));
    v128.store(to, clamp(a1, lo, hi), 16);
    v128.store(to, clamp(a2, lo, hi), 32);
    v128.store(to, clamp(a3, lo, hi), 48);
  }
  for (; c < C; c += 4) {
    let acc = v128.load(p.b + 4 * c), at = from + 4 * c;
    for (let u = first; u < end; u++, at += line) {
      let t = at, w = p.w + (u * p.KW + firstW) * pixel + 4 * c;
      for (let v = firstW; v < endW; v++, w += pixel, t += tap) acc = f32x4.add(acc, f32x4.mul(v128.load(t), v128.load(w)));
    }
    acc = clamp(acc, lo, hi);
    if (C - c >= 4) v128.store(y + 4 * c, acc);
    else storeLanes(y + 4 * c, acc, C - c);
  }
}
