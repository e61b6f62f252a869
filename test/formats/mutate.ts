/** Damaged copies of files, the same for the same seed: bit flips, cuts, insertions, overwritten numbers, copied pieces. */

/** Mulberry32: uniform in 0 … 1. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Mutation = (bytes: Uint8Array, random: () => number) => Uint8Array;
const place = (bytes: Uint8Array, random: () => number) => Math.floor(random() * bytes.length);

function joined(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    all.set(p, at);
    at += p.length;
  }
  return all;
}

/** What lengths, sizes and counts look like when they lie. */
const lies = [[0], [0xff], [0x7f], [0xff, 0xff, 0xff, 0xff, 0x0f], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], [0x80, 0x80, 0x80, 0x40], [0xff, 0xff, 0xff, 0x7f]];

const mutations: Mutation[] = [
  (b, r) => { const y = b.slice(); for (let k = 0; k <= r() * 8; k++) y[place(b, r)]! ^= 1 << Math.floor(r() * 8); return y; },
  (b, r) => b.slice(0, place(b, r)),
  (b, r) => { const y = b.slice(), lie = lies[Math.floor(r() * lies.length)]!; y.set(lie.slice(0, b.length), Math.min(place(b, r), Math.max(0, b.length - lie.length))); return y; },
  (b, r) => { const at = place(b, r), lie = lies[Math.floor(r() * lies.length)]!; return joined(b.subarray(0, at), Uint8Array.from(lie), b.subarray(at)); },
  (b, r) => { const at = place(b, r), cut = at + Math.floor(r() * 16); return joined(b.subarray(0, at), b.subarray(cut)); },
  (b, r) => { const y = b.slice(), from = place(b, r), n = Math.min(Math.floor(r() * 64), b.length - from); y.copyWithin(Math.min(place(b, r), b.length - n), from, from + n); return y; },
  (b, r) => { const y = b.slice(); y[place(b, r)] = Math.floor(r() * 256); y[place(b, r)] = Math.floor(r() * 256); return y; },
];

/** One damaged copy; sometimes damaged again. */
export function mutate(bytes: Uint8Array, seed: number): Uint8Array {
  const random = randomOf(seed);
  let result = bytes;
  do result = mutations[Math.floor(random() * mutations.length)]!(result.length ? result : bytes, random); while (random() < 0.3);
  return result;
}

const numbers = [0, 1, -1, 2, 3, 7, 255, 2 ** 20, 2 ** 28, 2 ** 31 - 1, -(2 ** 31), 2 ** 40, 2 ** 53, -(2 ** 53), 9.3e18];
type Tree = Record<string, unknown>;
const isTree = (v: unknown): v is Tree => typeof v === "object" && v !== null && !ArrayBuffer.isView(v) && !Array.isArray(v);

/** Every place in a tree of messages that can be changed. */
function places(tree: Tree, found: [Tree | unknown[], string | number][] = []): [Tree | unknown[], string | number][] {
  for (const [key, value] of Object.entries(tree)) {
    found.push([tree, key]);
    if (isTree(value)) places(value, found);
    if (Array.isArray(value)) value.forEach((item, i) => { found.push([value, i]); if (isTree(item)) places(item, found); });
  }
  return found;
}

/** Changes fields of a decoded file in place, so that it is well-formed and says something else. */
export function mutateTree(tree: Tree, seed: number): void {
  const random = randomOf(seed);
  do {
    const all = places(tree), [holder, key] = all[Math.floor(random() * all.length)]!, [other, from] = all[Math.floor(random() * all.length)]!;
    (holder as Record<string | number, unknown>)[key] = changed((holder as Tree)[key as string], (other as Tree)[from as string], random);
  } while (random() < 0.5);
}

/** A value of the same kind: an extreme number, another place's value, a shorter, longer or repeated list. */
function changed(value: unknown, other: unknown, random: () => number): unknown {
  if (typeof value === "number") return typeof other === "number" && random() < 0.3 ? other : numbers[Math.floor(random() * numbers.length)]!;
  if (typeof value === "string") return typeof other === "string" ? other : random() < 0.5 ? "" : value;
  if (value instanceof Uint8Array) return other instanceof Uint8Array && random() < 0.3 ? other : random() < 0.5 ? mutate(value, Math.floor(random() * 2 ** 31)) : value.slice(0, Math.floor(random() * value.length));
  if (ArrayBuffer.isView(value)) return Array.from(value as Float32Array).slice(0, Math.floor(random() * 4));
  if (Array.isArray(value)) return random() < 0.3 ? value.slice(1) : random() < 0.5 ? [...value, ...value.slice(0, 2)] : value.toReversed();
  return isTree(value) && isTree(other) && Object.keys(value).some((k) => k in other) ? structuredClone(other) : value;
}
