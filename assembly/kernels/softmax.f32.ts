import { REFUSED, reads, sizes, writes } from "../check";
import { log } from "../functions/slow";
import { LANES, at, lane, minus, over, put } from "../lanes";
import { exp } from "../math";
import { DIFFERENCES, EXPONENTIALS, largestOf, sumOf } from "../sums";

/** Parameters of softmaxF32, written by converter/lower/lines.ts. */
@unmanaged
export class SoftmaxF32 {
  x: usize; y: usize;
  outer: i32; n: i32; inner: i32; log: i32;
}

export function checkSoftmaxF32(p: SoftmaxF32): f64 {
  if (!sizes(p.outer, p.n, p.inner)) return REFUSED;
  const total = <f64>p.outer * <f64>p.n * <f64>p.inner;
  return reads(p.x, 4 * total) && writes(p.y, 4 * total) ? 16 * total : REFUSED;
}

/**
 * Softmax, or its logarithm, along the middle axis.
 *   y[i] = e^(x[i] − max) / Σj e^(x[j] − max) · log: y[i] = (x[i] − max) − log Σj e^(x[j] − max)
 * x, y f32 [outer,n,inner], y may be x; lines part, part + parts, … Sums of rows (inner 1) as in sums.ts, of columns in
 * ascending order. Checked at load by checkSoftmaxF32.
 */
export function softmaxF32(p: SoftmaxF32, part: i32, parts: i32): void {
  const inner = p.inner, step = <usize>inner << 2, lines = p.outer * inner, bytes = step * p.n;
  for (let line = part; line < lines; line += parts) {
    const at = <usize>(line / inner) * bytes + (<usize>(line % inner) << 2);
    if (inner == 1) row(p, p.x + at, p.y + at);
    else column(p, p.x + at, p.y + at, step, bytes);
  }
}

function row(p: SoftmaxF32, x: usize, y: usize): void {
  const n = p.n, most = largestOf(x, n);
  if (p.log) {
    const logSum = <f32>log(sumOf(EXPONENTIALS, x, n, most));
    let i = 0;
    for (; i + LANES <= n; i += LANES) put(y, i, minus(minus(at(x, i), lane(most)), lane(logSum)));
    for (; i < n; i++) store<f32>(y + 4 * i, load<f32>(x + 4 * i) - most - logSum);
  } else {
    let i = 0;
    for (; i + LANES <= n; i += LANES) put(y, i, exp(minus(at(x, i), lane(most))));
    for (; i < n; i++) store<f32>(y + 4 * i, exp<f32>(load<f32>(x + 4 * i) - most));
    const sum = sumOf(DIFFERENCES, y, n, 0);
    for (i = 0; i + LANES <= n; i += LANES) put(y, i, over(at(y, i), lane(sum)));
    for (; i < n; i++) store<f32>(y + 4 * i, load<f32>(y + 4 * i) / sum);
  }
}

function column(p: SoftmaxF32, x: usize, y: usize, step: usize, bytes: usize): void {
  let most: f32 = -Infinity, sum: f32 = 0;
  for (let i: usize = 0; i < bytes; i += step) most = max(most, load<f32>(x + i));
  for (let i: usize = 0; i < bytes; i += step) sum += exp<f32>(load<f32>(x + i) - most);
  const logSum = p.log ? <f32>log(sum) : 0;
  for (let i: usize = 0; i < bytes; i += step) {
    const d = load<f32>(x + i) - most;
    store<f32>(y + i, p.log ? d - logSum : exp<f32>(d) / sum);
  }
}
