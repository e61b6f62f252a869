import { REFUSED, apart, reads, writes } from "../check";
import { FAST, Output, TWICE, checkOutput, checkedTflite, outputOf } from "../quant/output";
import { Channels, Window, checkConvolution, imageSize, positions, productsOf } from "../window";
import { convolveRelaxed } from "./conv2d.i8.relaxed";
import { convolveScalar } from "./conv2d.i8.scalar";
import { convolveSimd } from "./conv2d.i8.simd";
import { flipsOfHost } from "./dot.relaxed";

/** Parameters of conv2dI8, written by converter/lower/conv.i8.ts: Window, Output, and strides of y in bytes. */
@unmanaged
export class Conv2dI8 extends Window {
  m: usize; grow: usize; zy: i32; lo: i32; hi: i32;
  x: usize; w: usize; b: usize; y: usize; t: usize;
  O: i32; groups: i32; yBatch: i32; yRow: i32; yPixel: i32; zx: i32; zw: i32;
}

// @ts-ignore: decorator
@inline
export function outputOfConv(p: Conv2dI8): Output {
  return changetype<Output>(changetype<usize>(p) + offsetof<Conv2dI8>("m"));
}

/** From this many output pixels on the weights are expanded to i16 first; converter/lower/conv.i8.ts holds the same. */
export const MANY: f64 = 16;

/** Weights with a zero point are always expanded, and lose it. */
export function expands(p: Conv2dI8): bool {
  return positions(p) >= MANY || p.zw != 0;
}

const LIMIT: f64 = 268435456;

/** Lines of the window are runs of bytes in x. */
export function hasRuns(p: Conv2dI8): bool {
  return p.groups == 1 && p.dilationW == 1;
}

/** Bytes of a line of the window, or of one tap where those are no run: even, so that a run begins a pair. */
export function paddedRun(p: Conv2dI8): i32 {
  return ((hasRuns(p) ? p.KW : 1) * (p.C / p.groups) + 1) & ~1;
}

/** Columns of the weights: all runs, padded to a multiple of 4. */
export function weightColumns(p: Conv2dI8): i32 {
  return (p.KH * (hasRuns(p) ? 1 : p.KW) * paddedRun(p) + 3) & ~3;
}

/** One pixel of x gives one of y, in order. */
export function isPointwise(p: Conv2dI8): bool {
  return p.KH == 1 && p.KW == 1 && p.strideH == 1 && p.strideW == 1 && p.padTop == 0 && p.padLeft == 0 && p.groups == 1
    && p.OH == p.H && p.OW == p.W && p.yRow == p.OW * p.yPixel && (p.N == 1 || p.yBatch == p.OH * p.yRow);
}

/** All of x, the packed weights and biases, every output and the scratch lie inside the memory; y leaves the addresses in the scratch alone. */
export function checkConv2dI8(p: Conv2dI8): f64 {
  const channels = changetype<Channels>(changetype<usize>(p) + offsetof<Conv2dI8>("O")), last = checkConvolution(p, channels);
  if (last == REFUSED || !checkOutput(outputOfConv(p), paddedOutputs(p)) || productsOf(p, channels) > LIMIT || positions(p) > LIMIT) return REFUSED;
  const K = <f64>weightColumns(p), O = paddedOutputs(p), run = <f64>paddedRun(p) + 32;
  const scratch = 256 + 8 * (K + 32) + (expands(p) ? 2 * K * O / <f64>p.groups : 0) + 5 * run;
  const inside = reads(p.x, imageSize(p)) && reads(p.w, O * K) && reads(p.b, 4 * O) && writes(p.y, last) && writes(p.t, scratch)
    && apart(p.y, last, p.t, scratch);
  return inside ? positions(p) * O * K : REFUSED;
}

/** Each group padded to a multiple of 8. */
function paddedOutputs(p: Conv2dI8): f64 {
  return <f64>p.groups * Math.ceil(<f64>(p.O / p.groups) / 8) * 8;
}

export function checkConv2dI8Tflite(p: Conv2dI8): f64 {
  const work = checkConv2dI8(p);
  return work == REFUSED ? work : checkedTflite(work, outputOfConv(p), paddedOutputs(p));
}

/**
 * Convolution, int8.
 *   y[n,i,j,o] = output(b[o] + Σ x[n, i·sh + u·dh − top, j·sw + v·dw − left, g·Cg + c] · (w[o,u,v,c] − zw))
 * over u, v, c; g the group of o; x is zx outside. b holds what zx adds: bias − zx · Σ (w − zw).
 * x i8 [N,H,W,C] · w i8 c4 per group [groups][Og/8][K/4][8][4], k = (u,v,c) in runs of paddedRun · b i32 [groups][Og/8][8], m alike
 * y i8, pixel (n,i,j) at n · yBatch + i · yRow + j · yPixel · t scratch. Checked at load by checkConv2dI8.
 * Bit-exact with TFLite integer_ops/conv.h and transpose_conv.h under conv2dI8Tflite.
 */
export function conv2dI8(p: Conv2dI8, part: i32, parts: i32): void {
  convolve(p, FAST, part, parts);
}

export function conv2dI8Tflite(p: Conv2dI8, part: i32, parts: i32): void {
  convolve(p, TWICE, part, parts);
}

function convolve(p: Conv2dI8, rule: i32, part: i32, parts: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    const flips = flipsOfHost();
    if (flips >= 0) return convolveRelaxed(p, rule, flips, part, parts);
  } else if (ASC_FEATURE_SIMD) return convolveSimd(p, rule, part, parts);
  else if (!isDefined(REFERENCE)) return convolveScalar(p, rule, part, parts);
  convolvePlainly(p, rule, part, parts);
}

function convolvePlainly(p: Conv2dI8, rule: i32, part: i32, parts: i32): void {
  const rows = p.N * p.OH, Og = p.O / p.groups, padded = (Og + 7) & ~7;
  for (let row = part; row < rows; row += parts) {
    const n = row / p.OH, i = row % p.OH, x = p.x + n * p.H * p.W * p.C, yi = p.y + n * p.yBatch + i * p.yRow;
    for (let j = 0; j < p.OW; j++) {
      for (let o = 0; o < p.O; o++) {
        const g = o / Og, channel = g * padded + o - g * Og;
        const acc = load<i32>(p.b + 4 * channel) + window(p, x, i * p.strideH - p.padTop, j * p.strideW - p.padLeft, g, channel);
        store<i8>(yi + j * p.yPixel + o, outputOf(outputOfConv(p), rule, acc, channel));
      }
    }
  }
}

/** Σ x · (w − zw) over the window whose first pixel is (top, left). */
function window(p: Conv2dI8, x: usize, top: i32, left: i32, g: i32, channel: i32): i32 {
  const Cg = p.C / p.groups, w = p.w + (channel >> 3) * 8 * weightColumns(p) + (channel & 7) * 4, run = paddedRun(p), runs = hasRuns(p);
  let acc = 0;
  for (let u = 0; u < p.KH; u++) {
    const h = top + u * p.dilationH;
    for (let v = 0; v < p.KW; v++) {
      const l = left + v * p.dilationW, inside = <u32>h < <u32>p.H && <u32>l < <u32>p.W, xc = x + (h * p.W + l) * p.C + g * Cg;
      const first = runs ? u * run + v * Cg : (u * p.KW + v) * run;
      for (let c = 0; c < Cg; c++) {
        const k = first + c;
        acc += (inside ? <i32>load<i8>(xc + c) : p.zx) * (<i32>load<i8>(w + (k >> 2) * 32 + (k & 3)) - p.zw);
      }
    }
  }
  return acc;
}
