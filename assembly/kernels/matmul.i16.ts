import { REFUSED, between, writes } from "../check";
import { checkProducts, elements, indexOf } from "../strided";

/** Parameters of matmulI16Tflite, written by converter/lower/matmul.i8.ts: batch sizes n, strides of a and b in elements. */
@unmanaged
export class MatmulI16 {
  a: usize; b: usize; y: usize;
  M: i32; K: i32; N: i32; m: i32; shift: i32;
  n0: i32; n1: i32; n2: i32; n3: i32; n4: i32; n5: i32;
  a0: i32; a1: i32; a2: i32; a3: i32; a4: i32; a5: i32;
  b0: i32; b1: i32; b2: i32; b3: i32; b4: i32; b5: i32;
}

const BATCH: usize = offsetof<MatmulI16>("n0"), A: usize = offsetof<MatmulI16>("a0"), B: usize = offsetof<MatmulI16>("b0");

export function checkMatmulI16(p: MatmulI16): f64 {
  const outputs = checkProducts(changetype<usize>(p) + BATCH, p.M, p.K, p.N, p.a, p.b, 2);
  return outputs != REFUSED && between(p.shift, 1, 62) && writes(p.y, 2 * outputs) ? outputs * (<f64>p.K + 16) : REFUSED;
}

/**
 * Product of two activations, int16, symmetric.
 *   y[i,j,n] = sat16((m · Σk a[i · sa, j, k] · b[i · sb, k, n] + 2^(shift − 1)) >> shift), for every batch i, in 64 bits
 * a i16 [M,K], b i16 [K,N] per batch, strides 0 where they broadcast · y i16 [batches,M,N]; elements part, part + parts, …
 * Checked at load by checkMatmulI16. Bit-exact with TFLite reference/batch_matmul.h.
 */
export function matmulI16Tflite(p: MatmulI16, part: i32, parts: i32): void {
  const struct = changetype<usize>(p), M = p.M, K = p.K, N = p.N, total = <i32>elements(struct + BATCH) * M * N;
  for (let e = part; e < total; e += parts) {
    const i = e / (M * N), a = p.a + 2 * (indexOf(struct + BATCH, struct + A, i) + e / N % M * K), b = p.b + 2 * (indexOf(struct + BATCH, struct + B, i) + e % N);
    let sum: i64 = 0;
    for (let k = 0; k < K; k++) sum += <i64>(<i32>load<i16>(a + 2 * k) * <i32>load<i16>(b + 2 * k * N));
    const y = <i32>((sum * <i64>p.m + (<i64>1 << (p.shift - 1))) >> p.shift);
    store<i16>(p.y + 2 * e, <i16>min(max(y, -32768), 32767));
  }
}
