import { REFUSED, reads, sizes, writes } from "../check";
import { LANES, at, lane, minus, over, put } from "../lanes";
import { DIFFERENCES, SQUARES, sumOf } from "../sums";

/** Parameters of normalizeF32, written by converter/lower/lines.ts. */
@unmanaged
export class NormalizeF32 {
  x: usize; y: usize;
  rows: i32; n: i32;
  epsilon: f32;
}

export function checkNormalizeF32(p: NormalizeF32): f64 {
  if (!sizes(p.rows, p.n)) return REFUSED;
  const total = <f64>p.rows * <f64>p.n;
  return reads(p.x, 4 * total) && writes(p.y, 4 * total) ? 4 * total : REFUSED;
}

/**
 * Zero mean and unit variance of every row.
 *   y[i] = (x[i] − mean) / sqrt(variance + epsilon), variance = Σ (x[i] − mean)² / n
 * x, y f32 [rows,n], y may be x. Sums as in sums.ts. Checked at load by checkNormalizeF32.
 */
export function normalizeF32(p: NormalizeF32, part: i32, parts: i32): void {
  const n = p.n, bytes = 4 * n;
  for (let row = part; row < p.rows; row += parts) {
    const x = p.x + row * bytes, y = p.y + row * bytes, mean = sumOf(DIFFERENCES, x, n, 0) / <f32>n;
    const deviation = sqrt<f32>(sumOf(SQUARES, x, n, mean) / <f32>n + p.epsilon);
    let i = 0;
    for (; i + LANES <= n; i += LANES) put(y, i, over(minus(at(x, i), lane(mean)), lane(deviation)));
    for (; i < n; i++) store<f32>(y + 4 * i, (load<f32>(x + 4 * i) - mean) / deviation);
  }
}
