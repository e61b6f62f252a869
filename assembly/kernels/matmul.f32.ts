import { REFUSED, apart, writes } from "../check";
import { checkProducts, elements, indexOf } from "../strided";
import { ROWS, panelBytes, setRow } from "./gemm.f32";
import { copyRun, multiplyRows, rowOf } from "./gemm.rows.f32";

/** Parameters of matmulF32, written by converter/lower/dense.ts: batch sizes n, strides of a and b in elements, t of panelBytes. */
@unmanaged
export class MatmulF32 {
  a: usize; b: usize; y: usize; t: usize;
  M: i32; K: i32; N: i32;
  n0: i32; n1: i32; n2: i32; n3: i32; n4: i32; n5: i32;
  a0: i32; a1: i32; a2: i32; a3: i32; a4: i32; a5: i32;
  b0: i32; b1: i32; b2: i32; b3: i32; b4: i32; b5: i32;
}

const BATCH: usize = offsetof<MatmulF32>("n0"), A: usize = offsetof<MatmulF32>("a0"), B: usize = offsetof<MatmulF32>("b0");

export function checkMatmulF32(p: MatmulF32): f64 {
  const batch = changetype<usize>(p) + BATCH, outputs = checkProducts(batch, p.M, p.K, p.N, p.a, p.b, 4), K = <f64>p.K;
  const inside = outputs != REFUSED && writes(p.y, 4 * outputs) && writes(p.t, panelBytes(K)) && apart(p.y, 4 * outputs, p.t, panelBytes(K));
  return inside ? elements(batch) * <f64>p.M * (K + 8) * (<f64>p.N + 8) : REFUSED;
}

/** A product starts from nothing. */
const ZEROS = memory.data(32);

/**
 * Product of two activations, float32.
 *   y[i,m,n] = Σk a[i · sa, m, k] · b[i · sb, k, n], k ascending, one accumulator per output, for every batch i
 * a f32 [M,K], b f32 [K,N] per batch, strides 0 where they broadcast · y f32 [batches,M,N]
 * b is read as weights whose rows are N apart. Batches part, part + parts, … Checked at load by checkMatmulF32.
 */
export function matmulF32(p: MatmulF32, part: i32, parts: i32): void {
  const struct = changetype<usize>(p), batches = <i32>elements(struct + BATCH);
  for (let i = part; i < batches; i += parts) {
    const a = p.a + 4 * indexOf(struct + BATCH, struct + A, i), b = p.b + 4 * indexOf(struct + BATCH, struct + B, i);
    product(p, a, b, p.y + 4 * i * p.M * p.N);
  }
}

function product(p: MatmulF32, a: usize, b: usize, y: usize): void {
  const M = p.M, K = p.K, N = p.N;
  for (let first = 0; first < M; first += ROWS) {
    for (let row = 0; row < ROWS; row++) {
      const m = min(first + row, M - 1);
      copyRun(a + 4 * m * K, K, rowOf(p.t, row, K));
      setRow(p.t, row, y + 4 * m * N);
    }
    for (let n = 0; n < N; n += 8) multiplyRows(p.t, rowOf(p.t, 0, K), 4 * K, 4 * K, 1, 0, b + 4 * n, 4 * N, ZEROS, 4 * n, min(8, N - n), -Infinity, Infinity);
  }
}
