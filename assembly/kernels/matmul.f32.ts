import { REFUSED, reads, sizes, writes } from "../check";
import { elements, highest, indexOf, lowest, sizesAt } from "../strided";
import { panelBytes } from "./gemm.f32.simd";
import { matmulF32Simd } from "./matmul.f32.simd";

/** Parameters of matmulF32, written by converter/lower/dense.ts: batch sizes n, strides of a and b in elements, t of panelBytes. */
@unmanaged
export class MatmulF32 {
  a: usize; b: usize; y: usize; t: usize;
  M: i32; K: i32; N: i32;
  n0: i32; n1: i32; n2: i32; n3: i32; n4: i32; n5: i32;
  a0: i32; a1: i32; a2: i32; a3: i32; a4: i32; a5: i32;
  b0: i32; b1: i32; b2: i32; b3: i32; b4: i32; b5: i32;
}

export const BATCH: usize = offsetof<MatmulF32>("n0"), A: usize = offsetof<MatmulF32>("a0"), B: usize = offsetof<MatmulF32>("b0");

export function checkMatmulF32(p: MatmulF32): f64 {
  const struct = changetype<usize>(p), batch = struct + BATCH, M = <f64>p.M, K = <f64>p.K, N = <f64>p.N;
  if (!sizes(p.M, p.K, p.N) || !sizesAt(batch) || lowest(batch, struct + A) < 0 || lowest(batch, struct + B) < 0) return REFUSED;
  const inside = reads(p.a, 4 * (highest(batch, struct + A) + M * K)) && reads(p.b, 4 * (highest(batch, struct + B) + K * N))
    && writes(p.y, 4 * elements(batch) * M * N) && writes(p.t, panelBytes(K));
  return inside ? elements(batch) * M * K * N : REFUSED;
}

/**
 * Product of two activations, float32. Scalar reference.
 *   y[i,m,n] = Σk a[i · sa, m, k] · b[i · sb, k, n], k ascending, one accumulator per output, for every batch i
 * a f32 [M,K], b f32 [K,N] per batch, strides 0 where they broadcast · y f32 [batches,M,N]
 * Batches part, part + parts, … Checked at load by checkMatmulF32.
 */
export function matmulF32(p: MatmulF32, part: i32, parts: i32): void {
  if (ASC_FEATURE_SIMD) return matmulF32Simd(p, part, parts);
  const struct = changetype<usize>(p), batches = <i32>elements(struct + BATCH), M = p.M, K = p.K, N = p.N;
  for (let i = part; i < batches; i += parts) {
    const a = p.a + 4 * indexOf(struct + BATCH, struct + A, i), b = p.b + 4 * indexOf(struct + BATCH, struct + B, i), y = p.y + 4 * i * M * N;
    for (let m = 0; m < M; m++) for (let n = 0; n < N; n++) {
      let acc: f32 = 0;
      for (let k = 0; k < K; k++) acc += load<f32>(a + 4 * (m * K + k)) * load<f32>(b + 4 * (k * N + n));
      store<f32>(y + 4 * (m * N + n), acc);
    }
  }
}
