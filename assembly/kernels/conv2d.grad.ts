import { REFUSED, between, reads, size, writes } from "../check";
import { lane } from "../lanes";
import { Window, checkWindow, endTap, firstTap, imageBytes, positions } from "../window";
import { weightGradSimd } from "./conv2d.grad.simd";

/** Parameters of conv2dWeightGrad, written by converter/lower/conv.grad.ts. `chunk`: pixels whose windows stand in t at a time */
@unmanaged
export class Conv2dWeightGrad extends Window {
  x: usize; dy: usize; dw: usize; t: usize;
  O: i32; groups: i32; chunk: i32;
}

/** Rows of dw, output channels, that are computed together in SIMD builds. */
export const ROWS: i32 = 4;

/** Panels of ROWS channels that are packed at a time: of at most a cache line per pixel. */
export function panelsOf(channels: i32): i32 {
  return max(1, min(16, channels) / ROWS);
}

/** Bytes from one window in t to the next: K floats, an odd number of cache lines, so that windows do not compete for the same ones. */
export function windowBytes(K: i32): i32 {
  return (((K << 2) + 63) >> 6 | 1) << 6;
}

/** Windows where they must be packed, and panels of dy. */
function scratchBytes(p: Conv2dWeightGrad, K: f64): f64 {
  const window = isPlain(p) ? 0 : windowBytes(<i32>K);
  return <f64>p.chunk * <f64>(window + 4 * ROWS * panelsOf(p.O / p.groups)) + 16;
}

const MOST_K: f64 = 16777216, MOST_CHUNK: i32 = 1 << 16;

export function checkConv2dWeightGrad(p: Conv2dWeightGrad): f64 {
  if (!checkWindow(p) || !size(p.O) || !size(p.groups) || p.C % p.groups || p.O % p.groups || !between(p.chunk, 1, MOST_CHUNK)) return REFUSED;
  const K = <f64>p.KH * <f64>p.KW * <f64>(p.C / p.groups), O = <f64>p.O, pixels = positions(p);
  const inside = K <= MOST_K && reads(p.x, imageBytes(p)) && reads(p.dy, 4 * pixels * O) && writes(p.dw, 4 * O * K) && writes(p.t, scratchBytes(p, K));
  return inside ? (pixels + 8) * (O + 5 * <f64>p.groups) * (K + 8) : REFUSED;
}

/**
 * Gradient of a convolution by its weights, float32, added to what is there.
 *   dw[o,u,v,c] += Σ dy[n,i,j,o] · x[n, i·sh − top + u·dh, j·sw − left + v·dw, g·C/groups + c], n, i, j ascending, x = 0 outside
 * x f32 [N,H,W,C] · dy f32 [N,OH,OW,O] · dw f32 [O,KH,KW,C/groups] · t of scratchBytes
 * Checked at load by checkConv2dWeightGrad. Scalar reference: one window after the other.
 */
export function conv2dWeightGrad(p: Conv2dWeightGrad, part: i32, parts: i32): void {
  if (ASC_FEATURE_SIMD) return weightGradSimd(p, part, parts);
  const pixels = p.N * p.OH * p.OW, perGroup = p.O / p.groups, row = 4 * p.KH * p.KW * (p.C / p.groups);
  for (let group = 0; group < p.groups; group++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      const x = windows(p, group, pixel, 1, 0);
      for (let o = group * perGroup + part; o < (group + 1) * perGroup; o += parts) addScaled(p.dw + o * row, x, load<f32>(p.dy + 4 * (pixel * p.O + o)), row);
    }
  }
}

/** y[k] += factor · x[k] */
function addScaled(y: usize, x: usize, factor: f32, bytes: i32): void {
  for (const end = y + bytes; y < end; y += 4, x += 4) store<f32>(y, load<f32>(y) + factor * load<f32>(x));
}

/** True if output pixel i reads input pixel i and no other: its window is there already. */
export function isPlain(p: Conv2dWeightGrad): bool {
  return p.KH * p.KW == 1 && p.groups == 1 && p.OH == p.H && p.OW == p.W && p.strideH == 1 && p.strideW == 1 && p.padTop == 0 && p.padLeft == 0;
}

/** Address of the windows [KH·KW·C/groups] of `count` output pixels from `first` on, `stride` bytes apart: in x, or packed in t. */
export function windows(p: Conv2dWeightGrad, group: i32, first: i32, count: i32, stride: i32): usize {
  if (isPlain(p)) return p.x + 4 * first * p.C;
  let j = first % p.OW, line = first / p.OW, i = line % p.OH, n = line / p.OH;
  for (let to = p.t; count > 0; count--, to += stride) {
    packWindow(p, group, n, i, j, to);
    if (++j < p.OW) continue;
    j = 0;
    if (++i < p.OH) continue;
    i = 0;
    n++;
  }
  return p.t;
}

/** The window of output pixel n, i, j to `to`, zeros outside of x. Up to three floats behind it are overwritten. */
function packWindow(p: Conv2dWeightGrad, group: i32, n: i32, i: i32, j: i32, to: usize): void {
  const C = p.C / p.groups, KW = p.KW, line = 4 * p.W * p.C, left = j * p.strideW - p.padLeft;
  const isWhole = left >= 0 && left + (KW - 1) * p.dilationW < p.W, isRun = isWhole && p.dilationW * p.C == C;
  const first = isWhole ? 0 : min(KW, firstTap(left, p.dilationW)), end = isWhole ? KW : max(first, endTap(left, p.dilationW, KW, p.W));
  const x = p.x + n * p.H * line + 4 * (left * p.C + group * C);
  for (let u = p.KH, h = i * p.strideH - p.padTop; u > 0; u--, h += p.dilationH, to += 4 * KW * C) {
    if (<u32>h >= <u32>p.H) clear(to, KW * C);
    else if (isRun) run(x + h * line, KW * C, to);
    else packTaps(p, x + h * line, C, first, end, to);
  }
}

/** Taps [first, end) of one line, zeros around them. `x`: where tap 0 would be. */
function packTaps(p: Conv2dWeightGrad, x: usize, C: i32, first: i32, end: i32, to: usize): void {
  const step = 4 * p.dilationW * p.C;
  clear(to, first * C);
  if (4 * C == step) run(x + first * step, (end - first) * C, to + 4 * first * C);
  else for (let v = first; v < end; v++) run(x + v * step, C, to + 4 * v * C);
  clear(to + 4 * end * C, (p.KW - end) * C);
}

/** Whole vectors: up to three floats behind the run are overwritten. */
// @ts-ignore: decorator
@inline
function run(x: usize, count: i32, to: usize): void {
  const end = to + 4 * count;
  for (; to < end; to += sizeof<Lane>(), x += sizeof<Lane>()) store<Lane>(to, load<Lane>(x));
}

// @ts-ignore: decorator
@inline
function clear(to: usize, count: i32): void {
  const zero = lane(0);
  const end = to + 4 * count;
  for (; to < end; to += sizeof<Lane>()) store<Lane>(to, zero);
}
