/** Unary and binary operators and `where`. The most frequent ones have loops of their own: no call per element. */
import { binaryOps, unaryOps, type BinaryOp, type Clamp, type UnaryOp } from "../ops.ts";
import { clampAll, clampInto } from "./clamp.ts";
import { binaryScalar, unaryScalar } from "./math.ts";
import { broadcastStrides, forRows, rowStrides, stridesOf, walkOver } from "./strides.ts";
import type { TypedArray } from "../graph.ts";
import type { Kernel, Value } from "./value.ts";

type Loop = (x: TypedArray, y: TypedArray, alpha: number, beta: number) => void;

const unaryLoops: Partial<Record<UnaryOp, Loop>> = {
  clip: clampInto,
  affine: (x, y, alpha, beta) => { for (let i = 0; i < y.length; i++) y[i] = alpha * x[i]! + beta; },
  leakyRelu: (x, y, alpha) => { for (let i = 0; i < y.length; i++) y[i] = x[i]! < 0 ? alpha * x[i]! : x[i]!; },
  hardSigmoid: (x, y, alpha, beta) => { for (let i = 0; i < y.length; i++) y[i] = Math.min(1, Math.max(0, alpha * x[i]! + beta)); },
  hardSwish: (x, y) => { for (let i = 0; i < y.length; i++) y[i] = (x[i]! * Math.min(6, Math.max(0, x[i]! + 3))) / 6; },
  sigmoid: (x, y) => { for (let i = 0; i < y.length; i++) y[i] = 1 / (1 + Math.exp(-x[i]!)); },
  tanh: (x, y) => { for (let i = 0; i < y.length; i++) y[i] = Math.tanh(x[i]!); },
};

function unary(op: UnaryOp): Kernel<{ alpha: number; beta: number }> {
  const f = unaryScalar[op], loop = unaryLoops[op];
  return ({ alpha, beta }, [x], [y]) => {
    if (loop) return loop(x!.data, y!.data, alpha, beta);
    const from = x!.data, to = y!.data;
    for (let i = 0; i < to.length; i++) to[i] = f(from[i]!, alpha, beta);
  };
}

/** y[iy + i] = f(a[ia + i·sa], b[ib + i·sb]) for i below n */
type Row = (y: TypedArray, iy: number, a: TypedArray, ia: number, sa: number, b: TypedArray, ib: number, sb: number, n: number) => void;

const binaryRows: Partial<Record<BinaryOp, Row>> = {
  add: (y, iy, a, ia, sa, b, ib, sb, n) => { for (let i = 0; i < n; i++) y[iy + i] = a[ia + i * sa]! + b[ib + i * sb]!; },
  sub: (y, iy, a, ia, sa, b, ib, sb, n) => { for (let i = 0; i < n; i++) y[iy + i] = a[ia + i * sa]! - b[ib + i * sb]!; },
  mul: (y, iy, a, ia, sa, b, ib, sb, n) => { for (let i = 0; i < n; i++) y[iy + i] = a[ia + i * sa]! * b[ib + i * sb]!; },
};

const rowOf = (f: (a: number, b: number) => number): Row => (y, iy, a, ia, sa, b, ib, sb, n) => {
  for (let i = 0; i < n; i++) y[iy + i] = f(a[ia + i * sa]!, b[ib + i * sb]!);
};

function binary(op: BinaryOp): Kernel<{ clamp: Clamp }> {
  const row = binaryRows[op] ?? rowOf(binaryScalar[op]);
  return ({ clamp }, [a, b], [y]) => {
    const walk = walkOver(y!.shape, [stridesOf(y!.shape), broadcastStrides(a!.shape, y!.shape), broadcastStrides(b!.shape, y!.shape)]);
    const [, sa, sb] = rowStrides(walk) as [number, number, number];
    forRows(walk, ([iy, ia, ib], n) => row(y!.data, iy!, a!.data, ia!, sa, b!.data, ib!, sb, n));
    if (y!.dtype === "int64") wholeNumbers(y!.data);
    clampAll(y!.data, clamp);
  };
}

/** Quotients and powers of integers are cut towards zero; typed arrays of other integers do that by themselves. */
function wholeNumbers(y: TypedArray): void {
  for (let i = 0; i < y.length; i++) y[i] = Math.trunc(y[i]!);
}

/** y = condition ? a : b */
export function where(_: unknown, [c, a, b]: Value[], [y]: Value[]): void {
  const walk = walkOver(y!.shape, [stridesOf(y!.shape), ...[c!, a!, b!].map((v) => broadcastStrides(v.shape, y!.shape))]);
  const [, sc, sa, sb] = rowStrides(walk) as [number, number, number, number];
  forRows(walk, ([iy, ic, ia, ib], n) => {
    for (let i = 0; i < n; i++) y!.data[iy! + i] = c!.data[ic! + i * sc] ? a!.data[ia! + i * sa]! : b!.data[ib! + i * sb]!;
  });
}

export const unaryKernels = Object.fromEntries(unaryOps.map((op) => [op, unary(op)])) as Record<UnaryOp, Kernel<{ alpha: number; beta: number }>>;
export const binaryKernels = Object.fromEntries(binaryOps.map((op) => [op, binary(op)])) as Record<BinaryOp, Kernel<{ clamp: Clamp }>>;
