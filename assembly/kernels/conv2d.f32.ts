import { REFUSED, apart, reads, writes } from "../check";
import { Channels, Window, checkConvolution, endTap, firstTap, imageBytes, positions, productsOf } from "../window";
import { ROWS, panelBytes, setRow } from "./gemm.f32";
import { copyRun, multiplyRows, rowOf, zeroRun } from "./gemm.rows.f32";

/** Parameters of conv2dF32, written by converter/lower/conv.ts: strides of y in elements, t of panelBytes. */
@unmanaged
export class Conv2dF32 extends Window {
  x: usize; w: usize; b: usize; y: usize; t: usize;
  O: i32; groups: i32; yBatch: i32; yRow: i32; yPixel: i32;
  lo: f32; hi: f32;
}

/** All of x, the packed weights and biases, every output and the scratch lie inside the memory. */
export function checkConv2dF32(p: Conv2dF32): f64 {
  const channels = changetype<Channels>(changetype<usize>(p) + offsetof<Conv2dF32>("O")), last = checkConvolution(p, channels);
  if (last == REFUSED || p.OW > 1 && p.yPixel < p.O) return REFUSED;
  const K = productsOf(p, channels), blocks = <f64>p.groups * Math.ceil(<f64>(p.O / p.groups) / 8);
  const inside = reads(p.x, imageBytes(p)) && reads(p.w, 32 * blocks * K) && reads(p.b, 32 * blocks) && writes(p.y, 4 * last) && writes(p.t, panelBytes(K)) && apart(p.y, 4 * last, p.t, panelBytes(K));
  return inside ? positions(p) * (8 * blocks * (K + 8) + 64 * <f64>p.groups) : REFUSED;
}

/**
 * Convolution, float32, any stride, dilation, padding and groups.
 *   y[n,i,j,o] = clamp(b[o] + Σ x[n, i·sh − top + u·dh, j·sw − left + v·dw, c] · w[o,u,v,c], lo, hi), u, v, c ascending, x = 0 outside
 * x f32 [N,H,W,C] · w f32 packed [groups][ceil(O/groups/8)][KH·KW·C/groups][8] · b f32 [groups][8·ceil(O/groups/8)] · y f32, rows by strides
 * The windows of a few output pixels, where they lie in x or copied with padding as zeros, times all weights of a group.
 * Checked at load by checkConv2dF32.
 */
export function conv2dF32(p: Conv2dF32, part: i32, parts: i32): void {
  const pixels = p.N * p.OH * p.OW, plain = isPlain(p), K = p.KH * p.KW * (p.C / p.groups);
  for (let group = 0; group < p.groups; group++) {
    for (let first = ROWS * part; first < pixels; first += ROWS * parts) {
      if (ASC_FEATURE_SIMD && multiplyInside(p, plain, first, pixels)) continue;
      packRows(p, group, first, pixels - 1);
      multiply(p, group, rowOf(p.t, 0, K), 4 * K, 4 * K, 1, 0);
    }
  }
}

/** Pixels from `first` on where their windows lie in x, each a run of bytes per line and all equally far apart; false where not. */
function multiplyInside(p: Conv2dF32, plain: bool, first: i32, pixels: i32): bool {
  const row = first / p.OW, j = first - row * p.OW, n = row / p.OH, i = row - n * p.OH, top = i * p.strideH - p.padTop, left = j * p.strideW - p.padLeft;
  const inside = plain ? first + ROWS <= pixels : p.groups == 1 && p.dilationW == 1 && j + ROWS <= p.OW && (top | left) >= 0 && top + (p.KH - 1) * p.dilationH < p.H && left + (ROWS - 1) * p.strideW + p.KW <= p.W;
  if (!inside) return false;
  const y = p.y + 4 * (n * p.yBatch + i * p.yRow + j * p.yPixel), line = 4 * p.W * p.C;
  for (let r = 0; r < ROWS; r++) setRow(p.t, r, y + 4 * r * p.yPixel);
  multiply(p, 0, p.x + (n * p.H + top) * line + 4 * left * p.C, 4 * p.strideW * p.C, 4 * p.KW * p.C, p.KH, p.dilationH * line);
  return true;
}

/** True if output pixel i reads input pixel i and no other, and both lie one behind the other. */
function isPlain(p: Conv2dF32): bool {
  return p.KH * p.KW == 1 && p.groups == 1 && p.OH == p.H && p.OW == p.W && p.strideH == 1 && p.strideW == 1 && p.padTop == 0 && p.padLeft == 0
    && (p.OH == 1 || p.yRow == p.OW * p.yPixel) && (p.N == 1 || p.yBatch == p.OH * p.OW * p.yPixel);
}

/** Output pixels first … first + 4 in the order of y; the last one stands for those behind it. */
function packRows(p: Conv2dF32, group: i32, first: i32, last: i32): void {
  let j = first % p.OW, line = first / p.OW, i = line % p.OH, n = line / p.OH;
  for (let row = 0; row < ROWS; row++, first++) {
    packPixel(p, group, n, i, j, row);
    if (first >= last || ++j < p.OW) continue;
    j = 0;
    if (++i < p.OH) continue;
    i = 0;
    n++;
  }
}

/** Rows times every block of 8 output channels of the group. */
function multiply(p: Conv2dF32, group: i32, x: usize, across: i32, run: i32, lines: i32, line: i32): void {
  const perGroup = p.O / p.groups, blocks = (perGroup + 7) >> 3, bytes = 32 * p.KH * p.KW * (p.C / p.groups);
  let w = p.w + group * blocks * bytes, b = p.b + 32 * group * blocks;
  for (let o = 0; o < perGroup; o += 8, w += bytes, b += 32) multiplyRows(p.t, x, across, run, lines, line, w, 32, b, 4 * (group * perGroup + o), min(8, perGroup - o), p.lo, p.hi);
}

/** One output pixel's window of x, [KH·KW·C/groups], into a row. */
function packPixel(p: Conv2dF32, group: i32, n: i32, i: i32, j: i32, row: i32): void {
  const C = p.C / p.groups, KW = p.KW, H = p.H, line = 4 * p.W * p.C, dilation = p.dilationH;
  const left = j * p.strideW - p.padLeft, first = min(KW, firstTap(left, p.dilationW)), end = max(first, endTap(left, p.dilationW, KW, p.W));
  const x = p.x + n * H * line + 4 * (left * p.C + group * C);
  let to = rowOf(p.t, row, p.KH * KW * C), h = i * p.strideH - p.padTop;
  setRow(p.t, row, p.y + 4 * (n * p.yBatch + i * p.yRow + j * p.yPixel));
  for (let u = p.KH; u > 0; u--, h += dilation) {
    if (<u32>h >= <u32>H) to = zeroRun(KW * C, to);
    else to = packLine(p, x + h * line, C, first, end, to);
  }
}

/** Taps [first, end) of one line, zeros around them. `x`: where tap 0 would be. */
function packLine(p: Conv2dF32, x: usize, C: i32, first: i32, end: i32, to: usize): usize {
  const step = 4 * p.dilationW * p.C;
  if (first > 0) to = zeroRun(first * C, to);
  if (C * 4 == step) to = copyRun(x + first * step, (end - first) * C, to);
  else for (let v = first; v < end; v++) to = copyRun(x + v * step, C, to);
  return end < p.KW ? zeroRun((p.KW - end) * C, to) : to;
}
