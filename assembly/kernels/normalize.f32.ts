import { REFUSED, reads, sizes, writes } from "../check";

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
 * Sums along the contiguous axis: four partial sums, element i in sum i mod 4, combined as (s0 + s1) + (s2 + s3).
 * x, y f32 [rows,n], y may be x. Checked at load by checkNormalizeF32.
 */
export function normalizeF32(p: NormalizeF32, part: i32, parts: i32): void {
  const bytes = <usize>p.n << 2;
  for (let row = part; row < p.rows; row += parts) {
    const x = p.x + bytes * row, y = p.y + bytes * row, n = <f32>p.n, mean = sumOf(x, bytes, 0, false) / n;
    const deviation = sqrt<f32>(sumOf(x, bytes, mean, true) / n + p.epsilon);
    for (let i: usize = 0; i < bytes; i += 4) store<f32>(y + i, (load<f32>(x + i) - mean) / deviation);
  }
}

/** Σ (x − mean), or of its squares. */
function sumOf(x: usize, bytes: usize, mean: f32, squared: bool): f32 {
  let s0: f32 = 0, s1: f32 = 0, s2: f32 = 0, s3: f32 = 0;
  for (let i: usize = 0; i < bytes; i += 4) {
    const d = load<f32>(x + i) - mean, v = squared ? d * d : d, k = (i >> 2) & 3;
    if (k == 0) s0 += v;
    else if (k == 1) s1 += v;
    else if (k == 2) s2 += v;
    else s3 += v;
  }
  return (s0 + s1) + (s2 + s3);
}
