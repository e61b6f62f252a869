/** Order of samples in an epoch. The generator is mulberry32 by Tommy Ettinger (public domain): integers only, the same everywhere. */

/** Mixes seed and epoch (the constants are those of Knuth and of MurmurHash3), so that a position needs no state of a generator. */
const startOf = (seed: number, epoch: number): number => (Math.imul(seed, 0x9e3779b1) + Math.imul(epoch, 0x85ebca6b)) | 0;

/**
 * 0 … count − 1 by Fisher and Yates: for i = count − 1 … 1, element i changes places with floor(u · (i + 1)), u the next in [0, 1).
 * @param count at most 2^32 · @param seed an integer
 */
export function shuffled(count: number, seed: number, epoch: number): Uint32Array {
  const order = inOrder(count);
  let s = startOf(seed, epoch);
  for (let i = count - 1; i > 0; i--) {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    const k = Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * (i + 1)), v = order[i]!;
    order[i] = order[k]!;
    order[k] = v;
  }
  return order;
}

export const inOrder = (count: number): Uint32Array => Uint32Array.from({ length: count }, (_, i) => i);
