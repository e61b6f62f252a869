/** conv2dI8 without SIMD: the windows of two output pixels are packed into rows; half of a group's weights at a time stand as pairs. */
import { Conv2dI8, expands, outputOfConv, weightColumns } from "./conv2d.i8";
import { packPixel } from "./conv2d.i8.window";
import { expandPairs, multiplyPairs, multiplyRowPlain } from "./gemm.i8.scalar";

/** In scratch: two rows, apart by K and what packing writes too much · where conv2d.i8.simd.ts has its panel's end: pairs */
const GAP: i32 = 16;

export function convolveScalar(p: Conv2dI8, rule: i32, part: i32, parts: i32): void {
  const Og = p.O / p.groups, padded = (Og + 7) & ~7, half = padded >> 1, K = weightColumns(p), pixels = p.N * p.OH * p.OW, output = outputOfConv(p);
  const row = p.t, next = row + K + GAP, pairs = row + 8 * (K + 32);
  for (let g = 0; g < p.groups; g++) {
    const o = g * padded, w = p.w + o * K, b = p.b + 4 * o;
    if (!expands(p)) {
      for (let i = part; i < pixels; i += parts) {
        const y = packPixel(p, i, g, row);
        multiplyRowPlain(output, rule, row, K, w, b, 0, o, Og, y);
      }
    } else for (let first = 0; first < Og; first += half) {
      expandPairs(w, K, first, half, p.zw, pairs);
      for (let i = 2 * part; i < pixels; i += 2 * parts) {
        const y0 = packPixel(p, i, g, row) + first, y1 = packPixel(p, min(i + 1, pixels - 1), g, next) + first;
        multiplyPairs(output, rule, row, next, K, pairs, b + 4 * first, o + first, min(half, Og - first), y0, y1);
      }
    }
  }
}
