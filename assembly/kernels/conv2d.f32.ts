import { REFUSED, between, reads, size, writes } from "../check";
import { clamp } from "../lanes";
import { Window, checkWindow, imageBytes, taps } from "../window";
import { conv2dF32Simd } from "./conv2d.f32.simd";
import { panelBytes } from "./gemm.f32.simd";

/** Parameters of conv2dF32, written by converter/lower/conv.ts: strides of y in elements, t of panelBytes. */
@unmanaged
export class Conv2dF32 extends Window {
  x: usize; w: usize; b: usize; y: usize; t: usize;
  O: i32; groups: i32; yBatch: i32; yRow: i32; yPixel: i32;
  lo: f32; hi: f32;
}

const LIMIT: i32 = 1 << 28;

/** All of x, the packed weights and biases, every output and the scratch lie inside the memory. */
export function checkConv2dF32(p: Conv2dF32): f64 {
  if (!checkWindow(p) || !size(p.O) || !size(p.groups) || p.C % p.groups || p.O % p.groups) return REFUSED;
  if (!between(p.yBatch, 0, LIMIT) || !between(p.yRow, 0, LIMIT) || !between(p.yPixel, 0, LIMIT)) return REFUSED;
  const K = <f64>p.KH * <f64>p.KW * <f64>(p.C / p.groups), blocks = <f64>p.groups * Math.ceil(<f64>(p.O / p.groups) / 8);
  const last = <f64>(p.N - 1) * <f64>p.yBatch + <f64>(p.OH - 1) * <f64>p.yRow + <f64>(p.OW - 1) * <f64>p.yPixel + <f64>p.O;
  const inside = reads(p.x, imageBytes(p)) && reads(p.w, 32 * blocks * K) && reads(p.b, 32 * blocks) && writes(p.y, 4 * last) && writes(p.t, panelBytes(K));
  return inside ? taps(p) * <f64>(p.C / p.groups) * <f64>p.O : REFUSED;
}

/**
 * Convolution, float32, any stride, dilation, padding and groups. Scalar reference.
 *   y[n,i,j,o] = clamp(b[o] + Σ x[n, i·sh − top + u·dh, j·sw − left + v·dw, c] · w[o,u,v,c], lo, hi), u, v, c ascending, x = 0 outside
 * x f32 [N,H,W,C] · w f32 packed [groups][ceil(O/groups/8)][KH·KW·C/groups][8] · b f32 [groups][8·ceil(O/groups/8)] · y f32, rows by strides
 * Output rows part, part + parts, … Checked at load by checkConv2dF32.
 */
export function conv2dF32(p: Conv2dF32, part: i32, parts: i32): void {
  if (ASC_FEATURE_SIMD) return conv2dF32Simd(p, part, parts);
  const rows = p.N * p.OH;
  for (let row = part; row < rows; row += parts) {
    const n = row / p.OH, i = row % p.OH;
    for (let j = 0; j < p.OW; j++) {
      const y = p.y + 4 * (n * p.yBatch + i * p.yRow + j * p.yPixel);
      for (let o = 0; o < p.O; o++) store<f32>(y + 4 * o, clamp<f32>(output(p, n, i, j, o), p.lo, p.hi));
    }
  }
}

/** b[o] + Σ x · w for one output. */
function output(p: Conv2dF32, n: i32, i: i32, j: i32, o: i32): f32 {
  const C = p.C / p.groups, perGroup = p.O / p.groups, group = o / perGroup, member = o % perGroup, blocks = (perGroup + 7) >> 3, K = p.KH * p.KW * C;
  const block = group * blocks + (member >> 3), lane = member & 7;
  let w = p.w + 4 * (block * K * 8 + lane), acc = load<f32>(p.b + 4 * (block * 8 + lane));
  for (let u = 0; u < p.KH; u++) {
    const row = i * p.strideH - p.padTop + u * p.dilationH;
    for (let v = 0; v < p.KW; v++) {
      const column = j * p.strideW - p.padLeft + v * p.dilationW, inside = <u32>row < <u32>p.H && <u32>column < <u32>p.W;
      const x = p.x + 4 * (((n * p.H + row) * p.W + column) * p.C + group * C);
      for (let c = 0; c < C; c++, w += 32) acc += (inside ? load<f32>(x + 4 * c) : 0) * load<f32>(w);
    }
  }
  return acc;
}
