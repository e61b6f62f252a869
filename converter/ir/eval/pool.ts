/** maxPool2d and averagePool2d on x [N,H,W,C]. */
import type { OpAttributes } from "../ops.ts";
import { floats, type Value } from "./value.ts";

export type Windows = Pick<OpAttributes["maxPool2d"], "kernel" | "stride" | "dilation" | "pad">;

/** Calls `tap` for each pixel of x under the window of each output pixel, then `done` with how many there were. */
export function forWindows(a: Windows, x: Pick<Value, "shape">, y: Pick<Value, "shape">, tap: (from: number) => void, done: (to: number, taps: number, i: number, j: number) => void): void {
  const [N, H, W, C] = x.shape as [number, number, number, number], [, OH, OW] = y.shape as [number, number, number, number];
  for (let n = 0; n < N; n++) for (let i = 0; i < OH; i++) for (let j = 0; j < OW; j++) {
    let taps = 0;
    for (let u = 0; u < a.kernel[0]!; u++) {
      const h = i * a.stride[0]! - a.pad[0]! + u * a.dilation[0]!;
      if (h < 0 || h >= H) continue;
      for (let v = 0; v < a.kernel[1]!; v++) {
        const w = j * a.stride[1]! - a.pad[1]! + v * a.dilation[1]!;
        if (w < 0 || w >= W) continue;
        tap(((n * H + h) * W + w) * C);
        taps++;
      }
    }
    done(((n * OH + i) * OW + j) * C, taps, i, j);
  }
}

/** y[n,i,j,c] = clamp(max of the window's pixels inside x) */
export function maxPool2d(a: OpAttributes["maxPool2d"], [x, ]: Value[], [y]: Value[]): void {
  const data = x!.data, C = x!.shape[3]!, [lo, hi] = a.clamp, best = new Float64Array(C).fill(-Infinity);
  forWindows(a, x!, y!, (from) => {
    for (let c = 0; c < C; c++) {
      const v = data[from + c]!;
      if (v > best[c]! || v !== v) best[c] = v;
    }
  }, (to) => {
    for (let c = 0; c < C; c++) y!.data[to + c] = Math.min(hi, Math.max(lo, best[c]!));
    best.fill(-Infinity);
  });
}

/** Taps of window i, j that lie inside x [N,H,W,C] and its padding. */
export function padded(a: Windows, x: readonly number[], i: number, j: number): number {
  const inside = (axis: 0 | 1, at: number) => {
    let count = 0;
    for (let u = 0; u < a.kernel[axis]!; u++) if (at * a.stride[axis]! + u * a.dilation[axis]! < x[1 + axis]! + a.pad[axis]! + a.pad[2 + axis]!) count++;
    return count;
  };
  return inside(0, i) * inside(1, j);
}

/** y[n,i,j,c] = clamp(Σ / count), count: the window's pixels inside x, and those of its padding if `countIncludePad`. */
export function averagePool2d(a: OpAttributes["averagePool2d"], [x]: Value[], [y]: Value[]): void {
  const data = floats(x!), C = x!.shape[3]!, [lo, hi] = a.clamp, sums = new Float64Array(C);
  forWindows(a, x!, y!, (from) => {
    for (let c = 0; c < C; c++) sums[c]! += data[from + c]!;
  }, (to, taps, i, j) => {
    const count = a.countIncludePad ? padded(a, x!.shape, i, j) : taps;
    for (let c = 0; c < C; c++) y!.data[to + c] = Math.min(hi, Math.max(lo, sums[c]! / count));
    sums.fill(0);
  });
}
