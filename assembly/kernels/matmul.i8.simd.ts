import { elements, indexOf } from "../strided";
import { multiplyPanel, packRows } from "./gemm.i8.simd";
import { A, B, BATCH, MatmulI8 } from "./matmul.i8";

/** Scratch: sums of multiplyPanel 128 · panel 8 · (K + 8) · biases i32 [N] · b as weights of gemm.i8.simd.ts, less its zero point */
export function matmulSimd(p: MatmulI8, rule: i32, part: i32, parts: i32): void {
  const struct = changetype<usize>(p), batches = <i32>elements(struct + BATCH), M = p.M, K = p.K, N = p.N, steps = (K + 1) >> 1;
  const panel = p.t + 128, biases = panel + 8 * (K + 8), weights = biases + 4 * ((N + 7) & ~7);
  for (let i = part; i < batches; i += parts) {
    const a = p.a + indexOf(struct + BATCH, struct + A, i), b = p.b + indexOf(struct + BATCH, struct + B, i), y = p.y + i * M * N;
    for (let n = 0; n < N; n += 8) expandColumns(p, b + n, weights + 4 * n * steps, biases + 4 * n);
    for (let m = 0; m < M; m += 4) {
      const m1 = min(m + 1, M - 1), m2 = min(m + 2, M - 1), m3 = min(m + 3, M - 1);
      packRows(a + m * K, a + m1 * K, a + m2 * K, a + m3 * K, K, panel);
      multiplyPanel(p, rule, panel, 16 * steps, weights, biases, 0, N, y + m * N, y + m1 * N, y + m2 * N, y + m3 * N);
    }
  }
}

/** Eight columns of b → i16 pairs [K/2][8][2], and −za times their sums. */
function expandColumns(p: MatmulI8, b: usize, to: usize, bias: usize): void {
  const K = p.K, N = p.N, zero = i16x8.splat(<i16>p.zb), ones = i16x8.splat(1);
  let low = i32x4.splat(0), high = low;
  for (let k = 0; k < K; k += 2, b += 2 * N, to += 32) {
    const even = i16x8.sub(v128.load_ext<i8>(b), zero), odd = k + 1 < K ? i16x8.sub(v128.load_ext<i8>(b + N), zero) : i16x8.splat(0);
    const first = v128.shuffle<i16>(even, odd, 0, 8, 1, 9, 2, 10, 3, 11), second = v128.shuffle<i16>(even, odd, 4, 12, 5, 13, 6, 14, 7, 15);
    v128.store(to, first);
    v128.store(to, second, 16);
    low = i32x4.add(low, i32x4.dot_i16x8_s(first, ones));
    high = i32x4.add(high, i32x4.dot_i16x8_s(second, ones));
  }
  v128.store(bias, i32x4.mul(low, i32x4.splat(-p.za)));
  v128.store(bias, i32x4.mul(high, i32x4.splat(-p.za)), 16);
}
