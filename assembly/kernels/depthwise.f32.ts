import { REFUSED, reads, writes } from "../check";
import { clamp } from "../lanes";
import { Window, checkWindow, endTap, firstTap, imageBytes, taps } from "../window";
import { depthwiseF32Simd } from "./depthwise.f32.simd";

/** Parameters of depthwiseF32, written by converter/lower/conv.ts. */
@unmanaged
export class DepthwiseF32 extends Window {
  x: usize; w: usize; b: usize; y: usize;
  lo: f32; hi: f32;
}

export function checkDepthwiseF32(p: DepthwiseF32): f64 {
  if (!checkWindow(p)) return REFUSED;
  const C = <f64>p.C, outputs = <f64>p.N * <f64>p.OH * <f64>p.OW * C;
  const inside = reads(p.x, imageBytes(p)) && reads(p.w, 4 * <f64>p.KH * <f64>p.KW * C) && reads(p.b, 4 * C) && writes(p.y, 4 * outputs);
  return inside ? taps(p) * C : REFUSED;
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
      const left = j * p.strideW - p.padLeft, x = p.x + 4 * ((n * p.H + top) * p.W + left) * C, y = p.y + 4 * (row * p.OW + j) * C;
      for (let c = 0; c < C; c++) store<f32>(y + 4 * c, clamp<f32>(output(p, x + 4 * c, top, left, c), p.lo, p.hi));
    }
  }
}

/** b[c] + Σ x · w; `x` is where the first tap stands. */
function output(p: DepthwiseF32, x: usize, top: i32, left: i32, c: i32): f32 {
  const C = p.C, endH = endTap(top, p.dilationH, p.KH, p.H), endW = endTap(left, p.dilationW, p.KW, p.W), firstW = firstTap(left, p.dilationW);
  let acc = load<f32>(p.b + 4 * c);
  for (let u = firstTap(top, p.dilationH); u < endH; u++) for (let v = firstW; v < endW; v++) {
    acc += load<f32>(x + 4 * (u * p.dilationH * p.W + v * p.dilationW) * C) * load<f32>(p.w + 4 * ((u * p.KW + v) * C + c));
  }
  return acc;
}
