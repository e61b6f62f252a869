/** Tiles of 4 output channels × 8 or, at the end, 12 weights: sums stay in registers for a chunk of pixels. The bytes of the loops in conv2d.grad.ts. */
import { Conv2dWeightGrad, ROWS, isPlain, panelsOf, windowBytes, windows } from "./conv2d.grad";
import { storeRow } from "./gemm.f32.simd";

export function weightGradSimd(p: Conv2dWeightGrad, part: i32, parts: i32): void {
  const pixels = p.N * p.OH * p.OW, perGroup = p.O / p.groups, K = p.KH * p.KW * (p.C / p.groups), plain = isPlain(p);
  const stride = plain ? 4 * K : windowBytes(K), panels = plain ? p.t : p.t + p.chunk * stride, channels = ROWS * panelsOf(perGroup);
  for (let group = 0; group < p.groups; group++) {
    for (let first = 0; first < pixels; first += p.chunk) {
      const count = min(p.chunk, pixels - first), x = windows(p, group, first, count, stride);
      for (let o = channels * part; o < perGroup; o += channels * parts) addChannels(p, group * perGroup + o, first, x, stride, panels, count, min(channels, perGroup - o));
    }
  }
}

/** Every weight of `channels` output channels from o on. */
function addChannels(p: Conv2dWeightGrad, o: i32, first: i32, x: usize, stride: i32, panels: usize, count: i32, channels: i32): void {
  const K = p.KH * p.KW * (p.C / p.groups), row = 4 * K, dw = p.dw + o * row;
  for (let r = 0; r < channels; r += ROWS) packChannels(p.dy + 4 * (first * p.O + o + r), 4 * p.O, channels - r - 1, count, panels + 4 * r * count);
  for (let k = 0, columns = 0; k < K; k += columns) {
    columns = min(K - k, K - k > 12 ? 8 : 12);
    for (let r = 0; r < channels; r += ROWS) {
      const panel = panels + 4 * r * count, y = dw + r * row + 4 * k, rest = channels - r - 1;
      if (columns > 8) addWideTile(panel, count, x + 4 * k, stride, y, row, rest, columns);
      else addTile(panel, count, x + 4 * k, stride, y, row, rest, columns);
    }
  }
}

/** Four channels of dy as a panel [count][4]; behind the last, `rest` from the first, stands the last again. */
function packChannels(dy: usize, step: i32, rest: i32, count: i32, to: usize): void {
  const end = to + 4 * ROWS * count, y1 = 4 * min(1, rest), y2 = 4 * min(2, rest);
  if (rest >= 3) for (; to < end; to += 4 * ROWS, dy += step) v128.store(to, v128.load(dy));
  else for (; to < end; to += 4 * ROWS, dy += step) {
    store<f32>(to, load<f32>(dy));
    store<f32>(to, load<f32>(dy + y1), 4);
    store<f32>(to, load<f32>(dy + y2), 8);
    store<f32>(to, load<f32>(dy + y2), 12);
  }
}

/** y[r][0 … columns − 1] += Σ panel[i][r] · x[i], i ascending, for four rows `row` bytes apart; behind the last row stands the last again. Do not unroll: see gemm.rows.f32.ts. */
function addTile(panel: usize, count: i32, x: usize, stride: i32, y0: usize, row: i32, rest: i32, columns: i32): void {
  const y1 = y0 + row * min(1, rest), y2 = y0 + row * min(2, rest), y3 = y0 + row * min(3, rest);
  let c00 = v128.load(y0), c01 = v128.load(y0, 16), c10 = v128.load(y1), c11 = v128.load(y1, 16);
  let c20 = v128.load(y2), c21 = v128.load(y2, 16), c30 = v128.load(y3), c31 = v128.load(y3, 16);
  do {
    const x0 = v128.load(x), x1 = v128.load(x, 16);
    let a = v128.load_splat<f32>(panel);
    c00 = f32x4.add(c00, f32x4.mul(a, x0));
    c01 = f32x4.add(c01, f32x4.mul(a, x1));
    a = v128.load_splat<f32>(panel, 4);
    c10 = f32x4.add(c10, f32x4.mul(a, x0));
    c11 = f32x4.add(c11, f32x4.mul(a, x1));
    a = v128.load_splat<f32>(panel, 8);
    c20 = f32x4.add(c20, f32x4.mul(a, x0));
    c21 = f32x4.add(c21, f32x4.mul(a, x1));
    a = v128.load_splat<f32>(panel, 12);
    c30 = f32x4.add(c30, f32x4.mul(a, x0));
    c31 = f32x4.add(c31, f32x4.mul(a, x1));
    panel += 4 * ROWS;
    x += stride;
  } while (--count);
  storeRow(y0, c00, c01, columns);
  storeRow(y1, c10, c11, columns);
  storeRow(y2, c20, c21, columns);
  storeRow(y3, c30, c31, columns);
}

/** The same for 9 … 12 columns. */
function addWideTile(panel: usize, count: i32, x: usize, stride: i32, y0: usize, row: i32, rest: i32, columns: i32): void {
  const y1 = y0 + row * min(1, rest), y2 = y0 + row * min(2, rest), y3 = y0 + row * min(3, rest);
  let c00 = v128.load(y0), c01 = v128.load(y0, 16), c02 = v128.load(y0, 32), c10 = v128.load(y1), c11 = v128.load(y1, 16), c12 = v128.load(y1, 32);
  let c20 = v128.load(y2), c21 = v128.load(y2, 16), c22 = v128.load(y2, 32), c30 = v128.load(y3), c31 = v128.load(y3, 16), c32 = v128.load(y3, 32);
  do {
    const x0 = v128.load(x), x1 = v128.load(x, 16), x2 = v128.load(x, 32);
    let a = v128.load_splat<f32>(panel);
    c00 = f32x4.add(c00, f32x4.mul(a, x0));
    c01 = f32x4.add(c01, f32x4.mul(a, x1));
    c02 = f32x4.add(c02, f32x4.mul(a, x2));
    a = v128.load_splat<f32>(panel, 4);
    c10 = f32x4.add(c10, f32x4.mul(a, x0));
    c11 = f32x4.add(c11, f32x4.mul(a, x1));
    c12 = f32x4.add(c12, f32x4.mul(a, x2));
    a = v128.load_splat<f32>(panel, 8);
    c20 = f32x4.add(c20, f32x4.mul(a, x0));
    c21 = f32x4.add(c21, f32x4.mul(a, x1));
    c22 = f32x4.add(c22, f32x4.mul(a, x2));
    a = v128.load_splat<f32>(panel, 12);
    c30 = f32x4.add(c30, f32x4.mul(a, x0));
    c31 = f32x4.add(c31, f32x4.mul(a, x1));
    c32 = f32x4.add(c32, f32x4.mul(a, x2));
    panel += 4 * ROWS;
    x += stride;
  } while (--count);
  storeWide(y0, c00, c01, c02, columns);
  storeWide(y1, c10, c11, c12, columns);
  storeWide(y2, c20, c21, c22, columns);
  storeWide(y3, c30, c31, c32, columns);
}

// @ts-ignore: decorator
@inline
function storeWide(y: usize, low: v128, middle: v128, high: v128, columns: i32): void {
  v128.store(y, low);
  storeRow(y + 16, middle, high, columns - 4);
}
