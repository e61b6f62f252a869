/**
 * conv2dI8 with relaxed dot products: the bytes under the windows of four output pixels are copied, one row of K bytes each,
 * flipped, zero points where a window leaves x. The last pixels are computed twice rather than fewer at a time.
 */
import { Conv2dI8, expands, hasRuns, isPointwise, outputOfConv, paddedRun, weightColumns } from "./conv2d.i8";
import { correctBiases, flipBytes, multiplyRows } from "./gemm.i8.relaxed";
import { multiplyRowRelaxed } from "./matvec.i8.relaxed";

/** In scratch, where there is room for expanded weights: biases of one group · sums · rows, apart by K and what a copy writes too much */
const SUMS: usize = 128, GAP: i32 = 16;

export function convolveRelaxed(p: Conv2dI8, rule: i32, flips: i32, part: i32, parts: i32): void {
  const Og = p.O / p.groups, padded = (Og + 7) & ~7, K = weightColumns(p), pixels = p.N * p.OH * p.OW, rows = p.t + SUMS, biases = rows + 8 * (K + 32);
  for (let g = 0; g < p.groups; g++) {
    const o = g * padded, w = p.w + o * K;
    if (!expands(p)) {
      for (let pixel = part; pixel < pixels; pixel += parts) {
        const y = packNext(p, pixel, g, rows, 0);
        multiplyRowRelaxed(outputOfConv(p), rule, rows, K, flips, w, p.b + 4 * o, 0, o, Og, y);
      }
      continue;
    }
    correctBiases(p.b + 4 * o, w, padded, K, flips, biases);
    if (isPointwise(p)) multiplyPixels(p, rule, flips, rows, K, biases, part, parts);
    else for (let block = 4 * part; block < pixels; block += 4 * parts) multiplyWindows(p, rule, flips, min(block, pixels - 4), g, rows, K, w, biases);
  }
}

/** Pointwise: four pixels are one run of bytes. */
function multiplyPixels(p: Conv2dI8, rule: i32, flips: i32, rows: usize, K: i32, biases: usize, part: i32, parts: i32): void {
  const C = p.C, pixels = p.N * p.OH * p.OW, step = p.yPixel, flip = i8x16.splat(<i8>flips);
  for (let block = 4 * part; block < pixels; block += 4 * parts) {
    const first = min(block, pixels - 4), y = p.y + first * step;
    flipBytes(p.x + first * C, rows, 4 * C, flip);
    multiplyRows(outputOfConv(p), rule, rows, C, K, p.w, biases, 0, p.O, y, y + step, y + 2 * step, y + 3 * step, p.t);
  }
}

/** Four pixels from `first` on of group g. */
function multiplyWindows(p: Conv2dI8, rule: i32, flips: i32, first: i32, g: i32, rows: usize, K: i32, w: usize, biases: usize): void {
  const row = first / p.OW, j = first - row * p.OW, Og = p.O / p.groups, stride = K + GAP, channel = g * (p.C / p.groups);
  let n = row / p.OH, i = row - n * p.OH;
  const y0 = p.y + n * p.yBatch + i * p.yRow + j * p.yPixel + g * Og;
  let y1 = y0 + p.yPixel, y2 = y1 + p.yPixel, y3 = y2 + p.yPixel;
  if (!packInterior(p, n, i, j, rows, stride, flips)) {
    packWindow(p, n, i, j, channel, rows, flips);
    y1 = packNext(p, first + 1, g, rows + stride, flips);
    y2 = packNext(p, first + 2, g, rows + 2 * stride, flips);
    y3 = packNext(p, first + 3, g, rows + 3 * stride, flips);
  }
  multiplyRows(outputOfConv(p), rule, rows, stride, K, w, biases, g * ((Og + 7) & ~7), Og, y0, y1, y2, y3, p.t);
}

/** Packs the window of an output pixel; returns its place in y. */
function packNext(p: Conv2dI8, pixel: i32, g: i32, to: usize, flips: i32): usize {
  const row = pixel / p.OW, j = pixel - row * p.OW, n = row / p.OH, i = row - n * p.OH;
  packWindow(p, n, i, j, g * (p.C / p.groups), to, flips);
  return p.y + n * p.yBatch + i * p.yRow + j * p.yPixel + g * (p.O / p.groups);
}

/** Four pixels from (n,i,j) on, where they stand in one line of y and all of their taps lie in x; false where not. */
function packInterior(p: Conv2dI8, n: i32, i: i32, j: i32, to: usize, stride: i32, flips: i32): bool {
  const top = i * p.strideH - p.padTop, left = j * p.strideW - p.padLeft, across = p.strideW * p.C;
  if (!hasRuns(p) || j + 4 > p.OW || (top | left) < 0 || top + (p.KH - 1) * p.dilationH >= p.H || left + 3 * p.strideW + p.KW > p.W) return false;
  const run = paddedRun(p), line = p.dilationH * p.W * p.C, flip = i8x16.splat(<i8>flips);
  for (let x = p.x + ((n * p.H + top) * p.W + left) * p.C, end = x + p.KH * line; x < end; x += line, to += run) {
    for (let k = 0; k < run; k += 16) {
      const from = x + k, at = to + k;
      v128.store(at, v128.xor(v128.load(from), flip));
      v128.store(at + stride, v128.xor(v128.load(from + across), flip));
      v128.store(at + 2 * stride, v128.xor(v128.load(from + 2 * across), flip));
      v128.store(at + 3 * stride, v128.xor(v128.load(from + 3 * across), flip));
    }
  }
  return true;
}

/** The window of one output pixel, run by run; up to 15 bytes behind it are overwritten. */
function packWindow(p: Conv2dI8, n: i32, i: i32, j: i32, channel: i32, to: usize, flips: i32): void {
  const runs = hasRuns(p), columns = runs ? 1 : p.KW, wide = runs ? p.KW : 1, C = p.C, bytes = wide * (C / p.groups), run = paddedRun(p), flip = i8x16.splat(<i8>flips), zero = i8x16.splat(<i8>(p.zx ^ flips));
  const x = p.x + n * p.H * p.W * C + channel, left = j * p.strideW - p.padLeft;
  for (let u = 0, h = i * p.strideH - p.padTop; u < p.KH; u++, h += p.dilationH) {
    for (let v = 0, l = left; v < columns; v++, l += p.dilationW, to += run) {
      const from = x + (h * p.W + l) * C, inside = <u32>h < <u32>p.H;
      if (inside && l >= 0 && l + wide <= p.W) flipBytes(from, to, bytes, flip);
      else {
        for (let k = 0; k < bytes; k += 16) v128.store(to + k, zero);
        if (inside && runs) for (let k = max(0, -l) * C, end = min(wide, p.W - l) * C; k < end; k++) store<u8>(to + k, load<u8>(from + k) ^ <u8>flips);
      }
    }
  }
}
