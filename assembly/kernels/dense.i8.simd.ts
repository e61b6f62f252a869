import { DenseI8 } from "./dense.i8";
import { flipsOfHost } from "./dot.relaxed";
import { multiplyRow, widenRow } from "./gemm.i8.simd";
import { multiplyRowRelaxed } from "./matvec.i8.relaxed";

export function denseSimd(p: DenseI8, rule: i32, part: i32, parts: i32): void {
  const K = (p.I + 3) & ~3, flips = ASC_FEATURE_RELAXED_SIMD ? flipsOfHost() : -1;
  for (let n = part; n < p.N; n += parts) {
    const x = p.x + n * p.I, start = p.zw ? -p.zw * sumOf(x, p.I) : 0;
    if (ASC_FEATURE_RELAXED_SIMD && flips >= 0) {
      multiplyRowRelaxed(p, rule, x, K, flips, p.w, p.b, start, 0, p.O, p.y + n * p.O);
      continue;
    }
    widenRow(x, K, p.t);
    multiplyRow(p, rule, p.t, 2 * K, p.w, p.b, start, 0, p.O, p.y + n * p.O);
  }
}

function sumOf(x: usize, count: i32): i32 {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += load<i8>(x + i);
  return sum;
}
