import { elements, indexOf } from "../strided";
import { ROWS, gemmBlock, packRun, panelOf, setRow } from "./gemm.f32.simd";
import { A, B, BATCH, MatmulF32 } from "./matmul.f32";

const ZEROS = memory.data(32);

/** Returns the bytes of matmulF32: b is read as weights whose rows are N apart. */
export function matmulF32Simd(p: MatmulF32, part: i32, parts: i32): void {
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
      packRun(a + 4 * m * K, K, panelOf(p.t, row));
      setRow(p.t, row, y + 4 * m * N);
    }
    for (let n = 0; n < N; n += 8) gemmBlock(p.t, K, b + 4 * n, 4 * N, ZEROS, 4 * n, min(8, N - n), -Infinity, Infinity);
  }
}
