/** Rounding to the grid of integers, in floats: what quantized layers see while they are trained. */
import { REFUSED, between, reads, size, writes } from "../check";
import { LANES, at, clamp, ifEqual, lane, larger, magnitude, over, put, rounded, times } from "../lanes";
import { firstOf } from "../parts";

/** Parameters of fakeQuant, written by converter/lower/fake-quant.ts: lo and hi less the zero point. */
@unmanaged
export class FakeQuant {
  x: usize; y: usize;
  n: i32; lo: i32; hi: i32;
  scale: f32;
}

const LIMIT: i32 = 1 << 16;

export function checkFakeQuant(p: FakeQuant): f64 {
  const inside = size(p.n) && between(p.lo, -LIMIT, LIMIT) && between(p.hi, p.lo, LIMIT) && reads(p.x, 4 * <f64>p.n) && writes(p.y, 4 * <f64>p.n);
  return inside ? <f64>p.n : REFUSED;
}

/**
 * y[i] = scale · clamp(round(x[i] / scale), lo, hi), halves to even, NaN to 0. x, y f32 [n]; y may be x.
 * Checked at load by checkFakeQuant. Source: Jacob et al. 2018; rounds as `quantize` does.
 */
export function fakeQuant(p: FakeQuant, part: i32, parts: i32): void {
  const end = firstOf(p.n, part + 1, parts), lo = <f32>p.lo, hi = <f32>p.hi;
  roundRun(p.x, p.y, firstOf(p.n, part, parts), end, p.scale, lo, hi);
}

/** Likewise, with s f32 [1], a scale that moves. */
@unmanaged
export class FakeQuantBy {
  x: usize; y: usize; s: usize;
  n: i32; lo: i32; hi: i32;
}

export function checkFakeQuantBy(p: FakeQuantBy): f64 {
  const inside = size(p.n) && between(p.lo, -LIMIT, LIMIT) && between(p.hi, p.lo, LIMIT) && reads(p.x, 4 * <f64>p.n) && writes(p.y, 4 * <f64>p.n) && reads(p.s, 4);
  return inside ? <f64>p.n : REFUSED;
}

/** fakeQuant with the scale s[0]. Checked at load by checkFakeQuantBy. */
export function fakeQuantBy(p: FakeQuantBy, part: i32, parts: i32): void {
  const end = firstOf(p.n, part + 1, parts), lo = <f32>p.lo, hi = <f32>p.hi;
  roundRun(p.x, p.y, firstOf(p.n, part, parts), end, load<f32>(p.s), lo, hi);
}

/** Elements [first, end) of y. */
function roundRun(x: usize, y: usize, first: i32, end: i32, scale: f32, lo: f32, hi: f32): void {
  const s = lane(scale), low = lane(lo), high = lane(hi), zero = lane(0);
  let i = first;
  for (; i + LANES <= end; i += LANES) {
    const t = over(at(x, i), s);
    put(y, i, times(s, rounded(clamp(ifEqual(t, t, t, zero), low, high))));
  }
  for (; i < end; i++) store<f32>(y + 4 * i, scale * levelOf(load<f32>(x + 4 * i), scale, lo, hi));
}

/** clamp(round(x / scale), lo, hi); clamped as lanes are, which keeps −0. */
// @ts-ignore: decorator
@inline
export function levelOf(x: f32, scale: f32, lo: f32, hi: f32): f32 {
  const t = x / scale;
  return nearest(clamp<f32>(t == t ? t : 0, lo, hi));
}

/** Parameters of fakeQuantRows, written by converter/lower/fake-quant.ts. */
@unmanaged
export class FakeQuantRows {
  w: usize; scale: usize; y: usize;
  O: i32; K: i32; limit: i32;
}

export function checkFakeQuantRows(p: FakeQuantRows): f64 {
  const n = 4 * <f64>p.O * <f64>p.K;
  return size(p.O) && size(p.K) && between(p.limit, 1, 127) && reads(p.w, n) && reads(p.scale, 4 * <f64>p.O) && writes(p.y, n) ? <f64>p.O * <f64>p.K : REFUSED;
}

/**
 * Weights on the grid of their rows: y[o,k] = s · clamp(round(w[o,k] / s), −limit, limit), s = rowScale(w[o], scale[o]).
 * w, y f32 [O,K] · scale f32 [O]. Rows part, part + parts, … Checked at load by checkFakeQuantRows.
 */
export function fakeQuantRows(p: FakeQuantRows, part: i32, parts: i32): void {
  const limit = <f32>p.limit, row = 4 * p.K;
  for (let o = part; o < p.O; o += parts) {
    const w = p.w + o * row, s = rowScale(w, p.K, load<f32>(p.scale + 4 * o), p.limit);
    roundRun(w, p.y + o * row, 0, p.K, s, -limit, limit);
  }
}

/** The scale of a row, which grows where its largest magnitude would lie half a step beyond the limit; a NaN has none. */
export function rowScale(w: usize, K: i32, scale: f32, limit: i32): f32 {
  let peak: f32 = 0, i = 0;
  if (ASC_FEATURE_SIMD) {
    let a = f32x4.splat(0), b = a;
    for (; i + 8 <= K; i += 8) {
      a = larger(a, magnitude(v128.load(w + 4 * i)));
      b = larger(b, magnitude(v128.load(w + 4 * i, 16)));
    }
    a = larger(a, b);
    peak = max(max(f32x4.extract_lane(a, 0), f32x4.extract_lane(a, 1)), max(f32x4.extract_lane(a, 2), f32x4.extract_lane(a, 3)));
  }
  for (; i < K; i++) peak = larger<f32>(peak, abs(load<f32>(w + 4 * i)));
  return peak > (<f32>limit + 0.49) * scale ? peak / <f32>limit : scale;
}
