import { REFUSED, between, writes } from "../check";
import { FAST, Output, TWICE, checkOutput, checkedTflite, outputOf } from "../quant/output";
import { checkProducts, elements, indexOf } from "../strided";
import { matmulScalar } from "./matmul.i8.scalar";
import { matmulSimd } from "./matmul.i8.simd";

/** Parameters of matmulI8, written by converter/lower/matmul.i8.ts: batch sizes n, strides of a and b in elements. */
@unmanaged
export class MatmulI8 extends Output {
  a: usize; b: usize; y: usize; t: usize;
  M: i32; K: i32; N: i32; za: i32; zb: i32;
  n0: i32; n1: i32; n2: i32; n3: i32; n4: i32; n5: i32;
  a0: i32; a1: i32; a2: i32; a3: i32; a4: i32; a5: i32;
  b0: i32; b1: i32; b2: i32; b3: i32; b4: i32; b5: i32;
}

export const BATCH: usize = offsetof<MatmulI8>("n0"), A: usize = offsetof<MatmulI8>("a0"), B: usize = offsetof<MatmulI8>("b0");

export function checkMatmulI8(p: MatmulI8): f64 {
  const batch = changetype<usize>(p) + BATCH, outputs = checkProducts(batch, p.M, p.K, p.N, p.a, p.b, 1), K = <f64>p.K, padded = Math.ceil(<f64>p.N / 8) * 8;
  const inside = outputs != REFUSED && checkOutput(p, padded) && between(p.za, -128, 127) && between(p.zb, -128, 127)
    && writes(p.y, outputs) && writes(p.t, 128 + 8 * (K + 8) + (2 * (K + 1) + 4) * padded);
  return inside ? elements(batch) * <f64>p.M * K * padded : REFUSED;
}

export function checkMatmulI8Tflite(p: MatmulI8): f64 {
  const work = checkMatmulI8(p);
  return work == REFUSED ? work : checkedTflite(work, p, <f64>p.N + 7);
}

/**
 * Product of two activations, int8.
 *   y[i,m,n] = output(Σk (a[i · sa, m, k] − za) · (b[i · sb, k, n] − zb)), for every batch i
 * a i8 [M,K], b i8 [K,N] per batch, strides 0 where they broadcast · y i8 [batches,M,N] · m as of 8 · ceil(N/8) channels · t scratch
 * Batches part, part + parts, … Checked at load by checkMatmulI8. Bit-exact with TFLite reference/batch_matmul.h under matmulI8Tflite.
 */
export function matmulI8(p: MatmulI8, part: i32, parts: i32): void {
  matmul(p, FAST, part, parts);
}

export function matmulI8Tflite(p: MatmulI8, part: i32, parts: i32): void {
  matmul(p, TWICE, part, parts);
}

function matmul(p: MatmulI8, rule: i32, part: i32, parts: i32): void {
  if (ASC_FEATURE_SIMD) return matmulSimd(p, rule, part, parts);
  else if (!isDefined(REFERENCE)) return matmulScalar(p, rule, part, parts);
  matmulPlainly(p, rule, part, parts);
}

function matmulPlainly(p: MatmulI8, rule: i32, part: i32, parts: i32): void {
  const struct = changetype<usize>(p), batches = <i32>elements(struct + BATCH), M = p.M, K = p.K, N = p.N;
  for (let i = part; i < batches; i += parts) {
    const a = p.a + indexOf(struct + BATCH, struct + A, i), b = p.b + indexOf(struct + BATCH, struct + B, i), y = p.y + i * M * N;
    for (let m = 0; m < M; m++) for (let n = 0; n < N; n++) {
      let acc = 0;
      for (let k = 0; k < K; k++) acc += (<i32>load<i8>(a + m * K + k) - p.za) * (<i32>load<i8>(b + k * N + n) - p.zb);
      store<i8>(y + m * N + n, outputOf(p, rule, acc, n));
    }
  }
}
