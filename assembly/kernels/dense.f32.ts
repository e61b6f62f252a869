import { REFUSED, reads, sizes, writes } from "../check";
import { clamp } from "../lanes";
import { denseF32Simd } from "./dense.f32.simd";

/** Parameters of denseF32, written by converter/lower/dense.ts. */
@unmanaged
export class DenseF32 {
  x: usize; w: usize; b: usize; y: usize;
  N: i32; I: i32; O: i32;
  lo: f32; hi: f32;
}

/** Every row of x, the packed weights, the bias and y lie inside the memory. */
export function checkDenseF32(p: DenseF32): f64 {
  if (!sizes(p.N, p.I, p.O)) return REFUSED;
  const N = <f64>p.N, I = <f64>p.I, O = <f64>p.O, blocks = Math.ceil(O / 8);
  const inside = reads(p.x, 4 * N * I) && reads(p.w, 32 * blocks * I) && reads(p.b, 32 * blocks) && writes(p.y, 4 * N * O);
  return inside ? N * I * O : REFUSED;
}

/**
 * Dense layer, float32. Scalar reference.
 *   y[n,o] = clamp(b[o] + Σi x[n,i] · w[o,i], lo, hi), i ascending, one accumulator per output
 * x f32 [N,I] · w f32 packed [ceil(O/8)][I][8] · b f32 [8 · ceil(O/8)] · y f32 [N,O]; rows part, part + parts, …
 * Checked at load by checkDenseF32.
 */
export function denseF32(p: DenseF32, part: i32, parts: i32): void {
  if (ASC_FEATURE_SIMD) return denseF32Simd(p, part, parts);
  for (let n = part; n < p.N; n += parts) {
    const xn = p.x + 4 * n * p.I;
    for (let o = 0; o < p.O; o++) {
      const wo = p.w + 4 * ((o >> 3) * p.I * 8 + (o & 7));
      let acc = load<f32>(p.b + 4 * o);
      for (let i = 0; i < p.I; i++) acc += load<f32>(xn + 4 * i) * load<f32>(wo + 32 * i);
      store<f32>(p.y + 4 * (n * p.O + o), clamp<f32>(acc, p.lo, p.hi));
    }
  }
}
