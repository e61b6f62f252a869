import { DenseI8, startOf } from "./dense.i8";
import { multiplyRowPlain } from "./gemm.i8.scalar";

export function denseScalar(p: DenseI8, rule: i32, part: i32, parts: i32): void {
  for (let n = part; n < p.N; n += parts) multiplyRowPlain(p, rule, p.x + n * p.I, (p.I + 3) & ~3, p.w, p.b, startOf(p, n), 0, p.O, p.y + n * p.O);
}
