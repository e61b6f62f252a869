/** What works along axes: reductions, softmax, normalization, argMax, cumSum, topK. */
import { sizeOf, type TypedArray } from "../graph.ts";
import { reduceOps, type OpAttributes, type ReduceOp } from "../ops.ts";
import { around, forLines, forRows, rowStrides, stridesOf, walkOver } from "./strides.ts";
import { floats, type Kernel, type Value } from "./value.ts";

/** Strides over `shape` of a tensor that keeps the other axes: 0 along `axes`. */
function keptStrides(shape: readonly number[], axes: readonly number[]): number[] {
  const strides = stridesOf(shape.map((d, axis) => (axes.includes(axis) ? 1 : d)));
  return strides.map((s, axis) => (axes.includes(axis) ? 0 : s));
}

const sizeWithout = (shape: readonly number[], axes: readonly number[]) => sizeOf(shape.filter((_, axis) => !axes.includes(axis)));

/** Calls `row` with places in the sums (step sy) and in x (step sx), for every row of x. */
function forSums(shape: readonly number[], axes: readonly number[], row: (iy: number, sy: number, ix: number, sx: number, n: number) => void): void {
  const walk = walkOver(shape, [keptStrides(shape, axes), stridesOf(shape)]), [sy, sx] = rowStrides(walk) as [number, number];
  forRows(walk, ([iy, ix], n) => row(iy!, sy, ix!, sx, n));
}

function sums(x: Value, axes: readonly number[]): Float64Array {
  const acc = new Float64Array(sizeWithout(x.shape, axes)), data = x.data;
  forSums(x.shape, axes, (iy, sy, ix, sx, n) => { for (let i = 0; i < n; i++) acc[iy + i * sy]! += data[ix + i * sx]!; });
  return acc;
}

function folded(x: Value, axes: readonly number[], start: number, step: (acc: number, v: number) => number): Float64Array {
  const acc = new Float64Array(sizeWithout(x.shape, axes)).fill(start), data = x.data;
  forSums(x.shape, axes, (iy, sy, ix, sx, n) => { for (let i = 0; i < n; i++) acc[iy + i * sy] = step(acc[iy + i * sy]!, data[ix + i * sx]!); });
  return acc;
}

/** log Σ e^x = m + log Σ e^(x − m), m the largest x. */
function logSumExp(x: Value, axes: readonly number[]): Float64Array {
  const largest = folded(x, axes, -Infinity, Math.max), acc = new Float64Array(largest.length), data = x.data;
  const shift = largest.map((m) => (Number.isFinite(m) ? m : 0));
  forSums(x.shape, axes, (iy, sy, ix, sx, n) => { for (let i = 0; i < n; i++) acc[iy + i * sy]! += Math.exp(data[ix + i * sx]! - shift[iy + i * sy]!); });
  return acc.map((sum, i) => Math.log(sum) + shift[i]!);
}

const reducers: Record<ReduceOp, (x: Value, axes: readonly number[]) => Float64Array> = {
  reduceSum: sums,
  reduceMean: (x, axes) => {
    const total = sums(x, axes), count = sizeOf(x.shape) / total.length;
    return total.map((s) => s / count);
  },
  reduceMax: (x, axes) => folded(x, axes, -Infinity, Math.max),
  reduceMin: (x, axes) => folded(x, axes, Infinity, Math.min),
  reduceProd: (x, axes) => folded(x, axes, 1, (a, v) => a * v),
  reduceL1: (x, axes) => folded(x, axes, 0, (a, v) => a + Math.abs(v)),
  reduceL2: (x, axes) => folded(x, axes, 0, (a, v) => a + v * v).map(Math.sqrt),
  reduceSumSquare: (x, axes) => folded(x, axes, 0, (a, v) => a + v * v),
  reduceLogSumExp: logSumExp,
};

type Reduce = Kernel<{ axes: number[]; keepDims: boolean }>;
const reduce = (op: ReduceOp): Reduce => ({ axes }, [x], [y]) => {
  const values = reducers[op](x!, axes);
  y!.data.set(y!.dtype === "int64" ? values.map(Math.trunc) : values);
};
export const reduceKernels = Object.fromEntries(reduceOps.map((op) => [op, reduce(op)])) as Record<ReduceOp, Reduce>;

/** y = e^(x − m) / Σ e^(x − m) along `axis` */
export function softmax({ axis }: OpAttributes["softmax"], [x]: Value[], [y]: Value[]): void {
  forLines(x!.shape, axis, (start, step, size) => {
    const { largest, total } = exponents(x!.data, start, step, size);
    for (let i = 0; i < size; i++) y!.data[start + i * step] = Math.exp(x!.data[start + i * step]! - largest) / total;
  });
}

/** y = x − m − log Σ e^(x − m) along `axis` */
export function logSoftmax({ axis }: OpAttributes["logSoftmax"], [x]: Value[], [y]: Value[]): void {
  forLines(x!.shape, axis, (start, step, size) => {
    const { largest, total } = exponents(x!.data, start, step, size);
    for (let i = 0; i < size; i++) y!.data[start + i * step] = x!.data[start + i * step]! - largest - Math.log(total);
  });
}

function exponents(x: TypedArray, start: number, step: number, size: number): { largest: number; total: number } {
  let largest = -Infinity, total = 0;
  for (let i = 0; i < size; i++) largest = Math.max(largest, x[start + i * step]!);
  for (let i = 0; i < size; i++) total += Math.exp(x[start + i * step]! - largest);
  return { largest, total };
}

/** y = (x − mean) / √(variance + epsilon) · scale + bias, per channel. */
export function batchNorm({ axis, epsilon }: OpAttributes["batchNorm"], [x, scale, bias, mean, variance]: Value[], [y]: Value[]): void {
  const { outer, size, inner } = around(x!.shape, axis), data = x!.data, out = y!.data;
  for (let o = 0, at = 0; o < outer; o++) for (let c = 0; c < size; c++) {
    const m = scale!.data[c]! / Math.sqrt(variance!.data[c]! + epsilon), b = bias!.data[c]! - mean!.data[c]! * m;
    for (let i = 0; i < inner; i++, at++) out[at] = data[at]! * m + b;
  }
}

/** y = (x − mean) / √(variance + epsilon), both over `axes`. */
export function normalize({ axes, epsilon }: OpAttributes["normalize"], [x]: Value[], [y]: Value[]): void {
  const data = floats(x!), out = y!.data, mean = reducers.reduceMean(x!, axes), count = data.length / mean.length;
  const squares = new Float64Array(mean.length);
  forSums(x!.shape, axes, (im, sm, ix, sx, n) => { for (let i = 0; i < n; i++) squares[im + i * sm]! += (data[ix + i * sx]! - mean[im + i * sm]!) ** 2; });
  const factor = squares.map((s) => 1 / Math.sqrt(s / count + epsilon));
  forSums(x!.shape, axes, (im, sm, ix, sx, n) => {
    for (let i = 0; i < n; i++) out[ix + i * sx] = (data[ix + i * sx]! - mean[im + i * sm]!) * factor[im + i * sm]!;
  });
}

const arg = (better: (v: number, best: number) => boolean) => (a: OpAttributes["argMax"], [x]: Value[], [y]: Value[]): void => {
  let to = 0;
  forLines(x!.shape, a.axis, (start, step, size) => {
    let best = 0;
    for (let i = 1; i < size; i++) {
      const v = x!.data[start + i * step]!, held = x!.data[start + best * step]!;
      if (better(v, held) || (a.selectLast && v === held)) best = i;
    }
    y!.data[to++] = best;
  });
};
export const argMax = arg((v, best) => v > best);
export const argMin = arg((v, best) => v < best);

/** y[i] = Σ x[j] over j ≤ i; `exclusive`: j < i; `reverse`: from the end. */
export function cumSum(a: OpAttributes["cumSum"], [x]: Value[], [y]: Value[]): void {
  forLines(x!.shape, a.axis, (start, step, size) => {
    let sum = 0;
    for (let k = 0; k < size; k++) {
      const at = start + (a.reverse ? size - 1 - k : k) * step, v = x!.data[at]!;
      y!.data[at] = a.exclusive ? sum : sum + v;
      sum += v;
    }
  });
}

/** The k largest (or smallest) of each line in order; equal values keep the order of their indices. */
export function topK(a: OpAttributes["topK"], [x]: Value[], [values, indices]: Value[]): void {
  const { inner } = around(x!.shape, a.axis), sign = a.largest ? -1 : 1;
  let line = 0;
  forLines(x!.shape, a.axis, (start, step, size) => {
    const order = Array.from({ length: size }, (_, i) => i).sort((p, q) => sign * (x!.data[start + p * step]! - x!.data[start + q * step]!) || p - q);
    const to = Math.floor(line / inner) * a.k * inner + (line++ % inner);
    for (let i = 0; i < a.k; i++) {
      if (values) values.data[to + i * step] = x!.data[start + order[i]! * step]!;
      if (indices) indices.data[to + i * step] = order[i]!;
    }
  });
}
