import { REFUSED, apart, reads, writes } from "../check";
import { Channels, Window, checkConvolution, endTap, firstTap, imageBytes, positions, productsOf } from "../window";
import { ROWS, multiplyBlock, packRun, packZeros, panelBytes, panelOf, setRow } from "./gemm.f32";

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
 * The windows of a few output pixels are packed into a panel, padding as zeros, then multiplied with all weights of a group.
 * Checked at load by checkConv2dF32.
 */
export function conv2dF32(p: Conv2dF32, part: i32, parts: i32): void {
  const pixels = p.N * p.OH * p.OW, plain = isPlain(p);
  for (let group = 0; group < p.groups; group++) {
    for (let first = ROWS * part; first < pixels; first += ROWS * parts) {
      if (plain) packPixels(p, first, pixels - 1);
      else packPanel(p, group, first, pixels - 1);
      multiply(p, group);
    }
  }
}

/** True if output pixel i reads input pixel i and no other, and both lie one behind the other. */
function isPlain(p: Conv2dF32): bool {
  return p.KH * p.KW == 1 && p.groups == 1 && p.OH == p.H && p.OW == p.W && p.strideH == 1 && p.strideW == 1 && p.padTop == 0 && p.padLeft == 0
    && (p.OH == 1 || p.yRow == p.OW * p.yPixel) && (p.N == 1 || p.yBatch == p.OH * p.OW * p.yPixel);
}

function packPixels(p: Conv2dF32, first: i32, last: i32): void {
  for (let row = 0; row < ROWS; row++) {
    const pixel = min(first + row, last);
    setRow(p.t, row, p.y + 4 * pixel * p.yPixel);
    packRun(p.x + 4 * pixel * p.C, p.C, panelOf(p.t, row));
  }
}

/** Output pixels first … first + 4 in the order of y; the last one stands for those behind it. */
function packPanel(p: Conv2dF32, group: i32, first: i32, last: i32): void {
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

/** The panel times every block of 8 output channels of the group. */
function multiply(p: Conv2dF32, group: i32): void {
  const perGroup = p.O / p.groups, blocks = (perGroup + 7) >> 3, K = p.KH * p.KW * (p.C / p.groups), bytes = 32 * K;
  let w = p.w + group * blocks * bytes, b = p.b + 32 * group * blocks;
  for (let o = 0; o < perGroup; o += 8, w += bytes, b += 32) {
    multiplyBlock(p.t, K, w, 32, b, 4 * (group * perGroup + o), min(8, perGroup - o), p.lo, p.hi);
  }
}

/** One output pixel's window of x, [KH·KW·C/groups], into a row of the panel. */
function packPixel(p: Conv2dF32, group: i32, n: i32, i: i32, j: i32, row: i32): void {
  const C = p.C / p.groups, KW = p.KW, H = p.H, line = 4 * p.W * p.C, dilation = p.dilationH;
  const left = j * p.strideW - p.padLeft, first = min(KW, firstTap(left, p.dilationW)), end = max(first, endTap(left, p.dilationW, KW, p.W));
  const x = p.x + n * H * line + 4 * (left * p.C + group * C);
  let to = panelOf(p.t, row), h = i * p.strideH - p.padTop;
  setRow(p.t, row, p.y + 4 * (n * p.yBatch + i * p.yRow + j * p.yPixel));
  for (let u = p.KH; u > 0; u--, h += dilation) {
    if (<u32>h >= <u32>H) to = packZeros(KW * C, to);
    else to = packLine(p, x + h * line, C, first, end, to);
  }
}

/** Taps [first, end) of one line, zeros around them. `x`: where tap 0 would be. */
function packLine(p: Conv2dF32, x: usize, C: i32, first: i32, end: i32, to: usize): usize {
  const step = 4 * p.dilationW * p.C;
  if (first > 0) to = packZeros(first * C, to);
  if (C * 4 == step) to = packRun(x + first * step, (end - first) * C, to);
  else for (let v = first; v < end; v++) to = packRun(x + v * step, C, to);
  return end < p.KW ? packZeros((p.KW - end) * C, to) : to;
}
