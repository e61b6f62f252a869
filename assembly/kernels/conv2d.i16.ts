import { REFUSED, reads, writes } from "../check";
import { requantizeOnce, requantizeTflite } from "../quant/requantize.tflite";
import { Channels, Window, checkConvolution, imageSize, positions, productsOf } from "../window";

/** Parameters of conv2dI16, written by converter/lower/conv.i16.ts: strides of y in elements; `wide`: which rule m is for. */
@unmanaged
export class Conv2dI16 extends Window {
  x: usize; w: usize; b: usize; m: usize; y: usize;
  O: i32; groups: i32; yBatch: i32; yRow: i32; yPixel: i32; wide: i32; lo: i32; hi: i32;
}

export function checkConv2dI16(p: Conv2dI16): f64 {
  const channels = changetype<Channels>(changetype<usize>(p) + offsetof<Conv2dI16>("O")), last = checkConvolution(p, channels);
  if (last == REFUSED) return REFUSED;
  const O = <f64>p.O, work = O * productsOf(p, channels);
  const inside = reads(p.x, 2 * imageSize(p)) && reads(p.w, work) && reads(p.b, 8 * O) && reads(p.m, 12 * O) && writes(p.y, 2 * last);
  return inside ? positions(p) * work : REFUSED;
}

/**
 * Convolution of int16 by int8 weights, symmetric.
 *   y[n,i,j,o] = clamp(r(b[o] + Σ x[n, i·sh + u·dh − top, j·sw + v·dw − left, g·Cg + c] · w[o,u,v,c])) over u, v, c
 * wide: r(s) = (s · m0 + 2^(m1 − 1)) >> m1 in 64 bits, else requantizeTflite(s · m2, m0, m1) in 32
 * x i16 [N,H,W,C] · w i8 [O,KH,KW,Cg] · b i64 [O] · m i32 [O][3] · y i16; output rows part, part + parts, …
 * Checked at load by checkConv2dI16. Bit-exact with TFLite integer_ops/conv.h, depthwise_conv.h, fully_connected.h and transpose_conv.h.
 */
export function conv2dI16(p: Conv2dI16, part: i32, parts: i32): void {
  convolve(p, p.wide ? WIDE : TWICE, part, parts);
}

/** The same with r(s) = round(s · m) of a multiplier f64 [O] every 12 bytes, halves away from zero: TFLite's fully connected layer. */
export function denseI16Tflite(p: Conv2dI16, part: i32, parts: i32): void {
  convolve(p, REAL, part, parts);
}

const TWICE: i32 = 0, WIDE: i32 = 1, REAL: i32 = 2;

function convolve(p: Conv2dI16, rule: i32, part: i32, parts: i32): void {
  const rows = p.N * p.OH, Og = p.O / p.groups;
  for (let row = part; row < rows; row += parts) {
    const n = row / p.OH, i = row % p.OH, yi = p.y + 2 * (n * p.yBatch + i * p.yRow);
    for (let j = 0; j < p.OW; j++) for (let o = 0; o < p.O; o++) {
      const sum = load<i64>(p.b + 8 * o) + window(p, n, i * p.strideH - p.padTop, j * p.strideW - p.padLeft, o / Og, o);
      store<i16>(yi + 2 * (j * p.yPixel + o), <i16>min(max(scaled(sum, p.m + 12 * o, rule), p.lo), p.hi));
    }
  }
}

/** Σ x · w over the window whose first pixel is (top, left). */
function window(p: Conv2dI16, n: i32, top: i32, left: i32, g: i32, o: i32): i64 {
  const Cg = p.C / p.groups;
  let acc: i64 = 0, w = p.w + o * p.KH * p.KW * Cg;
  for (let u = 0; u < p.KH; u++) for (let v = 0; v < p.KW; v++, w += Cg) {
    const h = top + u * p.dilationH, l = left + v * p.dilationW;
    if (<u32>h >= <u32>p.H || <u32>l >= <u32>p.W) continue;
    const x = p.x + 2 * (((n * p.H + h) * p.W + l) * p.C + g * Cg);
    for (let c = 0; c < Cg; c++) acc += <i64>(<i32>load<i16>(x + 2 * c) * <i32>load<i8>(w + c));
  }
  return acc;
}

function scaled(sum: i64, m: usize, rule: i32): i32 {
  if (rule == REAL) return requantizeOnce(<f64>sum, load<f64>(m));
  if (rule == TWICE) return requantizeTflite(<i32>sum * load<i32>(m, 8), load<i32>(m), load<i32>(m, 4));
  const shift = <i64>load<i32>(m, 4);
  return <i32>((sum * <i64>load<i32>(m) + (<i64>1 << (shift - 1))) >> shift);
}
