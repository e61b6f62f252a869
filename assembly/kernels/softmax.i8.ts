import { REFUSED, between, reads, sizes, writes } from "../check";
import { log } from "../functions/slow";
import { clampRounded } from "../quant/requantize";
import { roundedHigh } from "../quant/requantize.tflite";

/** Parameters of softmaxI8, logSoftmaxI8 and softmaxI8Tflite, written by converter/lower/softmax.i8.ts. scale: of y · step: sx / sy */
@unmanaged
export class SoftmaxI8 {
  x: usize; e: usize; y: usize;
  outer: i32; n: i32; inner: i32; zy: i32;
  scale: f32; step: f32;
}

export function checkSoftmaxI8(p: SoftmaxI8): f64 {
  if (!sizes(p.outer, p.n, p.inner) || !between(p.zy, -128, 127)) return REFUSED;
  const total = <f64>p.outer * <f64>p.n * <f64>p.inner;
  return reads(p.x, total) && reads(p.e, 1024) && writes(p.y, total) ? 4 * total : REFUSED;
}

/**
 * Softmax of int8 along the middle axis.
 *   y = clamp(zy + round(e[m − x] / (Σ e[m − x] · scale))), m the largest x of the line, the sum in order
 * x, y i8 [outer,n,inner] · e f32 [256], e[d] = e^(−d · sx); lines part, part + parts, … Checked at load by checkSoftmaxI8.
 */
export function softmaxI8(p: SoftmaxI8, part: i32, parts: i32): void {
  const lines = p.outer * p.inner, step = p.inner;
  for (let line = part; line < lines; line += parts) {
    const first = line / step * p.n * step + line % step, last = first + p.n * step, top = largest(p, first, last);
    const factor: f32 = <f32>1 / (sumOf(p, first, last, top) * p.scale);
    for (let i = first; i < last; i += step) store<i8>(p.y + i, clampRounded(exponential(p, top - load<i8>(p.x + i)) * factor, p.zy, -128, 127));
  }
}

/** y = clamp(zy + round((x − m) · step − log(Σ e[m − x]) / scale)), of the same lines. */
export function logSoftmaxI8(p: SoftmaxI8, part: i32, parts: i32): void {
  const lines = p.outer * p.inner, step = p.inner;
  for (let line = part; line < lines; line += parts) {
    const first = line / step * p.n * step + line % step, last = first + p.n * step, top = largest(p, first, last);
    const below = <f32>log(sumOf(p, first, last, top)) / p.scale;
    for (let i = first; i < last; i += step) store<i8>(p.y + i, clampRounded(<f32>(load<i8>(p.x + i) - top) * p.step - below, p.zy, -128, 127));
  }
}

// @ts-ignore: decorator
@inline
function exponential(p: SoftmaxI8, difference: i32): f32 {
  return load<f32>(p.e + 4 * difference);
}

function largest(p: SoftmaxI8, first: i32, last: i32): i32 {
  let top = -128;
  for (let i = first; i < last; i += p.inner) top = max(top, <i32>load<i8>(p.x + i));
  return top;
}

function sumOf(p: SoftmaxI8, first: i32, last: i32, top: i32): f32 {
  let sum: f32 = 0;
  for (let i = first; i < last; i += p.inner) sum += exponential(p, top - load<i8>(p.x + i));
  return sum;
}

/**
 * Softmax by TFLite's fixed-point rule, bit-exact with reference/softmax.h: e i32 [256] in Q0.31, 0 where TFLite leaves the
 * term out; scale of y is 1/256, zero point −128.
 */
export function softmaxI8Tflite(p: SoftmaxI8, part: i32, parts: i32): void {
  const lines = p.outer * p.inner, step = p.inner;
  for (let line = part; line < lines; line += parts) {
    const first = line / step * p.n * step + line % step, last = first + p.n * step, top = largest(p, first, last);
    let sum = 0;
    for (let i = first; i < last; i += step) sum += divideByPower(load<i32>(p.e + 4 * (top - load<i8>(p.x + i))), 12);
    const headroom = clz(sum), scale = reciprocal(<i32>((<u32>sum << headroom) - 0x80000000)), shift = 12 - headroom + 31 - 8;
    for (let i = first; i < last; i += step) {
      const q = divideByPower(roundedHigh(scale, load<i32>(p.e + 4 * (top - load<i8>(p.x + i)))), shift) - 128;
      store<i8>(p.y + i, max(min(q, 127), -128));
    }
  }
}

/** x / 2^n, halves away from zero. */
function divideByPower(x: i32, n: i32): i32 {
  const mask = (1 << n) - 1;
  return (x >> n) + <i32>((x & mask) > (mask >> 1) + <i32>(x < 0));
}

/** 1 / (1 + a) in Q0.31 by three steps of Newton and Raphson. Source: gemmlowp fixedpoint.h one_over_one_plus_x_for_x_in_0_1. */
function reciprocal(a: i32): i32 {
  const half = <i32>((<i64>a + 0x7fffffff + 1) >> 1);
  let x = 1515870810 + roundedHigh(half, -1010580540);
  for (let i = 0; i < 3; i++) x += timesFour(roundedHigh(x, (1 << 29) - roundedHigh(half, x)));
  return <i32>max(min(<i64>x << 1, 0x7fffffff), -0x80000000);
}

function timesFour(x: i32): i32 {
  return <i32>max(min(<i64>x << 2, 0x7fffffff), -0x80000000);
}
