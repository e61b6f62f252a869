/** Weights that were integers once: the scale that makes them integers again. */
import type { TypedArray } from "../ir/graph.ts";
import { weightLimit, type ChannelClip } from "./weights.ts";

/** Distance from an integer that rounding in float32 explains. */
const TOLERANCE = 2 ** -14;

/**
 * Per channel the peak that stands for weightLimit when the largest weight is the integer n: the largest n, from
 * weightLimit down, with which every weight of the channel is an integer; the peak itself where there is none.
 */
export const recoverGrid: ChannelClip = (data, peaks, bits) => {
  const limit = weightLimit(bits), inner = data.length / peaks.length;
  return peaks.map((peak, c) => {
    const n = peak > 0 ? largestStep(data, c * inner, (c + 1) * inner, peak, limit) : 0;
    return n ? (peak / n) * limit : peak;
  });
};

function largestStep(data: TypedArray, from: number, to: number, peak: number, limit: number): number {
  for (let n = limit; n > 0; n--) {
    let i = from;
    while (i < to && isWhole((data[i]! / peak) * n)) i++;
    if (i === to) return n;
  }
  return 0;
}

const isWhole = (v: number) => Math.abs(v - Math.round(v)) <= TOLERANCE;
