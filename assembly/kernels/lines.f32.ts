/** What goes along one axis of x f32 [outer,n,inner]: argMax and argMin, cumulative sums, the k largest. Indices are floats. */
import { REFUSED, between, reads, sizes, writes } from "../check";

/** Parameters of argF32, written by converter/lower/lines.ts; y f32 [outer,inner]. */
@unmanaged
export class ArgF32 {
  x: usize; y: usize;
  outer: i32; n: i32; inner: i32; largest: i32; last: i32;
}

/** y f32 [outer,n,inner]. */
@unmanaged
export class CumSumF32 {
  x: usize; y: usize;
  outer: i32; n: i32; inner: i32; exclusive: i32; reverse: i32;
}

/** values f32 [outer,k,inner] or 0 · indices likewise. */
@unmanaged
export class TopKF32 {
  x: usize; values: usize; indices: usize;
  outer: i32; n: i32; inner: i32; k: i32; largest: i32;
}

export function checkArgF32(p: ArgF32): f64 {
  if (!sizes(p.outer, p.n, p.inner)) return REFUSED;
  const lines = <f64>p.outer * <f64>p.inner, n = <f64>p.n;
  return reads(p.x, 4 * lines * n) && writes(p.y, 4 * lines) ? 2 * lines * n : REFUSED;
}

export function checkCumSumF32(p: CumSumF32): f64 {
  if (!sizes(p.outer, p.n, p.inner)) return REFUSED;
  const total = <f64>p.outer * <f64>p.inner * <f64>p.n;
  return reads(p.x, 4 * total) && writes(p.y, 4 * total) ? 2 * total : REFUSED;
}

export function checkTopKF32(p: TopKF32): f64 {
  if (!sizes(p.outer, p.n, p.inner) || !between(p.k, 1, p.n)) return REFUSED;
  const lines = <f64>p.outer * <f64>p.inner, n = <f64>p.n, out = 4 * lines * <f64>p.k;
  const inside = reads(p.x, 4 * lines * n) && (p.values == 0 || writes(p.values, out)) && (p.indices == 0 || writes(p.indices, out));
  return inside ? 4 * lines * n * <f64>p.k : REFUSED;
}

/** Byte offset of the first element of a line. */
// @ts-ignore: decorator
@inline
function startOf(line: i32, n: i32, inner: i32): usize {
  return (<usize>(line / inner) * n * inner + line % inner) << 2;
}

/** y = position of the largest (or smallest) of each line; of equal ones the first, or the last. */
export function argF32(p: ArgF32, part: i32, parts: i32): void {
  const inner = p.inner, step = <usize>inner << 2;
  for (let line = part; line < p.outer * inner; line += parts) {
    let at = p.x + startOf(line, p.n, inner), best = load<f32>(at), found = 0;
    for (let i = 1; i < p.n; i++) {
      const v = load<f32>(at += step), better = p.largest ? v > best : v < best;
      if (better || (p.last && v == best)) {
        best = v;
        found = i;
      }
    }
    store<f32>(p.y + (<usize>line << 2), <f32>found);
  }
}

/** y[i] = Σ x[j] over j ≤ i; exclusive: j < i; reverse: from the end. */
export function cumSumF32(p: CumSumF32, part: i32, parts: i32): void {
  const inner = p.inner, step = <usize>inner << 2;
  for (let line = part; line < p.outer * inner; line += parts) {
    const start = startOf(line, p.n, inner);
    let sum: f32 = 0;
    for (let i = 0; i < p.n; i++) {
      const at = start + step * (p.reverse ? p.n - 1 - i : i), v = load<f32>(p.x + at);
      store<f32>(p.y + at, p.exclusive ? sum : sum + v);
      sum += v;
    }
  }
}

/** The k largest (or smallest) of each line in order; of equal ones the first comes first. */
export function topKF32(p: TopKF32, part: i32, parts: i32): void {
  const inner = p.inner, step = <usize>inner << 2;
  for (let line = part; line < p.outer * inner; line += parts) {
    const x = p.x + startOf(line, p.n, inner), to = startOf(line, p.k, inner);
    let previous: f32 = p.largest ? Infinity : -Infinity, before = -1;
    for (let j = 0; j < p.k; j++) {
      before = nextOf(p, x, step, previous, before);
      previous = load<f32>(x + step * before);
      if (p.values) store<f32>(p.values + to + step * j, previous);
      if (p.indices) store<f32>(p.indices + to + step * j, <f32>before);
    }
  }
}

/** Position of what follows (previous, before) in the order of values, then positions. 0 where only NaN is left. */
function nextOf(p: TopKF32, x: usize, step: usize, previous: f32, before: i32): i32 {
  let best: f32 = 0, found = -1;
  for (let i = 0; i < p.n; i++, x += step) {
    const v = load<f32>(x), after = v == previous ? i > before : p.largest ? v < previous : v > previous;
    if (after && (found < 0 || (p.largest ? v > best : v < best))) {
      best = v;
      found = i;
    }
  }
  return max(found, 0);
}
