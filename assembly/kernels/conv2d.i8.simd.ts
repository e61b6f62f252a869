/**
 * conv2dI8 in SIMD: implicit im2col. For four output pixels at a time the patches under the window are packed into a panel; taps outside
 * of x read a row of zero points, so the core never sees padding. The last block repeats its last pixel.
 */
import { Conv2dI8, expands, outputOfConv } from "./conv2d.i8";
import { expandWeights, multiplyPanel, multiplyRow, packRows, widenRow } from "./gemm.i8.simd";

/** What one output pixel sees: its first tap in x, for channel 0 of the group, and its position there. */
@unmanaged
class Patch {
  x: usize; y: usize;
  top: i32; left: i32;
}

/** In scratch: 4 patches · sums of multiplyPanel · panel or row of i16 · expanded weights of one group · 4 rows i8 [K] · zero points [Cg] */
const PATCH: usize = offsetof<Patch>(), PANEL: usize = 192;

// @ts-ignore: decorator
@inline
function rowBytes(K: i32): usize {
  return K + 32;
}

export function convolveSimd<M>(p: Conv2dI8, part: i32, parts: i32): void {
  const Cg = p.C / p.groups, Og = p.O / p.groups, padded = (Og + 7) & ~7, K = (p.KH * p.KW * Cg + 3) & ~3, pixels = p.N * p.OH * p.OW, expand = expands(p);
  const panel = p.t + PANEL, expanded = panel + 8 * rowBytes(K), rows = expanded + (expand ? 2 * padded * K : 0), zeros = rows + 4 * rowBytes(K);
  memory.fill(zeros, <u8>p.zx, Cg + 16);
  for (let g = 0; g < p.groups; g++) {
    const o = g * padded, w = p.w + o * K, b = p.b + 4 * o;
    if (expand) {
      expandWeights(w, padded * K, expanded, p.zw);
      for (let first = 4 * part; first < pixels; first += 4 * parts) {
        placePatches(p, first, min(pixels - first, 4), g * Cg, g * Og);
        packPatches(p, zeros, rows, panel, K, Cg);
        multiplyPanel<M>(outputOfConv(p), panel, 8 * K, expanded, b, o, Og, at(p, 0).y, at(p, 1).y, at(p, 2).y, at(p, 3).y);
      }
    } else {
      for (let first = part; first < pixels; first += parts) {
        placePatches(p, first, 1, g * Cg, g * Og);
        copyPatch(p, at(p, 0), rows, zeros, Cg);
        widenRow(rows, K, panel);
        multiplyRow<M>(outputOfConv(p), panel, 2 * K, w, b, 0, o, Og, at(p, 0).y);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function at(p: Conv2dI8, r: i32): Patch {
  return changetype<Patch>(p.t + <usize>r * PATCH);
}

/** Patches of pixels first … first + count − 1; the rest repeats the last. */
function placePatches(p: Conv2dI8, first: i32, count: i32, channel: i32, output: i32): void {
  const row = first / p.OW;
  let n = row / p.OH, i = row - n * p.OH, j = first - row * p.OW;
  for (let r = 0; r < 4; r++) {
    const patch = at(p, r), top = i * p.strideH - p.padTop, left = j * p.strideW - p.padLeft;
    patch.top = top;
    patch.left = left;
    patch.x = p.x + ((n * p.H + top) * p.W + left) * p.C + channel;
    patch.y = p.y + n * p.yBatch + i * p.yRow + j * p.yPixel + output;
    if (r + 1 >= count || ++j < p.OW) continue;
    j = 0;
    if (++i < p.OH) continue;
    i = 0;
    n++;
  }
}

/** All taps lie inside of x. */
// @ts-ignore: decorator
@inline
function isInside(p: Conv2dI8, patch: Patch): bool {
  return patch.top >= 0 && patch.left >= 0 && patch.top + (p.KH - 1) * p.dilationH < p.H && patch.left + (p.KW - 1) * p.dilationW < p.W;
}

/** Rows of the kernel are runs of bytes in x. */
// @ts-ignore: decorator
@inline
function hasRuns(p: Conv2dI8): bool {
  return p.groups == 1 && p.dilationW == 1;
}

function packPatches(p: Conv2dI8, zeros: usize, rows: usize, panel: usize, K: i32, Cg: i32): void {
  const a = at(p, 0), b = at(p, 1), c = at(p, 2), d = at(p, 3);
  const inside = isInside(p, a) && isInside(p, b) && isInside(p, c) && isInside(p, d), runs = inside && hasRuns(p), run = runs ? p.KW * Cg : Cg;
  if (p.KH * p.KW > 1 && (run & 1 || run < 8)) return packCopies(p, zeros, rows, panel, K, Cg);
  const columns = runs ? 1 : p.KW, stepH = p.dilationH * p.W * p.C, stepW = p.dilationW * p.C;
  for (let u = 0; u < p.KH; u++) {
    for (let v = 0; v < columns; v++, panel += 8 * run) {
      const tap = u * stepH + v * stepW;
      if (inside) packRows(a.x + tap, b.x + tap, c.x + tap, d.x + tap, run, panel);
      else packRows(tapOf(p, a, u, v, tap, zeros), tapOf(p, b, u, v, tap, zeros), tapOf(p, c, u, v, tap, zeros), tapOf(p, d, u, v, tap, zeros), run, panel);
    }
  }
}

/** Address of a tap, or of the zero points where it lies outside of x. */
// @ts-ignore: decorator
@inline
function tapOf(p: Conv2dI8, patch: Patch, u: i32, v: i32, tap: usize, zeros: usize): usize {
  const inside = <u32>(patch.top + u * p.dilationH) < <u32>p.H && <u32>(patch.left + v * p.dilationW) < <u32>p.W;
  return select<usize>(patch.x + tap, zeros, inside);
}

/** Taps of few or an odd number of bytes are put side by side first. */
function packCopies(p: Conv2dI8, zeros: usize, rows: usize, panel: usize, K: i32, Cg: i32): void {
  const step = rowBytes(K);
  for (let r = 0; r < 4; r++) copyPatch(p, at(p, r), rows + <usize>r * step, zeros, Cg);
  packRows(rows, rows + step, rows + 2 * step, rows + 3 * step, K, panel);
}

/** The taps of a patch side by side; up to 15 bytes behind them are overwritten. */
function copyPatch(p: Conv2dI8, patch: Patch, to: usize, zeros: usize, Cg: i32): void {
  const inside = isInside(p, patch), runs = inside && hasRuns(p), run = runs ? p.KW * Cg : Cg, columns = runs ? 1 : p.KW;
  const stepH = p.dilationH * p.W * p.C, stepW = p.dilationW * p.C;
  for (let u = 0; u < p.KH; u++) {
    for (let v = 0; v < columns; v++, to += run) {
      const from = tapOf(p, patch, u, v, u * stepH + v * stepW, zeros);
      for (let i = 0; i < run; i += 16) v128.store(to + i, v128.load(from + i));
    }
  }
}
