import { REFUSED, between, reads, size, writes } from "../check";
import { FAST, Output, TWICE, checkOutput, checkedTflite, outputOf } from "../quant/output";
import { Window, checkWindow, imageSize, positions, taps } from "../window";
import { depthwiseRelaxed, hasFours } from "./depthwise.i8.relaxed";
import { depthwiseScalar } from "./depthwise.i8.scalar";
import { depthwiseSimd } from "./depthwise.i8.simd";
import { flipsOfHost } from "./dot.relaxed";

/** Parameters of depthwiseI8, written by converter/lower/conv.i8.ts: Window and Output first. strip: rows of y that depthwise.i8.simd.ts computes at a time */
@unmanaged
export class DepthwiseI8 extends Window {
  m: usize; grow: usize; zy: i32; lo: i32; hi: i32;
  x: usize; w: usize; b: usize; y: usize; t: usize;
  multiplier: i32; zx: i32; strip: i32;
}

// @ts-ignore: decorator
@inline
export function outputOfDepthwise(p: DepthwiseI8): Output {
  return changetype<Output>(changetype<usize>(p) + offsetof<DepthwiseI8>("m"));
}

/** All of x, the weights, every output and the scratch lie inside the memory; padding does not crop. */
export function checkDepthwiseI8(p: DepthwiseI8): f64 {
  if (!checkWindow(p) || !size(p.multiplier) || !between(p.strip, 1, p.OH) || p.padTop < 0 || p.padLeft < 0) return REFUSED;
  const O = <f64>p.C * <f64>p.multiplier, padded = Math.ceil(O / 8) * 8, pairs = Math.ceil(<f64>p.KW / 2);
  const inside = reads(p.x, imageSize(p)) && reads(p.w, padded * <f64>p.KH * pairs * 2) && reads(p.b, 4 * padded)
    && checkOutput(outputOfDepthwise(p), padded) && writes(p.y, positions(p) * O) && writes(p.t, 32 * <f64>stripLines(p, p.strip) * <f64>columnsOf(p) + 16);
  return inside ? 2 * taps(p) * padded : REFUSED;
}

/** Columns of a padded line at which pairs of taps start. */
export function columnsOf(p: DepthwiseI8): i32 {
  return (p.OW - 1) * p.strideW + (((p.KW + 1) & ~1) - 2) * p.dilationW + 1;
}

/** Lines of x under `rows` rows of y. */
export function stripLines(p: DepthwiseI8, rows: i32): i32 {
  return (rows - 1) * p.strideH + (p.KH - 1) * p.dilationH + 1;
}

export function checkDepthwiseI8Tflite(p: DepthwiseI8): f64 {
  const work = checkDepthwiseI8(p);
  return work == REFUSED ? work : checkedTflite(work, outputOfDepthwise(p), Math.ceil(<f64>p.C * <f64>p.multiplier / 8) * 8);
}

/**
 * Depthwise convolution, int8.
 *   y[n,i,j,o] = output(b[o] + Σ x[n, i·sh + u·dh − top, j·sw + v·dw − left, o / multiplier] · w[u,v,o]) over u, v
 * x is zx outside; b holds what zx adds: bias − zx · Σ w.
 * x i8 [N,H,W,C] · w i8 [O/8][KH][ceil(KW/2)][8][2], odd taps zero · b i32 [O], m alike, padded to 8 · y i8 [N,OH,OW,O] · t scratch
 * Checked at load by checkDepthwiseI8. Bit-exact with TFLite integer_ops/depthwise_conv.h under depthwiseI8Tflite.
 */
export function depthwiseI8(p: DepthwiseI8, part: i32, parts: i32): void {
  depthwise(p, FAST, part, parts);
}

export function depthwiseI8Tflite(p: DepthwiseI8, part: i32, parts: i32): void {
  depthwise(p, TWICE, part, parts);
}

function depthwise(p: DepthwiseI8, rule: i32, part: i32, parts: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    const flips = flipsOfHost();
    if (flips >= 0 && hasFours(p)) return depthwiseRelaxed(p, rule, flips, part, parts);
  } else if (ASC_FEATURE_SIMD) return depthwiseSimd(p, rule, part, parts);
  else if (!isDefined(REFERENCE)) return depthwiseScalar(p, rule, part, parts);
  depthwisePlainly(p, rule, part, parts);
}

function depthwisePlainly(p: DepthwiseI8, rule: i32, part: i32, parts: i32): void {
  const rows = p.N * p.OH, O = p.C * p.multiplier;
  for (let row = part; row < rows; row += parts) {
    const n = row / p.OH, i = row % p.OH, x = p.x + n * p.H * p.W * p.C;
    for (let j = 0; j < p.OW; j++) {
      const y = p.y + (row * p.OW + j) * O;
      for (let o = 0; o < O; o++) {
        const acc = load<i32>(p.b + 4 * o) + window(p, x + o / p.multiplier, i * p.strideH - p.padTop, j * p.strideW - p.padLeft, o);
        store<i8>(y + o, outputOf(outputOfDepthwise(p), rule, acc, o));
      }
    }
  }
}

/** Σ x · w over the window whose first pixel is (top, left); x: the channel of o. */
function window(p: DepthwiseI8, x: usize, top: i32, left: i32, o: i32): i32 {
  const pairs = (p.KW + 1) >> 1, w = p.w + (o >> 3) * p.KH * pairs * 16 + (o & 7) * 2;
  let acc = 0;
  for (let u = 0; u < p.KH; u++) {
    const h = top + u * p.dilationH;
    for (let v = 0; v < p.KW; v++) {
      const l = left + v * p.dilationW, inside = <u32>h < <u32>p.H && <u32>l < <u32>p.W;
      acc += (inside ? <i32>load<i8>(x + (h * p.W + l) * p.C) : p.zx) * load<i8>(w + (u * pairs + (v >> 1)) * 16 + (v & 1));
    }
  }
  return acc;
}
