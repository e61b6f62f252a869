import { REFUSED, reads, size, writes } from "../check";
import { LANES, at, plus, put } from "../lanes";
import { firstOf } from "../parts";

/** Parameters of accumulate, written by converter/lower/elementwise.grad.ts. */
@unmanaged
export class Accumulate {
  acc: usize; g: usize;
  n: i32;
}

export function checkAccumulate(p: Accumulate): f64 {
  return size(p.n) && writes(p.acc, 4 * <f64>p.n) && reads(p.g, 4 * <f64>p.n) ? <f64>p.n : REFUSED;
}

/** acc[i] += g[i]. acc, g f32 [n]. Checked at load by checkAccumulate. */
export function accumulate(p: Accumulate, part: i32, parts: i32): void {
  const end = firstOf(p.n, part + 1, parts);
  let i = firstOf(p.n, part, parts);
  for (; i + LANES <= end; i += LANES) put(p.acc, i, plus(at(p.acc, i), at(p.g, i)));
  for (; i < end; i++) store<f32>(p.acc + 4 * i, load<f32>(p.acc + 4 * i) + load<f32>(p.g + 4 * i));
}
