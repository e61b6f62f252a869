import { DenseI8 } from "./dense.i8";
import { multiplyRow, widenRow } from "./gemm.i8.simd";

export function denseSimd<M>(p: DenseI8, part: i32, parts: i32): void {
  const K = (p.I + 3) & ~3;
  for (let n = part; n < p.N; n += parts) {
    widenRow(p.x + n * p.I, K, p.t);
    multiplyRow<M>(p, p.t, 2 * K, p.w, p.b, 0, p.O, p.y + n * p.O);
  }
}
