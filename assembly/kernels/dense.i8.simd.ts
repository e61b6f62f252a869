import { DenseI8, startOf } from "./dense.i8";
import { multiplyRow, widenRow } from "./gemm.i8.simd";
import { multiplyRowRelaxed } from "./matvec.i8.relaxed";

export function denseSimd(p: DenseI8, rule: i32, part: i32, parts: i32): void {
  const K = (p.I + 3) & ~3;
  for (let n = part; n < p.N; n += parts) {
    widenRow(p.x + n * p.I, K, p.t);
    multiplyRow(p, rule, p.t, 2 * K, p.w, p.b, startOf(p, n), 0, p.O, p.y + n * p.O);
  }
}

export function denseRelaxed(p: DenseI8, rule: i32, flips: i32, part: i32, parts: i32): void {
  for (let n = part; n < p.N; n += parts) multiplyRowRelaxed(p, rule, p.x + n * p.I, (p.I + 3) & ~3, flips, p.w, p.b, startOf(p, n), 0, p.O, p.y + n * p.O);
}
