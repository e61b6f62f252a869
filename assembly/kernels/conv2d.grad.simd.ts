/** Tiles of 5 output channels × 8 weights: sums stay in registers for a chunk of pixels. The bytes of the loops in conv2d.grad.ts. */
import { Conv2dWeightGrad, ROWS, isPlain, windowBytes, windows } from "./conv2d.grad";
import { storeRow } from "./gemm.f32.simd";

/** Columns of windows that stay in the first cache while all channels go over them. */
const COLUMNS: i32 = 64;

export function weightGradSimd(p: Conv2dWeightGrad, part: i32, parts: i32): void {
  const pixels = p.N * p.OH * p.OW, K = p.KH * p.KW * (p.C / p.groups), plain = isPlain(p);
  const stride = plain ? 4 * K : windowBytes(K), panels = plain ? p.t : p.t + p.chunk * stride;
  for (let group = 0; group < p.groups; group++) {
    for (let first = 0; first < pixels; first += p.chunk) {
      const count = min(p.chunk, pixels - first), x = windows(p, group, first, count, stride);
      packChannels(p, group, first, count, panels);
      for (let k = 0; k < K; k += COLUMNS) addColumns(p, group, x, stride, panels, count, k, min(K, k + COLUMNS), part, parts);
    }
  }
}

/** dy of the group as panels [count][5], one for every five channels; the last channel stands for those behind it. */
function packChannels(p: Conv2dWeightGrad, group: i32, first: i32, count: i32, to: usize): void {
  const perGroup = p.O / p.groups, step = 4 * p.O;
  for (let o = 0; o < perGroup; o += ROWS) {
    let from = p.dy + first * step + 4 * (group * perGroup + o);
    const end = from + count * step, rest = perGroup - o - 1, o1 = 4 * min(1, rest), o2 = 4 * min(2, rest), o3 = 4 * min(3, rest), o4 = 4 * min(4, rest);
    if (rest >= 4) for (; from < end; from += step, to += 4 * ROWS) {
      v128.store(to, v128.load(from));
      store<f32>(to, load<f32>(from, 16), 16);
    }
    else for (; from < end; from += step, to += 4 * ROWS) {
      store<f32>(to, load<f32>(from));
      store<f32>(to, load<f32>(from + o1), 4);
      store<f32>(to, load<f32>(from + o2), 8);
      store<f32>(to, load<f32>(from + o3), 12);
      store<f32>(to, load<f32>(from + o4), 16);
    }
  }
}

/** Weights k … end of every channel of the group. */
function addColumns(p: Conv2dWeightGrad, group: i32, x: usize, stride: i32, panels: usize, count: i32, k: i32, end: i32, part: i32, parts: i32): void {
  const perGroup = p.O / p.groups, row = 4 * p.KH * p.KW * (p.C / p.groups);
  for (let o = ROWS * part; o < perGroup; o += ROWS * parts) {
    const dw = p.dw + (group * perGroup + o) * row, panel = panels + 4 * o * count;
    for (let i = k; i < end; i += 8) addTile(panel, count, x + 4 * i, stride, dw + 4 * i, row, perGroup - o - 1, min(8, end - i));
  }
}

/** y[r][0 … columns − 1] += Σ panel[i][r] · x[i], i ascending, for five rows `row` bytes apart; behind the last row stands the last again. Do not unroll: see gemm.f32.simd.ts. */
function addTile(panel: usize, count: i32, x: usize, stride: i32, y0: usize, row: i32, rest: i32, columns: i32): void {
  const y1 = y0 + row * min(1, rest), y2 = y0 + row * min(2, rest), y3 = y0 + row * min(3, rest), y4 = y0 + row * min(4, rest);
  let c00 = v128.load(y0), c01 = v128.load(y0, 16), c10 = v128.load(y1), c11 = v128.load(y1, 16), c20 = v128.load(y2), c21 = v128.load(y2, 16);
  let c30 = v128.load(y3), c31 = v128.load(y3, 16), c40 = v128.load(y4), c41 = v128.load(y4, 16);
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
    a = v128.load_splat<f32>(panel, 16);
    c40 = f32x4.add(c40, f32x4.mul(a, x0));
    c41 = f32x4.add(c41, f32x4.mul(a, x1));
    panel += 4 * ROWS;
    x += stride;
  } while (--count);
  storeRow(y0, c00, c01, columns);
  storeRow(y1, c10, c11, columns);
  storeRow(y2, c20, c21, columns);
  storeRow(y3, c30, c31, columns);
  storeRow(y4, c40, c41, columns);
}
