import { REFUSED, between, reads, writes } from "../check";
import { Window, checkWindow, endTap, firstTap, imageBytes, positions, taps } from "../window";
import { clamp } from "../lanes";
import { averagePixelSimd, maxPixelSimd } from "./pool.f32.simd";

/** Parameters of maxPool2dF32 and averagePool2dF32, written by converter/lower/pool.ts. */
@unmanaged
export class PoolF32 extends Window {
  x: usize; y: usize;
  padBottom: i32; padRight: i32; countIncludePad: i32;
  lo: f32; hi: f32;
}

const LIMIT: i32 = 1 << 28;

export function checkPoolF32(p: PoolF32): f64 {
  if (!checkWindow(p) || !between(p.padBottom, -LIMIT, LIMIT) || !between(p.padRight, -LIMIT, LIMIT)) return REFUSED;
  const outputs = positions(p) * <f64>p.C;
  return reads(p.x, imageBytes(p)) && writes(p.y, 4 * outputs) ? taps(p) * <f64>p.C + outputs + 64 * positions(p) : REFUSED;
}

/**
 * Largest value of each window, float32.
 *   y[n,i,j,c] = clamp(max x[n, i·sh − top + u·dh, j·sw − left + v·dw, c], lo, hi) over the taps inside x; NaN if one is
 * x f32 [N,H,W,C] · y f32 [N,OH,OW,C]; output rows part, part + parts, … Checked at load by checkPoolF32.
 */
export function maxPool2dF32(p: PoolF32, part: i32, parts: i32): void {
  eachPixel(p, part, parts, true);
}

/**
 * Mean of each window, float32: the sum, taps ascending, divided by how many taps lie inside x, or inside x and its padding.
 */
export function averagePool2dF32(p: PoolF32, part: i32, parts: i32): void {
  eachPixel(p, part, parts, false);
}

function eachPixel(p: PoolF32, part: i32, parts: i32, largest: bool): void {
  const rows = p.N * p.OH;
  for (let row = part; row < rows; row += parts) {
    const top = row % p.OH * p.strideH - p.padTop, u = firstTap(top, p.dilationH), endU = endTap(top, p.dilationH, p.KH, p.H);
    for (let j = 0; j < p.OW; j++) {
      const left = j * p.strideW - p.padLeft, v = firstTap(left, p.dilationW), endV = endTap(left, p.dilationW, p.KW, p.W);
      const x = p.x + 4 * ((row / p.OH * p.H + top + u * p.dilationH) * p.W + left + v * p.dilationW) * p.C, y = p.y + 4 * (row * p.OW + j) * p.C;
      if (largest) maxPixel(p, x, y, endU - u, endV - v);
      else averagePixel(p, x, y, endU - u, endV - v, <f32>(p.countIncludePad ? padded(p, top, left) : max(0, endU - u) * max(0, endV - v)));
    }
  }
}

/** Taps that lie inside x and its padding. */
function padded(p: PoolF32, top: i32, left: i32): i32 {
  return endTap(top, p.dilationH, p.KH, p.H + p.padBottom) * endTap(left, p.dilationW, p.KW, p.W + p.padRight);
}

/** All channels of one output; `x`: the first tap inside, then KH lines of KW. */
function maxPixel(p: PoolF32, x: usize, y: usize, KH: i32, KW: i32): void {
  if (ASC_FEATURE_SIMD) return maxPixelSimd(p, x, y, KH, KW);
  const pixel = 4 * p.C, line = p.dilationH * p.W * pixel, tap = p.dilationW * pixel;
  for (let c = 0; c < pixel; c += 4) {
    let best: f32 = -Infinity;
    for (let u = 0; u < KH; u++) for (let v = 0; v < KW; v++) best = max(best, load<f32>(x + u * line + v * tap + c));
    store<f32>(y + c, clamp<f32>(best, p.lo, p.hi));
  }
}

function averagePixel(p: PoolF32, x: usize, y: usize, KH: i32, KW: i32, count: f32): void {
  if (ASC_FEATURE_SIMD) return averagePixelSimd(p, x, y, KH, KW, count);
  const pixel = 4 * p.C, line = p.dilationH * p.W * pixel, tap = p.dilationW * pixel;
  for (let c = 0; c < pixel; c += 4) {
    let sum: f32 = 0;
    for (let u = 0; u < KH; u++) for (let v = 0; v < KW; v++) sum += load<f32>(x + u * line + v * tap + c);
    store<f32>(y + c, clamp<f32>(sum / count, p.lo, p.hi));
  }
}
