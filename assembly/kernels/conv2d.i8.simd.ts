/**
 * conv2dI8 in SIMD: implicit im2col. For four output pixels at a time the bytes under the window are packed into a panel,
 * run by run; a run that leaves x is read from a row of zero points or put together beside it, so the core never sees
 * padding. The last block repeats its last pixel.
 */
import { Conv2dI8, expands, hasRuns, isPointwise, outputOfConv, paddedRun, weightColumns } from "./conv2d.i8";
import { expandWeights, multiplyPanel, multiplyRow, packRows, widenRow } from "./gemm.i8.simd";

/** What one output pixel sees: its first tap in x, for channel 0 of the group, and its position there. `copy`: a run of its own */
@unmanaged
class Patch {
  x: usize; y: usize; copy: usize;
  top: i32; left: i32;
}

/** In scratch: 4 patches · sums of multiplyPanel · panel or row of i16 · expanded weights of one group · 4 runs · a run of zero points */
const PATCH: usize = 32, PANEL: usize = 256;

export function convolveSimd(p: Conv2dI8, rule: i32, part: i32, parts: i32): void {
  const Og = p.O / p.groups, padded = (Og + 7) & ~7, K = weightColumns(p), pixels = p.N * p.OH * p.OW, expand = expands(p), run = paddedRun(p) + 32;
  const panel = p.t + PANEL, expanded = panel + 8 * (K + 32), copies = expanded + (expand ? 2 * padded * K : 0), zeros = copies + 4 * run;
  memory.fill(zeros, <u8>p.zx, run);
  for (let r = 0; r < 4; r++) patch(p, r).copy = copies + r * run;
  for (let g = 0; g < p.groups; g++) {
    const o = g * padded, w = p.w + o * K, b = p.b + 4 * o, channel = g * (p.C / p.groups), step = expand ? 4 : 1;
    if (expand) {
      expandWeights(w, padded * K, expanded, p.zw);
      if (isPointwise(p)) {
        multiplyPixels(p, rule, panel, expanded, part, parts);
        continue;
      }
    }
    for (let first = step * part; first < pixels; first += step * parts) {
      const row = first / p.OW, n = row / p.OH, i = row - n * p.OH, j = first - row * p.OW;
      if (expand) {
        if (!packInterior(p, n, i, j, panel)) {
          placePatches(p, n, i, j, min(pixels - first, 4), channel, g * Og);
          packPatches(p, zeros, panel);
        }
        multiplyPanel(outputOfConv(p), rule, panel, 8 * K, expanded, b, o, Og, patch(p, 0).y, patch(p, 1).y, patch(p, 2).y, patch(p, 3).y);
      } else {
        placePatches(p, n, i, j, 1, channel, g * Og);
        widenPatch(p, zeros, panel);
        multiplyRow(outputOfConv(p), rule, panel, 2 * K, w, b, 0, o, Og, patch(p, 0).y);
      }
    }
  }
}

/** Four pixels from (n,i,j) on, where they stand in one line of y and all of their taps lie in x; false where not. */
function packInterior(p: Conv2dI8, n: i32, i: i32, j: i32, panel: usize): bool {
  const top = i * p.strideH - p.padTop, left = j * p.strideW - p.padLeft, across = p.strideW * p.C;
  if (!hasRuns(p) || j + 4 > p.OW || (top | left) < 0 || top + (p.KH - 1) * p.dilationH >= p.H || left + 3 * p.strideW + p.KW > p.W) return false;
  const run = paddedRun(p), line = p.dilationH * p.W * p.C, y = p.y + n * p.yBatch + i * p.yRow + j * p.yPixel;
  for (let r = 0; r < 4; r++) patch(p, r).y = y + r * p.yPixel;
  for (let x = p.x + ((n * p.H + top) * p.W + left) * p.C, end = x + p.KH * line; x < end; x += line, panel += 8 * run) packRows(x, x + across, x + 2 * across, x + 3 * across, run, panel);
  return true;
}

/** Pointwise: patches need no place. */
function multiplyPixels(p: Conv2dI8, rule: i32, panel: usize, w: usize, part: i32, parts: i32): void {
  const C = p.C, last = p.N * p.OH * p.OW - 1, K = weightColumns(p), to = p.yPixel;
  for (let first = 4 * part; first <= last; first += 4 * parts) {
    const b = min(first + 1, last), c = min(first + 2, last), d = min(first + 3, last);
    packRows(p.x + first * C, p.x + b * C, p.x + c * C, p.x + d * C, C, panel);
    multiplyPanel(outputOfConv(p), rule, panel, 8 * K, w, p.b, 0, p.O, p.y + first * to, p.y + b * to, p.y + c * to, p.y + d * to);
  }
}

// @ts-ignore: decorator
@inline
function patch(p: Conv2dI8, r: i32): Patch {
  return changetype<Patch>(p.t + <usize>r * PATCH);
}

/** Patches of `count` pixels from (n,i,j) on; the rest repeats the last. */
function placePatches(p: Conv2dI8, n: i32, i: i32, j: i32, count: i32, channel: i32, output: i32): void {
  for (let r = 0; r < 4; r++) {
    const at = patch(p, r), top = i * p.strideH - p.padTop, left = j * p.strideW - p.padLeft;
    at.top = top;
    at.left = left;
    at.x = p.x + ((n * p.H + top) * p.W + left) * p.C + channel;
    at.y = p.y + n * p.yBatch + i * p.yRow + j * p.yPixel + output;
    if (r + 1 >= count || ++j < p.OW) continue;
    j = 0;
    if (++i < p.OH) continue;
    i = 0;
    n++;
  }
}

function packPatches(p: Conv2dI8, zeros: usize, panel: usize): void {
  const a = patch(p, 0), b = patch(p, 1), c = patch(p, 2), d = patch(p, 3), runs = hasRuns(p), columns = runs ? 1 : p.KW, run = paddedRun(p);
  for (let u = 0; u < p.KH; u++) {
    for (let v = 0; v < columns; v++, panel += 8 * run) {
      packRows(runOf(p, a, u, v, runs, zeros), runOf(p, b, u, v, runs, zeros), runOf(p, c, u, v, runs, zeros), runOf(p, d, u, v, runs, zeros), run, panel);
    }
  }
}

function widenPatch(p: Conv2dI8, zeros: usize, to: usize): void {
  const a = patch(p, 0), runs = hasRuns(p), columns = runs ? 1 : p.KW, run = paddedRun(p);
  for (let u = 0; u < p.KH; u++) for (let v = 0; v < columns; v++, to += 2 * run) widenRow(runOf(p, a, u, v, runs, zeros), run, to);
}

/** Address of the bytes of line u of the window, or where those are no run of tap (u,v). */
function runOf(p: Conv2dI8, at: Patch, u: i32, v: i32, runs: bool, zeros: usize): usize {
  const h = u * p.dilationH, l = at.left + v * p.dilationW, x = at.x + (h * p.W + v * p.dilationW) * p.C;
  if (<u32>(at.top + h) >= <u32>p.H) return zeros;
  if (!runs) return <u32>l < <u32>p.W ? x : zeros;
  return l >= 0 && l + p.KW <= p.W ? x : copied(p, at, x, zeros);
}

/** A run that begins before or ends behind its line of x: zero points, bytes, zero points. */
function copied(p: Conv2dI8, at: Patch, x: usize, zeros: usize): usize {
  const C = p.C, first = min(max(0, -at.left), p.KW) * C, end = max(min(p.W - at.left, p.KW) * C, first), to = at.copy;
  copyBytes(zeros, to, first);
  copyBytes(x + first, to + first, end - first);
  copyBytes(zeros, to + end, p.KW * C - end);
  return to;
}

/** Up to 15 bytes behind them are overwritten. */
// @ts-ignore: decorator
@inline
function copyBytes(from: usize, to: usize, count: i32): void {
  for (let i = 0; i < count; i += 16) v128.store(to + i, v128.load(from + i));
}
