import { REFUSED, between, reads, sizes, writes } from "../check";
import { requantizeTflite } from "../quant/requantize.tflite";

/** Parameters of svdfTflite, written by converter/lower/svdf.tflite.ts. */
@unmanaged
export class SvdfTflite {
  x: usize; w: usize; b: usize; y: usize;
  N: i32; M: i32; U: i32; R: i32; m: i32; r: i32; g: i32; zy: i32; lo: i32; hi: i32;
}

export function checkSvdfTflite(p: SvdfTflite): f64 {
  if (!sizes(p.N, p.M, p.U, p.R) || !between(p.zy, -128, 127) || !between(p.lo, -128, 127) || !between(p.hi, -128, 127)) return REFUSED;
  const N = <f64>p.N, U = <f64>p.U, taps = <f64>p.M * U * <f64>p.R;
  return reads(p.x, 2 * N * taps) && reads(p.w, 2 * taps) && reads(p.b, 4 * U) && writes(p.y, N * U) ? N * taps : REFUSED;
}

/**
 * The time filters of SVDF: y[n,u] = clamp(zy + r((b[u] + Σr Σm w[u,m,r] · x[n,m,u,r]) · g, m, r)), sums modulo 2^32.
 * x i16 [N,M,U,R] · w i16 [U,M,R] · b i32 [U] · y i8 [N,U]. Checked at load by checkSvdfTflite. Bit-exact with TFLite reference/svdf.h.
 */
export function svdfTflite(p: SvdfTflite, part: i32, parts: i32): void {
  const R = p.R, frame = p.U * R;
  for (let k = part; k < p.N * p.U; k += parts) {
    const u = k % p.U;
    let acc = load<i32>(p.b + 4 * u), x = p.x + 2 * (k / p.U * p.M * frame + u * R), w = p.w + 2 * u * p.M * R;
    for (let m = 0; m < p.M; m++, x += 2 * frame) for (let r = 0; r < R; r++, w += 2) acc += <i32>load<i16>(w) * load<i16>(x + 2 * r);
    store<i8>(p.y + k, <i8>min(max(requantizeTflite(acc * p.g, p.m, p.r) + p.zy, p.lo), p.hi));
  }
}
