import { REFUSED, reads, size, writes } from "../check";
import { LANES, at, ifLess, lane, put } from "../lanes";
import { firstOf } from "../parts";

/** Parameters of clampGrad, written by converter/lower/elementwise.grad.ts. */
@unmanaged
export class ClampGrad {
  v: usize; dy: usize; dx: usize;
  n: i32;
  min: f32; max: f32;
}

export function checkClampGrad(p: ClampGrad): f64 {
  const bytes = 4 * <f64>p.n;
  return size(p.n) && reads(p.v, bytes) && reads(p.dy, bytes) && writes(p.dx, bytes) ? <f64>p.n : REFUSED;
}

/**
 * Gradient of min(max(x, min), max), from its argument or its result: dx[i] = min < v[i] < max ? dy[i] : 0.
 * v, dy, dx f32 [n]; dx may be dy. Checked at load by checkClampGrad.
 */
export function clampGrad(p: ClampGrad, part: i32, parts: i32): void {
  const lo = lane(p.min), hi = lane(p.max), zero = lane(0), end = firstOf(p.n, part + 1, parts);
  let i = firstOf(p.n, part, parts);
  for (; i + LANES <= end; i += LANES) put(p.dx, i, ifLess(lo, at(p.v, i), ifLess(at(p.v, i), hi, at(p.dy, i), zero), zero));
  for (; i < end; i++) {
    const v = load<f32>(p.v + 4 * i);
    store<f32>(p.dx + 4 * i, p.min < v && v < p.max ? load<f32>(p.dy + 4 * i) : 0);
  }
}
