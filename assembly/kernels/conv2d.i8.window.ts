/** The bytes under one window of conv2dI8 as a row of its own. */
import { Conv2dI8, hasRuns, paddedRun } from "./conv2d.i8";

/** Copies the window of an output pixel for group g; returns the pixel's place in y. */
export function packPixel(p: Conv2dI8, pixel: i32, g: i32, to: usize): usize {
  const row = pixel / p.OW, j = pixel - row * p.OW, n = row / p.OH, i = row - n * p.OH;
  packWindow(p, n, i, j, g * (p.C / p.groups), to);
  return p.y + n * p.yBatch + i * p.yRow + j * p.yPixel + g * (p.O / p.groups);
}

/** Run by run, zero points where the window leaves x; up to 15 bytes behind it are overwritten. */
function packWindow(p: Conv2dI8, n: i32, i: i32, j: i32, channel: i32, to: usize): void {
  const runs = hasRuns(p), columns = runs ? 1 : p.KW, wide = runs ? p.KW : 1, C = p.C, bytes = wide * (C / p.groups), run = paddedRun(p);
  const x = p.x + n * p.H * p.W * C + channel, left = j * p.strideW - p.padLeft;
  for (let u = 0, h = i * p.strideH - p.padTop; u < p.KH; u++, h += p.dilationH) {
    for (let v = 0, l = left; v < columns; v++, l += p.dilationW, to += run) {
      const from = x + (h * p.W + l) * C, inside = <u32>h < <u32>p.H;
      if (inside && l >= 0 && l + wide <= p.W) copyRun(from, to, bytes);
      else {
        fillRun(to, bytes, p.zx);
        if (inside && runs) for (let k = min(max(0, -l), wide) * C, end = max(0, min(wide, p.W - l)) * C; k < end; k++) store<u8>(to + k, load<u8>(from + k));
      }
    }
  }
}

/** Whole groups of 16 or 8 bytes. */
// @ts-ignore: decorator
@inline
function copyRun(from: usize, to: usize, count: i32): void {
  if (ASC_FEATURE_SIMD) for (const end = from + count; from < end; from += 16, to += 16) v128.store(to, v128.load(from));
  else for (const end = from + count; from < end; from += 8, to += 8) store<u64>(to, load<u64>(from));
}

// @ts-ignore: decorator
@inline
function fillRun(to: usize, count: i32, value: i32): void {
  if (ASC_FEATURE_SIMD) for (const end = to + count; to < end; to += 16) v128.store(to, i8x16.splat(<i8>value));
  else for (const end = to + count; to < end; to += 8) store<u64>(to, <u64><u8>value * 0x0101010101010101);
}
