/** A window that slides over an image x [N,H,W,C]: what convolutions and pools share. Pads may be negative: they crop. */
import { REFUSED, between, size, sizes } from "./check";

@unmanaged
export class Window {
  N: i32; H: i32; W: i32; C: i32; OH: i32; OW: i32; KH: i32; KW: i32;
  strideH: i32; strideW: i32; dilationH: i32; dilationW: i32; padTop: i32; padLeft: i32;
}

const LIMIT: i32 = 1 << 28;

/** Sizes are sizes, and no coordinate of a tap overflows. */
export function checkWindow(p: Window): bool {
  return sizes(p.N, p.H, p.W, p.C) && sizes(p.OH, p.OW, p.KH, p.KW) && sizes(p.strideH, p.strideW, p.dilationH, p.dilationW)
    && between(p.padTop, -LIMIT, LIMIT) && between(p.padLeft, -LIMIT, LIMIT)
    && inReach(p.OH, p.strideH) && inReach(p.OW, p.strideW) && inReach(p.KH, p.dilationH) && inReach(p.KW, p.dilationW);
}

function inReach(count: i32, step: i32): bool {
  return <f64>count * <f64>step <= <f64>LIMIT;
}

/** Channels, groups and strides of what a convolution writes, in elements; part of its parameters. */
@unmanaged
export class Channels {
  O: i32; groups: i32; yBatch: i32; yRow: i32; yPixel: i32;
}

/** Elements from y to the last output of a convolution, or REFUSED where window, channels and groups are none. */
export function checkConvolution(p: Window, q: Channels): f64 {
  if (!checkWindow(p) || !size(q.O) || !size(q.groups) || p.C % q.groups || q.O % q.groups) return REFUSED;
  if (!between(q.yBatch, 0, LIMIT) || !between(q.yRow, 0, LIMIT) || !between(q.yPixel, 0, LIMIT)) return REFUSED;
  return <f64>(p.N - 1) * <f64>q.yBatch + <f64>(p.OH - 1) * <f64>q.yRow + <f64>(p.OW - 1) * <f64>q.yPixel + <f64>q.O;
}

/** Products for one output. */
export function productsOf(p: Window, q: Channels): f64 {
  return <f64>p.KH * <f64>p.KW * <f64>(p.C / q.groups);
}

/** Elements of the image. */
export function imageSize(p: Window): f64 {
  return <f64>p.N * <f64>p.H * <f64>p.W * <f64>p.C;
}

/** Bytes of the image in float32. */
export function imageBytes(p: Window): f64 {
  return 4 * imageSize(p);
}

/** Pixels of the output. */
export function positions(p: Window): f64 {
  return <f64>p.N * <f64>p.OH * <f64>p.OW;
}

/** Taps of all outputs of one channel. */
export function taps(p: Window): f64 {
  return positions(p) * <f64>p.KH * <f64>p.KW;
}

/** The first of the taps start + k · dilation that is not below 0. */
export function firstTap(start: i32, dilation: i32): i32 {
  return start >= 0 ? 0 : (dilation - 1 - start) / dilation;
}

/** How many of the first `taps` taps start + k · dilation lie below `size`. */
export function endTap(start: i32, dilation: i32, taps: i32, size: i32): i32 {
  if (start + (taps - 1) * dilation < size) return taps;
  return start >= size ? 0 : (size - start + dilation - 1) / dilation;
}
