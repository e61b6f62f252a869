/**
 * Numbers from a seed, the same in every engine: 32-bit integers, comparisons, and operations that IEEE 754 rounds exactly.
 * Generator: sfc32 of PractRand by Chris Doty-Humphrey (public domain), started with (0, seed, 0, 1), 12 numbers dropped.
 */
export class Random {
  private a = 0;
  private b: number;
  private c = 0;
  private d = 1;

  /** @param seed 0 … 2^32 − 1 */
  constructor(seed: number) {
    this.b = seed | 0;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** 0 … 2^32 − 1 */
  private next(): number {
    const t = (((this.a + this.b) | 0) + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + t) | 0;
    return t >>> 0;
  }

  /** In [−bound, bound). */
  uniform(bound: number): number {
    return (this.next() / 2 ** 31 - 1) * bound;
  }

  /** Standard normal, by comparisons alone: y = k + x, then a sign (Karney, Sampling exactly from the normal distribution, 2016). */
  normal(): number {
    for (;;) {
      let k = 0;
      while (this.isWithin(0.5)) k++;
      const x = this.next() / 2 ** 32;
      if (this.areWithin(0.5, k * (k - 1)) && this.areWithin((x * (2 * k + x)) / (2 * k + 2), k + 1)) return this.next() < 2 ** 31 ? k + x : -(k + x);
    }
  }

  private areWithin(p: number, times: number): boolean {
    for (let i = 0; i < times; i++) if (!this.isWithin(p)) return false;
    return true;
  }

  /** True with probability exp(−p), 0 ≤ p ≤ 1: whether a falling run of uniform numbers below p has even length (von Neumann 1951). */
  private isWithin(p: number): boolean {
    let even = true;
    for (let last = p; ; even = !even) {
      const u = this.next() / 2 ** 32;
      if (u >= last) return even;
      last = u;
    }
  }
}

/**
 * `count` orthonormal vectors of `length` ≥ count numbers: Gram and Schmidt on normal ones, so that R of QR has a positive
 * diagonal, as in Keras' Orthogonal.
 */
export function orthonormal(random: Random, count: number, length: number): Float64Array[] {
  const vectors: Float64Array[] = [];
  for (let i = 0; i < count; i++) {
    const v = Float64Array.from({ length }, () => random.normal());
    for (const other of vectors) {
      const part = dot(v, other);
      for (let k = 0; k < length; k++) v[k]! -= part * other[k]!;
    }
    const norm = Math.sqrt(dot(v, v));
    vectors.push(v.map((x) => x / norm));
  }
  return vectors;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}
