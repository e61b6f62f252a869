/** Ranges of activations while a model is trained: what their scales follow. */
import { REFUSED, between, reads, size, writes } from "../check";
import { LANES, at, lane, larger, smaller } from "../lanes";
import { Hyper } from "../update/hyper";

/** Parameters of observe, written by converter/lower/fake-quant.ts: lo and hi less the zero point. */
@unmanaged
export class Observe {
  x: usize; peak: usize;
  n: i32; lo: i32; hi: i32;
}

const LIMIT: i32 = 1 << 16;

export function checkObserve(p: Observe): f64 {
  return size(p.n) && between(p.lo, -LIMIT, 0) && between(p.hi, 1, LIMIT) && reads(p.x, 4 * <f64>p.n) && writes(p.peak, 4) ? <f64>p.n : REFUSED;
}

/**
 * The scale that x needs: peak[0] = max(peak[0], max x / hi, min x / lo), the last where lo < 0; NaN counts for nothing.
 * x f32 [n] · peak f32 [1]. Checked at load by checkObserve.
 */
export function observe(p: Observe, part: i32, parts: i32): void {
  if (part) return;
  let most: f32 = 0, least: f32 = 0, i = 0;
  if (ASC_FEATURE_SIMD) {
    let high = lane(0), low = high;
    for (; i + LANES <= p.n; i += LANES) {
      high = larger(high, at(p.x, i));
      low = smaller(low, at(p.x, i));
    }
    most = max(max(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1)), max(f32x4.extract_lane(high, 2), f32x4.extract_lane(high, 3)));
    least = min(min(f32x4.extract_lane(low, 0), f32x4.extract_lane(low, 1)), min(f32x4.extract_lane(low, 2), f32x4.extract_lane(low, 3)));
  }
  for (; i < p.n; i++) {
    most = larger<f32>(most, load<f32>(p.x + 4 * i));
    least = smaller<f32>(least, load<f32>(p.x + 4 * i));
  }
  const needed = max(most / <f32>p.hi, p.lo < 0 ? least / <f32>p.lo : 0);
  store<f32>(p.peak, larger<f32>(load<f32>(p.peak), needed));
}

/** Parameters of follow, written by converter/train/programs.ts. */
@unmanaged
export class Follow {
  hyper: usize; s: usize; peak: usize;
  n: i32;
}

const HYPER_BYTES: f64 = 64;
/** How much of the way down a scale goes in a step. */
const DECAY: f32 = 1.0 / 64;

export function checkFollow(p: Follow): f64 {
  const bytes = 4 * <f64>p.n;
  return size(p.n) && reads(p.hyper, HYPER_BYTES) && writes(p.s, bytes) && writes(p.peak, bytes) ? <f64>p.n : REFUSED;
}

/**
 * Scales follow the peaks of the batches of a step, up at once, down slowly; then peaks are zero. A step that the optimizer
 * refused, or a peak that is zero or not finite, changes nothing. s, peak f32 [n]. Checked at load by checkFollow.
 */
export function follow(p: Follow, part: i32, parts: i32): void {
  if (part) return;
  const refused = changetype<Hyper>(p.hyper).refused;
  for (let i = 0; i < p.n; i++) {
    const at = p.s + 4 * i, s = load<f32>(at), peak = load<f32>(p.peak + 4 * i);
    store<f32>(p.peak + 4 * i, 0);
    if (!refused && peak > 0 && peak < Infinity) store<f32>(at, peak > s ? peak : s + (peak - s) * DECAY);
  }
}
