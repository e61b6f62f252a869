/**
 * A histogram that grows with its data: bins of a power-of-two width on a grid anchored at zero. Bin k holds the values
 * in [k · width, (k + 1) · width); when the data no longer fit, pairs of bins merge and the width doubles, so that the
 * counts never depend on the order of the samples. Exact zeros, which every scale represents, are counted apart.
 */
export const BINS = 4096;

export interface Histogram {
  /** 0 until a value other than zero has come. */
  width: number;
  /** k of counts[0]. */
  first: number;
  counts: Float64Array;
  zeros: number;
  /** Values recorded, zeros included. */
  total: number;
  min: number;
  max: number;
}

export const createHistogram = (): Histogram =>
  ({ width: 0, first: 0, counts: new Float64Array(BINS), zeros: 0, total: 0, min: Infinity, max: -Infinity });

/**
 * Adds values, at least one, if all of them are finite.
 * @returns whether they were; nothing is added otherwise
 */
export function record(h: Histogram, values: ArrayLike<number>): boolean {
  const [min, max] = extent(values);
  if (!(min > -Infinity && max < Infinity)) return false;
  h.min = Math.min(h.min, min);
  h.max = Math.max(h.max, max);
  h.total += values.length;
  if (min === 0 && max === 0) h.zeros += values.length;
  else {
    fit(h, min, max);
    count(h, values);
  }
  return true;
}

/** Least and greatest value; [NaN, NaN] where there is a NaN. */
function extent(values: ArrayLike<number>): [number, number] {
  let min = Infinity, max = -Infinity, odd = false;
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    if (v < min) min = v;
    if (v > max) max = v;
    odd ||= v !== v;
  }
  return odd ? [NaN, NaN] : [min, max];
}

function count(h: Histogram, values: ArrayLike<number>): void {
  const { counts, first } = h, perWidth = 1 / h.width;
  let zeros = 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    if (v === 0) zeros++;
    else counts[(v * perWidth - first) | 0]!++; // not negative, and exact: the width is a power of two
  }
  h.zeros += zeros;
}

/** Makes the bins cover [min, max] besides what they hold. */
function fit(h: Histogram, min: number, max: number): void {
  const [low, high] = occupied(h);
  const from = Math.min(min, low), to = Math.max(max, high);
  let width = h.width || smallestWidth(from, to);
  while (Math.floor(to / width) - Math.floor(from / width) >= BINS) width *= 2;
  const first = Math.floor(from / width), last = Math.floor(to / width);
  const covered = width === h.width && first >= h.first && last < h.first + BINS;
  if (!covered) rebin(h, width, centred(first, last));
}

/** Least and greatest value of the bins that hold something; [Infinity, -Infinity] where none does. */
function occupied(h: Histogram): [number, number] {
  let low = 0, high = BINS - 1;
  while (low < BINS && !h.counts[low]) low++;
  while (high >= 0 && !h.counts[high]) high--;
  return low < BINS ? [(h.first + low) * h.width, (h.first + high) * h.width] : [Infinity, -Infinity];
}

/** A power of two: [from, to] takes at most BINS bins, and a bin is not finer than float32 resolves. */
function smallestWidth(from: number, to: number): number {
  const resolved = Math.max(Math.abs(from), Math.abs(to)) * 2 ** -23;
  return 2 ** Math.ceil(Math.log2(Math.max((to - from) / BINS, resolved)));
}

/** First bin such that first … last lie in the middle. */
const centred = (first: number, last: number) => first - ((BINS - 1 - (last - first)) >> 1);

function rebin(h: Histogram, width: number, first: number): void {
  const counts = new Float64Array(BINS), ratio = width / (h.width || width);
  for (let i = 0; i < BINS; i++) if (h.counts[i]) counts[Math.floor((h.first + i) / ratio) - first]! += h.counts[i]!;
  Object.assign(h, { counts, width, first });
}

/** Centre of bin i. */
export const centre = (h: Histogram, i: number): number => (h.first + i + 0.5) * h.width;

/** Value below which `share` of all values lie, to one bin; never outside of what was seen. */
export function quantile(h: Histogram, share: number): number {
  const wanted = share * h.total;
  let seen = 0, zerosSeen = h.zeros === 0;
  for (let i = 0; i < BINS; i++) {
    if (!zerosSeen && h.first + i >= 0) {
      zerosSeen = true;
      seen += h.zeros;
      if (seen > wanted) return 0;
    }
    seen += h.counts[i]!;
    if (seen > wanted) return Math.min(h.max, Math.max(h.min, (h.first + i + (share < 0.5 ? 0 : 1)) * h.width));
  }
  return h.max;
}
