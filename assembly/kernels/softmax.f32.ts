import { REFUSED, reads, sizes, writes } from "../check";
import { log } from "../functions/slow";
import { exp } from "../math";

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
 * Softmax, or its logarithm, along the middle axis; sums in ascending order.
 *   y[i] = e^(x[i] − max) / Σj e^(x[j] − max) · log: y[i] = (x[i] − max) − log Σj e^(x[j] − max)
 * x, y f32 [outer,n,inner], y may be x; lines part, part + parts, … Checked at load by checkSoftmaxF32.
 */
export function softmaxF32(p: SoftmaxF32, part: i32, parts: i32): void {
  const inner = p.inner, step = <usize>inner << 2, lines = p.outer * inner, bytes = step * p.n;
  for (let line = part; line < lines; line += parts) {
    const at = <usize>(line / inner) * bytes + (<usize>(line % inner) << 2);
    if (p.log) logSoftmaxLine(p.x + at, p.y + at, step, bytes);
    else softmaxLine(p.x + at, p.y + at, step, bytes);
  }
}

function largest(x: usize, step: usize, bytes: usize): f32 {
  let most = load<f32>(x);
  for (let i = step; i < bytes; i += step) most = max(most, load<f32>(x + i));
  return most;
}

function softmaxLine(x: usize, y: usize, step: usize, bytes: usize): void {
  const most = largest(x, step, bytes);
  let sum: f32 = 0;
  for (let i: usize = 0; i < bytes; i += step) {
    const e = exp<f32>(load<f32>(x + i) - most);
    store<f32>(y + i, e);
    sum += e;
  }
  for (let i: usize = 0; i < bytes; i += step) store<f32>(y + i, load<f32>(y + i) / sum);
}

function logSoftmaxLine(x: usize, y: usize, step: usize, bytes: usize): void {
  const most = largest(x, step, bytes);
  let sum: f32 = 0;
  for (let i: usize = 0; i < bytes; i += step) sum += exp<f32>(load<f32>(x + i) - most);
  const logSum = <f32>log(sum);
  for (let i: usize = 0; i < bytes; i += step) store<f32>(y + i, load<f32>(x + i) - most - logSum);
}
