/** Where the samples of a resized axis come from, as TensorFlow places them: half-pixel centres, no antialiasing. */
export interface Taps { taps: number; indices: number[]; weights: number[] }

const places = (from: number, to: number): number[] => Array.from({ length: to }, (_, o) => ((o + 0.5) * from) / to);
const within = (i: number, size: number) => Math.min(Math.max(i, 0), size - 1);

export function nearestTaps(from: number, to: number): Taps {
  const indices = places(from, to).map((p) => within(Math.floor(p), from));
  return { taps: 1, indices, weights: indices.map(() => 1) };
}

/** Two neighbours, weighted by distance. */
export function linearTaps(from: number, to: number): Taps {
  const at = places(from, to).map((p) => p - 0.5), lower = at.map(Math.floor);
  return {
    taps: 2,
    indices: lower.flatMap((i) => [within(i, from), within(i + 1, from)]),
    weights: at.flatMap((p, o) => [1 - (p - lower[o]!), p - lower[o]!]),
  };
}
