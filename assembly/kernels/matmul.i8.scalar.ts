import { elements, indexOf } from "../strided";
import { firstOf, multiplyPairs, pairOf, secondOf } from "./gemm.i8.scalar";
import { A, B, BATCH, MatmulI8 } from "./matmul.i8";

/** Scratch: biases i32 [N] · half of the columns of b as pairs of gemm.i8.scalar.ts, less its zero point */
export function matmulScalar(p: MatmulI8, rule: i32, part: i32, parts: i32): void {
  const struct = changetype<usize>(p), batches = <i32>elements(struct + BATCH), M = p.M, K = p.K, N = p.N, padded = (N + 7) & ~7, half = padded >> 1, biases = p.t, pairs = biases + 4 * padded;
  for (let i = part; i < batches; i += parts) {
    const a = p.a + indexOf(struct + BATCH, struct + A, i), b = p.b + indexOf(struct + BATCH, struct + B, i), y = p.y + i * M * N;
    for (let first = 0; first < N; first += half) {
      for (let n = 0; n < half; n += 2) expandColumns(p, b + first + n, pairs + (n >> 2) * 16 * K + (n & 2) * 4, biases + 4 * (first + n));
      for (let m = 0; m < M; m += 2) {
        const next = min(m + 1, M - 1);
        multiplyPairs(p, rule, a + m * K, a + next * K, K, pairs, biases + 4 * first, first, min(half, N - first), y + m * N + first, y + next * N + first);
      }
    }
  }
}

/** Two columns of b → pairs, 16 bytes apart, and −za times their sums. */
function expandColumns(p: MatmulI8, b: usize, to: usize, bias: usize): void {
  let sums: i64 = 0;
  for (let k = 0; k < p.K; k++, b += p.N, to += 16) {
    const pair = pairOf(<i32>load<i8>(b) - p.zb, <i32>load<i8>(b, 1) - p.zb);
    store<i64>(to, pair);
    sums -= <i64>p.za * pair;
  }
  store<i32>(bias, firstOf(sums));
  store<i32>(bias, secondOf(sums), 4);
}
