import { REFUSED, reads, sizes, writes } from "../check";
import { FAST, ONCE, Output, checkOutput, checkedTflite, outputOf } from "../quant/output";
import { denseScalar } from "./dense.i8.scalar";
import { denseRelaxed, denseSimd } from "./dense.i8.simd";
import { flipsOfHost } from "./dot.relaxed";

/** Parameters of denseI8, written by converter/lower/dense.i8.ts. */
@unmanaged
export class DenseI8 extends Output {
  x: usize; w: usize; b: usize; y: usize; t: usize;
  N: i32; I: i32; O: i32; zw: i32;
}

export function checkDenseI8(p: DenseI8): f64 {
  if (!sizes(p.N, p.I, p.O)) return REFUSED;
  const N = <f64>p.N, I = <f64>p.I, O = Math.ceil(<f64>p.O / 8) * 8, K = Math.ceil(I / 4) * 4;
  const inside = reads(p.x, N * I) && reads(p.w, O * K) && reads(p.b, 4 * O) && checkOutput(p, O) && writes(p.y, N * <f64>p.O) && writes(p.t, 2 * K + 16);
  return inside ? N * O * K : REFUSED;
}

export function checkDenseI8Tflite(p: DenseI8): f64 {
  const work = checkDenseI8(p);
  return work == REFUSED ? work : checkedTflite(work, p, <f64>p.O + 7);
}

/**
 * Dense layer, int8, for few rows; many are a convolution of 1 × 1.
 *   y[n,o] = output(b[o] + Σi x[n,i] · (w[o,i] − zw)), b = bias − zx · Σi (w − zw)
 * x i8 [N,I] · w i8 c4 [O/8][I/4][8][4] · b i32 [O/8][8], m alike · y i8 [N,O] · t scratch: i16 [I]
 * Checked at load by checkDenseI8. Bit-exact with TFLite integer_ops/fully_connected.h under denseI8Tflite: it rounds once.
 */
export function denseI8(p: DenseI8, part: i32, parts: i32): void {
  dense(p, FAST, part, parts);
}

export function denseI8Tflite(p: DenseI8, part: i32, parts: i32): void {
  dense(p, ONCE, part, parts);
}

function dense(p: DenseI8, rule: i32, part: i32, parts: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    const flips = flipsOfHost();
    if (flips >= 0) return denseRelaxed(p, rule, flips, part, parts);
  } else if (ASC_FEATURE_SIMD) return denseSimd(p, rule, part, parts);
  else if (!isDefined(REFERENCE)) return denseScalar(p, rule, part, parts);
  densePlainly(p, rule, part, parts);
}

function densePlainly(p: DenseI8, rule: i32, part: i32, parts: i32): void {
  const K = (p.I + 3) & ~3;
  for (let n = part; n < p.N; n += parts) {
    const xn = p.x + n * p.I;
    for (let o = 0; o < p.O; o++) {
      const wo = p.w + (o >> 3) * 8 * K + (o & 7) * 4;
      let acc = load<i32>(p.b + 4 * o);
      for (let i = 0; i < p.I; i++) acc += <i32>load<i8>(xn + i) * (<i32>load<i8>(wo + (i >> 2) * 32 + (i & 3)) - p.zw);
      store<i8>(p.y + n * p.O + o, outputOf(p, rule, acc, o));
    }
  }
}

/** What the weights' zero point adds to the sums of row n: −zw · Σ x */
export function startOf(p: DenseI8, n: i32): i32 {
  let sum = 0;
  if (p.zw) for (let x = p.x + n * p.I, end = x + p.I; x < end; x++) sum -= load<i8>(x);
  return sum * p.zw;
}
