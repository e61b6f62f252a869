/** y = min(max(x, lo), hi), NaN stays; x may be y. The lower bound 0 of relu takes no branch: half of the values are below it. */
import type { TypedArray } from "../graph.ts";

export function clampInto(x: TypedArray, y: TypedArray, lo: number, hi: number): void {
  if (lo === 0 && x instanceof Float32Array && y instanceof Float32Array && rectify(x, y)) {
    if (hi < Infinity) capAt(y, hi);
  } else for (let i = 0; i < y.length; i++) y[i] = Math.min(hi, Math.max(lo, x[i]!));
}

/** max(x, 0) = (x + |x|) / 2 exactly, but for −∞: false where there was one, or NaN, and x still has to be clamped. */
function rectify(x: Float32Array, y: Float32Array): boolean {
  const source = x === y ? x.slice() : x;
  let sum = 0;
  for (let i = 0; i < y.length; i++) {
    const v = source[i]!, positive = (v + Math.abs(v)) * 0.5;
    sum += positive;
    y[i] = positive;
  }
  if (sum === sum) return true;
  if (source !== x) x.set(source);
  return false;
}

function capAt(y: Float32Array, hi: number): void {
  for (let i = 0; i < y.length; i++) if (y[i]! > hi) y[i] = hi;
}

/** In place; without bounds nothing is done. */
export function clampAll(y: TypedArray, clamp: readonly [number, number] | undefined): void {
  if (clamp && (clamp[0] !== -Infinity || clamp[1] !== Infinity)) clampInto(y, y, clamp[0], clamp[1]);
}
