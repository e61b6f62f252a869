/** fakeQuant and fakeQuantRows: rounding to the grid of integers, quotients in float32 as kernels compute them. */
import type { TrainAttributes } from "../ops.train.ts";
import { roundEven, type Value } from "./value.ts";

const onGrid = (x: number, scale: number, lo: number, hi: number): number => {
  const t = Math.fround(x / scale);
  return scale * roundEven(Math.min(hi, Math.max(lo, Number.isNaN(t) ? 0 : t)));
};

export function fakeQuant({ scale, zeroPoint, lo, hi }: TrainAttributes["fakeQuant"], [x, moving]: (Value | undefined)[], [y]: Value[]): void {
  const s = Math.fround(moving ? moving.data[0]! : scale);
  for (let i = 0; i < y!.data.length; i++) y!.data[i] = onGrid(x!.data[i]!, s, lo - zeroPoint, hi - zeroPoint);
}

export function observe({ zeroPoint, lo, hi }: TrainAttributes["observe"], [acc, x]: Value[], [y]: Value[]): void {
  let most = 0, least = 0;
  for (const v of x!.data as Iterable<number>) {
    if (v > most) most = v;
    if (v < least) least = v;
  }
  y!.data[0] = Math.max(acc!.data[0]!, Math.fround(most / (hi - zeroPoint)), lo < zeroPoint ? Math.fround(least / (lo - zeroPoint)) : 0);
}

export function fakeQuantRows({ limit }: TrainAttributes["fakeQuantRows"], [w, scale]: Value[], [y]: Value[]): void {
  const K = w!.data.length / scale!.data.length;
  scale!.data.forEach((s, o) => {
    let peak = 0;
    for (let k = 0; k < K; k++) if (peak < Math.abs(w!.data[o * K + k]!)) peak = Math.abs(w!.data[o * K + k]!);
    const own = peak > Math.fround(Math.fround(limit + 0.49) * s) ? Math.fround(peak / limit) : s;
    for (let k = 0; k < K; k++) y!.data[o * K + k] = onGrid(w!.data[o * K + k]!, own, -limit, limit);
  });
}
