import { REFUSED, reads, sizes, writes } from "../check";
import { denseF32Simd } from "./dense.f32.simd";
import { multiplyRow } from "./gemm.f32";

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
  return inside ? N * 8 * blocks * (I + 8) : REFUSED;
}

/**
 * Dense layer, float32.
 *   y[n,o] = clamp(b[o] + Σi x[n,i] · w[o,i], lo, hi), i ascending, one accumulator per output
 * x f32 [N,I] · w f32 packed [ceil(O/8)][I][8] · b f32 [8 · ceil(O/8)] · y f32 [N,O]; rows part, part + parts, …
 * Checked at load by checkDenseF32.
 */
export function denseF32(p: DenseF32, part: i32, parts: i32): void {
  if (ASC_FEATURE_SIMD) return denseF32Simd(p, part, parts);
  const block = 32 * p.I;
  for (let n = part; n < p.N; n += parts) {
    let w = p.w;
    for (let o = 0; o < p.O; o += 8, w += block) multiplyRow(p.x + 4 * n * p.I, p.I, w, 32, p.b + 4 * o, p.y + 4 * (n * p.O + o), min(8, p.O - o), p.lo, p.hi);
  }
}
