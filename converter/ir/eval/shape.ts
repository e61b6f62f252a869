/** What only moves elements: reshape, transpose, slice, concat, pad, expand, tile, and what picks by index. */
import { OctavoError } from "../error.ts";
import { sizeOf } from "../graph.ts";
import type { OpAttributes } from "../ops.ts";
import { around, forLines, forRows, rowStrides, stridesOf, walkOver } from "./strides.ts";
import type { Value } from "./value.ts";

/** x with its channels `channels` replaced. */
export function withChannels({ channels }: OpAttributes["withChannels"], [x, own]: Value[], [y]: Value[]): void {
  const C = x!.shape.at(-1)!, n = channels.length;
  y!.data.set(x!.data);
  for (let i = 0; i < own!.data.length; i++) y!.data[Math.floor(i / n) * C + channels[i % n]!] = own!.data[i]!;
}

export const copyAll = (_: unknown, [x]: Value[], [y]: Value[]): void => y!.data.set(x!.data);

/** y[i…] = x[i of axis perm⁻¹ …]: axis k of y is axis perm[k] of x. */
export function transpose({ perm }: OpAttributes["transpose"], [x]: Value[], [y]: Value[]): void {
  const from = stridesOf(x!.shape), walk = walkOver(y!.shape, [stridesOf(y!.shape), perm.map((p) => from[p]!)]);
  const [, sx] = rowStrides(walk) as [number, number], data = x!.data, out = y!.data;
  forRows(walk, ([iy, ix], n) => { for (let i = 0; i < n; i++) out[iy! + i] = data[ix! + i * sx]!; });
}

/** y[i0,i1,…] = x[maps[0][i0], maps[1][i1], …], or `fill` where an entry is −1. */
function take(x: Value, y: Value, maps: readonly Int32Array[], fill = 0): void {
  if (!maps.length) { y.data[0] = x.data[0]!; return; }
  const from = stridesOf(x.shape), to = stridesOf(y.shape), last = maps.length - 1;
  const visit = (axis: number, ix: number, iy: number): void => {
    const map = maps[axis]!;
    if (axis === last) return takeRow(x, ix, y, iy, map, fill);
    for (let i = 0; i < map.length; i++) {
      const at = iy + i * to[axis]!;
      if (map[i]! < 0) y.data.fill(fill, at, at + to[axis]!);
      else visit(axis + 1, ix + map[i]! * from[axis]!, at);
    }
  };
  visit(0, 0, 0);
}

function takeRow(x: Value, ix: number, y: Value, iy: number, map: Int32Array, fill: number): void {
  const data = x.data, out = y.data;
  for (let i = 0; i < map.length; i++) out[iy + i] = map[i]! < 0 ? fill : data[ix + map[i]!]!;
}

const mapOf = (size: number, f: (i: number) => number) => Int32Array.from({ length: size }, (_, i) => f(i));

export const slice = (a: OpAttributes["slice"], [x]: Value[], [y]: Value[]): void =>
  take(x!, y!, a.sizes.map((size, axis) => mapOf(size, (i) => a.starts[axis]! + i * a.steps[axis]!)));

export const expand = (_: unknown, [x]: Value[], [y]: Value[]): void => {
  const lead = y!.shape.length - x!.shape.length, shape = [...new Array<number>(lead).fill(1), ...x!.shape];
  take({ ...x!, shape }, y!, y!.shape.map((size, axis) => mapOf(size, (i) => (shape[axis] === 1 ? 0 : i))));
};

export const tile = (_: unknown, [x]: Value[], [y]: Value[]): void =>
  take(x!, y!, y!.shape.map((size, axis) => mapOf(size, (i) => i % x!.shape[axis]!)));

/** Which element of an axis of `size` stands at position i, −1 for the padding value. */
const padded: Record<OpAttributes["pad"]["mode"], (i: number, size: number) => number> = {
  constant: (i, size) => (i < 0 || i >= size ? -1 : i),
  edge: (i, size) => Math.min(size - 1, Math.max(0, i)),
  wrap: (i, size) => ((i % size) + size) % size,
  reflect: (i, size) => {
    const period = Math.max(1, 2 * (size - 1)), at = ((i % period) + period) % period;
    return size === 1 ? 0 : at < size ? at : period - at;
  },
};

export const pad = (a: OpAttributes["pad"], [x]: Value[], [y]: Value[]): void =>
  take(x!, y!, y!.shape.map((size, axis) => mapOf(size, (i) => padded[a.mode](i - a.before[axis]!, x!.shape[axis]!))), a.value);

export function concat({ axis }: OpAttributes["concat"], inputs: Value[], [y]: Value[]): void {
  const { outer, size, inner } = around(y!.shape, axis);
  let start = 0;
  for (const x of inputs) {
    const run = x.shape[axis]! * inner;
    for (let o = 0; o < outer; o++) y!.data.set(x.data.subarray(o * run, (o + 1) * run), o * size * inner + start);
    start += run;
  }
}

function indexIn(value: number, size: number): number {
  const i = value < 0 ? value + size : value;
  if (!(i >= 0 && i < size)) throw new OctavoError("ERR_OCTAVO_SHAPE", `index ${value} is outside of an axis of ${size}`);
  return i;
}

/** y[o,j…,i] = x[o, indices[j…], i] */
export function gather({ axis }: OpAttributes["gather"], [x, indices]: Value[], [y]: Value[]): void {
  const { outer, size, inner } = around(x!.shape, axis);
  let to = 0;
  for (let o = 0; o < outer; o++) for (const index of indices!.data) {
    const from = (o * size + indexIn(index, size)) * inner;
    y!.data.set(x!.data.subarray(from, from + inner), to);
    to += inner;
  }
}

/** y = acc, and y[indices[j]] += dy[j], j ascending */
export function gatherGrad(_: unknown, [acc, indices, dy]: Value[], [y]: Value[]): void {
  const size = acc!.shape[0]!, inner = acc!.data.length / size;
  y!.data.set(acc!.data);
  Array.from(indices!.data).forEach((index, j) => {
    const to = indexIn(index, size) * inner;
    for (let e = 0; e < inner; e++) y!.data[to + e]! += dy!.data[j * inner + e]!;
  });
}

/** Calls `visit` for every element of `shape` with its number and the place in x that its index along `axis` names. */
function forElements(x: Value, indices: Value, axis: number, visit: (element: number, place: number) => void): void {
  const strides = stridesOf(x.shape), own = stridesOf(indices.shape);
  for (let e = 0; e < indices.data.length; e++) {
    let place = 0;
    for (let k = 0; k < own.length; k++) {
      const i = k === axis ? indexIn(indices.data[e]!, x.shape[k]!) : Math.floor(e / own[k]!) % indices.shape[k]!;
      place += i * strides[k]!;
    }
    visit(e, place);
  }
}

export const gatherElements = ({ axis }: OpAttributes["gatherElements"], [x, indices]: Value[], [y]: Value[]): void =>
  forElements(x!, indices!, axis, (e, place) => { y!.data[e] = x!.data[place]!; });

const combine: Record<OpAttributes["scatterElements"]["reduction"], (old: number, update: number) => number> = {
  none: (_, u) => u, add: (o, u) => o + u, mul: (o, u) => o * u, max: Math.max, min: Math.min,
};

export function scatterElements({ axis, reduction }: OpAttributes["scatterElements"], [x, indices, updates]: Value[], [y]: Value[]): void {
  const f = combine[reduction];
  y!.data.set(x!.data);
  forElements(x!, indices!, axis, (e, place) => { y!.data[place] = f(y!.data[place]!, updates!.data[e]!); });
}

/** y[b…,j…,:] = x[b…, indices[b…,j…,0], indices[b…,j…,1], …, :] */
export function gatherNd({ batchDims }: OpAttributes["gatherNd"], [x, indices]: Value[], [y]: Value[]): void {
  const depth = indices!.shape.at(-1)!, batches = sizeOf(x!.shape.slice(0, batchDims)), run = sizeOf(x!.shape.slice(batchDims + depth));
  const perBatch = sizeOf(indices!.shape.slice(batchDims, -1)), strides = stridesOf(x!.shape);
  for (let row = 0; row < batches * perBatch; row++) {
    let from = Math.floor(row / perBatch) * sizeOf(x!.shape.slice(batchDims));
    for (let k = 0; k < depth; k++) from += indexIn(indices!.data[row * depth + k]!, x!.shape[batchDims + k]!) * strides[batchDims + k]!;
    y!.data.set(x!.data.subarray(from, from + run), row * run);
  }
}

/** y[o] = Σt weights[o·taps + t] · x[indices[o·taps + t]] along `axis` */
export function resample(a: OpAttributes["resample"], [x]: Value[], [y]: Value[]): void {
  const { inner } = around(x!.shape, a.axis), sizeOut = y!.shape[a.axis]!;
  let line = 0;
  forLines(x!.shape, a.axis, (start, step) => {
    const to = Math.floor(line / inner) * sizeOut * inner + (line++ % inner);
    for (let o = 0; o < sizeOut; o++) {
      let sum = 0;
      for (let t = o * a.taps; t < (o + 1) * a.taps; t++) sum += a.weights[t]! * x!.data[start + a.indices[t]! * step]!;
      y!.data[to + o * step] = sum;
    }
  });
}

/** Integers cut towards zero and wrap as in C; bool is "not zero". */
export function cast({ to }: OpAttributes["cast"], [x]: Value[], [y]: Value[]): void {
  const data = x!.data, out = y!.data;
  if (to === "bool") for (let i = 0; i < out.length; i++) out[i] = data[i] ? 1 : 0;
  else if (to === "int64") for (let i = 0; i < out.length; i++) out[i] = Math.trunc(data[i]!);
  else out.set(data);
}
