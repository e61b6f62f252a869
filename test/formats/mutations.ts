/** Damaged copies of files, the same ones in every run. */

/** Random numbers in [0,1) from a seed (mulberry32). */
export function random(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const lies = [0, 1, 2, 4, 0x7f, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe];

/** One to eight changes: flipped bits, numbers that lie, a part cut off, repeated, moved or zeroed. */
export function mutate(bytes: Uint8Array, next: () => number): Uint8Array {
  let out = bytes.slice();
  const below = (n: number) => Math.floor(next() * n);
  const changes: (() => void)[] = [
    () => { out[below(out.length)]! ^= 1 << below(8); },
    () => { out[below(out.length)] = below(256); },
    () => { word(out, below(Math.max(1, out.length >> 2)) * 4, lies[below(lies.length)]!); },
    () => { word(out, below(Math.max(1, out.length >> 2)) * 4, below(2 * out.length)); },
    () => { word(out, below(out.length), Math.floor(next() * 2 ** 32)); },
    () => { out = out.slice(0, below(out.length) + 1); },
    () => { out.copyWithin(below(out.length), below(out.length), below(out.length)); },
    () => { out.fill(0, below(out.length), below(out.length)); },
  ];
  for (let k = next() < 0.6 ? 1 : 1 + below(8); k > 0; k--) changes[below(next() < 0.8 ? 5 : changes.length)]!();
  return out;
}

function word(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4 && at + i < bytes.length; i++) bytes[at + i] = (value >>> (8 * i)) & 255;
}
