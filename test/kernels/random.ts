/** Reproducible random numbers for kernel tests. */
import { randomOf } from "../../examples/digits.ts";

export interface Random {
  /** f32 in [−scale, scale). */
  floats(count: number, scale?: number): Float32Array;
  /** i8 in [−limit, limit]. */
  bytes(count: number, limit?: number): Int8Array;
  /** A whole number in [from, to]. */
  whole(from: number, to: number): number;
}

export function random(seed: number): Random {
  const next = randomOf(seed);
  return {
    floats: (count, scale = 1) => Float32Array.from({ length: count }, () => scale * (2 * next() - 1)),
    bytes: (count, limit = 127) => Int8Array.from({ length: count }, () => Math.floor((2 * limit + 1) * next()) - limit),
    whole: (from, to) => from + Math.floor((to - from + 1) * next()),
  };
}
