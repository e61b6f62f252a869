/** Which part of an observed distribution the integers are spent on: histogram → [low, high]. */
import { BINS, centre, quantile, type Histogram } from "./histogram.ts";

export const methods = ["minmax", "percentile", "entropy", "mse"] as const;
export type Method = (typeof methods)[number];
export interface ClipOptions {
  method: Method;
  /** Of `percentile`: per cent of the values kept below the upper and above the lower bound. */
  percentile: number;
  levels: number;
}
type Bounds = [low: number, high: number];

export function clipRange(h: Histogram, { method, percentile, levels }: ClipOptions): Bounds {
  if (h.total === h.zeros) return [0, 0];
  if (method === "minmax") return [h.min, h.max];
  if (method === "percentile") return [quantile(h, 1 - percentile / 100), quantile(h, percentile / 100)];
  return method === "mse" ? leastSquares(h, levels) : leastDivergence(h, levels);
}

/** Bounds that are tried: shares of what was seen. */
const shares = Array.from({ length: 90 }, (_, i) => 1 - i / 100);

/**
 * Bounds of the least expected squared error Σ counts · (x − Q(x))²: clipping against rounding. Each bound in turn is
 * searched with the other fixed, twice.
 */
function leastSquares(h: Histogram, levels: number): Bounds {
  const moments = cumulativeMoments(h);
  let low = Math.min(0, h.min), high = Math.max(0, h.max);
  for (let round = 0; round < 2; round++) {
    high = best(shares.map((s) => s * Math.max(0, h.max)), (to) => squaredError(h, moments, low, to, levels));
    low = best(shares.map((s) => s * Math.min(0, h.min)), (from) => squaredError(h, moments, from, high, levels));
  }
  return [low, high];
}

/** The first of the candidates with the least cost. */
function best(candidates: number[], cost: (candidate: number) => number): number {
  let least = Infinity, found = candidates[0]!;
  for (const candidate of candidates) {
    const c = cost(candidate);
    if (c < least) [least, found] = [c, candidate];
  }
  return found;
}

/** Σ n, Σ n·x and Σ n·x² over the bins before each bin. */
type Moments = [n: Float64Array, x: Float64Array, xx: Float64Array];

function cumulativeMoments(h: Histogram): Moments {
  const moments: Moments = [new Float64Array(BINS + 1), new Float64Array(BINS + 1), new Float64Array(BINS + 1)];
  for (let i = 0; i < BINS; i++) {
    const n = h.counts[i]!, x = centre(h, i);
    [n, n * x, n * x * x].forEach((v, k) => { moments[k]![i + 1] = moments[k]![i]! + v; });
  }
  return moments;
}

/** Within the bounds the error of rounding is that of its step, step² / 12; beyond them it is the distance. */
function squaredError(h: Histogram, moments: Moments, low: number, high: number, levels: number): number {
  const step = (high - low) / (levels - 1), from = binAt(h, low), to = Math.max(from, binAt(h, high));
  const distance = (first: number, end: number, bound: number) => {
    const [n, x, xx] = moments.map((m) => m[end]! - m[first]!) as [number, number, number];
    return xx - 2 * bound * x + bound * bound * n;
  };
  return distance(0, from, low) + distance(to, BINS, high) + ((moments[0][to]! - moments[0][from]!) * step * step) / 12;
}

/** The bin whose centre is the first at or above x. */
const binAt = (h: Histogram, x: number) => Math.max(0, Math.min(BINS, Math.ceil(x / h.width - 0.5) - h.first));

/** Thresholds that are tried. */
const THRESHOLDS = 128;
const VALUES_PER_LEVEL = 16;
const BINS_PER_LEVEL = 2;

/**
 * Bounds whose quantized distribution diverges least from the observed one, after "8-bit inference with TensorRT"
 * (Migacz, 2017) as ONNX Runtime applies it: what lies outside of [−t, t] is added to the outermost bins of p; q is p
 * summed per level and spread again over the bins of that level that hold something. Zeros are left out. Every t is
 * looked at with two bins per level: with more, the peak at zero of a long-tailed distribution outweighs the tail, and
 * the tail is cut off. Fewer values than tell a distribution are not clipped.
 */
function leastDivergence(h: Histogram, levels: number): Bounds {
  const reach = Math.max(Math.abs(h.min), Math.abs(h.max));
  if (h.total - h.zeros < VALUES_PER_LEVEL * levels) return [h.min, h.max];
  const smallest = Math.min(reach, levels * h.width);
  const thresholds = Array.from({ length: THRESHOLDS }, (_, i) => reach - ((reach - smallest) * i) / (THRESHOLDS - 1));
  const t = best(thresholds, (threshold) => divergence(h, threshold, levels));
  return [Math.max(-t, Math.min(0, h.min)), Math.min(t, Math.max(0, h.max))];
}

/** Kullback-Leibler divergence of the quantized from the clipped distribution, in nats. */
function divergence(h: Histogram, threshold: number, levels: number): number {
  const low = Math.max(-threshold, h.min), high = Math.min(threshold, h.max);
  const from = Math.floor(low / h.width) - h.first, to = Math.ceil(high / h.width) - h.first;
  const joined = Math.max(1, Math.ceil((to - from) / (BINS_PER_LEVEL * levels)));
  const inside = new Float64Array(Math.max(1, Math.ceil((to - from) / joined)));
  let below = 0, above = 0;
  for (let i = 0; i < BINS; i++) {
    if (i < from) below += h.counts[i]!;
    else if (i >= to) above += h.counts[i]!;
    else inside[Math.floor((i - from) / joined)]! += h.counts[i]!;
  }
  const q = spread(inside, levels), p = inside;
  p[0]! += below;
  p[p.length - 1]! += above;
  return kullbackLeibler(p, q);
}

/** p summed over each of `levels` equal groups and shared out evenly among the bins of the group that are not empty. */
function spread(p: Float64Array, levels: number): Float64Array {
  const q = new Float64Array(p.length), groups = Math.min(levels, p.length);
  for (let g = 0; g < groups; g++) {
    const from = Math.round((g * p.length) / groups), to = Math.round(((g + 1) * p.length) / groups);
    let sum = 0, filled = 0;
    for (let i = from; i < to; i++) if (p[i]) { sum += p[i]!; filled++; }
    for (let i = from; i < to; i++) if (p[i]) q[i] = sum / filled;
  }
  return q;
}

/** Empty bins of q where p has something count as a hundred-thousandth of an even share. */
function kullbackLeibler(p: Float64Array, q: Float64Array): number {
  const sumP = p.reduce((a, b) => a + b, 0), sumQ = q.reduce((a, b) => a + b, 0);
  if (!sumQ) return Infinity;
  let d = 0;
  for (let i = 0; i < p.length; i++) if (p[i]) d += (p[i]! / sumP) * Math.log(p[i]! / sumP / Math.max(q[i]! / sumQ, 1e-5 / p.length));
  return d;
}
