/**
 * Handwritten-looking digits made from strokes: the inputs of `octavo demo` and of tests, so that no dataset ships.
 * Drawn as MNIST draws: 28 × 28, white on black, the figure about 20 pixels high around the centre, 0 … 1.
 */

type Point = readonly [x: number, y: number];
type Stroke = readonly Point[];

export const SIDE = 28;

/** Points on an ellipse from angle `from` to `to`, in turns, clockwise from the right. */
const arc = (cx: number, cy: number, rx: number, ry: number, from: number, to: number): Point[] =>
  Array.from({ length: 17 }, (_, i) => {
    const angle = 2 * Math.PI * (from + ((to - from) * i) / 16);
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
  });

/** Strokes of 0 … 9 in a box of 1 × 1, y down. */
const glyphs: readonly (readonly Stroke[])[] = [
  [arc(0.5, 0.5, 0.32, 0.48, 0, 1)],
  [[[0.38, 0.15], [0.55, 0.02], [0.5, 0.98]]],
  [[...arc(0.48, 0.27, 0.3, 0.25, -0.5, 0.08), [0.18, 0.96], [0.84, 0.94]]],
  [[...arc(0.46, 0.26, 0.28, 0.24, -0.4, 0.25), ...arc(0.46, 0.74, 0.32, 0.25, -0.25, 0.42)]],
  [[[0.3, 0.03], [0.18, 0.55], [0.82, 0.5]], [[0.68, 0.08], [0.6, 0.98]]],
  [[[0.8, 0.04], [0.3, 0.06], [0.24, 0.44], ...arc(0.45, 0.69, 0.32, 0.27, -0.3, 0.4)]],
  [[[0.66, 0.02], [0.34, 0.34], ...arc(0.5, 0.72, 0.28, 0.25, -0.5, 0.5)]],
  [[[0.16, 0.08], [0.82, 0.06], [0.42, 0.98]]],
  [arc(0.5, 0.26, 0.25, 0.23, 0, 1), arc(0.5, 0.74, 0.3, 0.25, 0, 1)],
  [[...arc(0.5, 0.3, 0.27, 0.27, 0, 1), [0.7, 0.98]]],
];

/** A generator of numbers in [0, 1) that gives the same ones everywhere (mulberry32). */
export function randomOf(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Distance from p to the segment a b. */
function distance([px, py]: Point, [ax, ay]: Point, [bx, by]: Point): number {
  const dx = bx - ax, dy = by - ay, along = ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy || 1), t = Math.min(1, Math.max(0, along));
  return Math.hypot(px - ax - t * dx, py - ay - t * dy);
}

/** One digit, f32 [28,28]: its strokes slanted, scaled and shifted a little. */
export function drawDigit(digit: number, random: () => number): Float32Array {
  const slant = 0.3 * (random() - 0.35), height = 18 + 3 * random(), width = 15 + 4 * random(), thickness = 1 + 0.7 * random();
  const left = 14 - width / 2 + random() - 0.5, top = 14 - height / 2 + random() - 0.5;
  const strokes = glyphs[digit]!.map((stroke) => stroke.map(([x, y]): Point => [left + width * (x + slant * (0.5 - y)), top + height * y]));
  const nearest = (p: Point) => Math.min(...strokes.flatMap((s) => s.slice(1).map((b, i) => distance(p, s[i]!, b))));
  return Float32Array.from({ length: SIDE * SIDE }, (_, i) => Math.min(1, Math.max(0, thickness + 0.5 - nearest([(i % SIDE) + 0.5, Math.floor(i / SIDE) + 0.5]))));
}

/** `count` digits 0 1 2 … in turn, with their labels. x f32 [count,28,28] */
export function digits(count: number, seed = 1): { x: Float32Array; labels: Uint8Array } {
  const random = randomOf(seed), x = new Float32Array(count * SIDE * SIDE);
  for (let i = 0; i < count; i++) x.set(drawDigit(i % 10, random), i * SIDE * SIDE);
  return { x, labels: Uint8Array.from({ length: count }, (_, i) => i % 10) };
}
