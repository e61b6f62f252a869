import { REFUSED, reads, writes } from "../check";
import { clamp } from "../lanes";
import { Window, checkWindow, endTap, firstTap, imageBytes, positions, taps } from "../window";
import { depthwiseF32Simd } from "./depthwise.f32.simd";

/** Parameters of depthwiseF32, written by converter/lower/conv.ts. */
@unmanaged
export class DepthwiseF32 extends Window {
  x: usize; w: usize; b: usize; y: usize;
  lo: f32; hi: f32;
}

export function checkDepthwiseF32(p: DepthwiseF32): f64 {
  if (!checkWindow(p)) return REFUSED;
  const C = <f64>p.C, outputs = positions(p) * C;
  const inside = reads(p.x, imageBytes(p)) && reads(p.w, 4 * <f64>p.KH * <f64>p.KW * C) && reads(p.b, 4 * C) && writes(p.y, 4 * outputs);
  return inside ? taps(p) * C + positions(p) * (C + 64) : REFUSED;
}

/**
 * Depthwise convolution, float32. Scalar reference.
 *   y[n,i,j,c] = clamp(b[c] + Σ x[n, i·sh − top + u·dh, j·sw − left + v·dw, c] · w[u,v,c], lo, hi), u, v ascending, taps inside x
 * x f32 [N,H,W,C] · w f32 [KH,KW,C] · b f32 [C] · y f32 [N,OH,OW,C]; output rows part, part + parts, …
 * Checked at load by checkDepthwiseF32.
 */
export function depthwiseF32(p: DepthwiseF32, part: i32, parts: i32): void {
  if (ASC_FEATURE_SIMD) return depthwiseF32Simd(p, part, parts);
  const rows = p.N * p.OH, C = p.C;
  for (let row = part; row < rows; row += parts) {
    const n = row / p.OH, top = row % p.OH * p.strideH - p.padTop;
    for (let j = 0; j < p.OW; j++) {
      const left = j * p.strideW - p.padLeft;
      outputPixel(p, p.x + 4 * ((n * p.H + top) * p.W + left) * C, p.y + 4 * (row * p.OW + j) * C, top, left);
    }
  }
}

/** All channels of one output; `x` is where the first tap stands. */
function outputPixel(p: DepthwiseF32, x: usize, y: usize, top: i32, left: i32): void {
  const pixel = 4 * p.C, line = p.dilationH * p.W * pixel, tap = p.dilationW * pixel;
  const firstH = firstTap(top, p.dilationH), endH = endTap(top, p.dilationH, p.KH, p.H), firstW = firstTap(left, p.dilationW), endW = endTap(left, p.dilationW, p.KW, p.W);
  memory.copy(y, p.b, pixel);
  for (let u = firstH; u < endH; u++) for (let v = firstW; v < endW; v++) addTap(x + u * line + v * tap, p.w + (u * p.KW + v) * pixel, y, pixel);
  for (let c = 0; c < pixel; c += 4) store<f32>(y + c, clamp<f32>(load<f32>(y + c), p.lo, p.hi));
}

/** y[c] += x[c] · w[c] */
function addTap(x: usize, w: usize, y: usize, bytes: i32): void {
  for (const end = y + bytes; y < end; x += 4, w += 4, y += 4) store<f32>(y, load<f32>(y) + load<f32>(x) * load<f32>(w));
}
