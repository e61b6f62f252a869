/**
 * Parameters of recurrent kernels: [gates · H] rows of one direction, each gate padded to P = H up to a multiple of 8,
 * so that every gate starts at a whole vector. Weights that are known only at run time are packed by copies.
 */
import { tensorOf, type TypedArray } from "../ir/graph.ts";
import type { LoweringContext, Operand } from "./context.ts";
import { packF32, packI8 } from "./pack.ts";

/** One direction of a recurrent layer. */
export interface Gates { d: number; G: number; H: number }

export const paddedTo8 = (n: number): number => Math.ceil(n / 8) * 8;

/** [G·H,K] of a direction → [G·P,K], padding zero. */
export function paddedRows<T extends TypedArray>(data: T, { G, H }: Gates, K: number): T {
  const P = paddedTo8(H), rows = new (data.constructor as new (n: number) => T)(G * P * K);
  for (let g = 0; g < G; g++) rows.set(data.subarray(g * H * K, (g + 1) * H * K), g * P * K);
  return rows;
}

/** The part of a [D,…] constant that belongs to direction d. */
export const directionOf = <T extends TypedArray>(data: T, d: number, size: number): T => data.subarray(d * size, (d + 1) * size) as T;

/** Float weights [D,G·H,K] of one direction, packed [G·P/8][K][8]. */
export function weightsF32(c: LoweringContext, name: string, gates: Gates, K: number): Operand {
  const { d, G, H } = gates, data = tensorOf(c.graph, name).data, size = G * H * K;
  return data ? packedRows(c, directionOf(data, d, size), gates, K) : packedAtRunTime(c, c.at(name, 4 * d * size), gates, K);
}

/** [G·H,K], packed. */
export const packedRows = (c: LoweringContext, data: TypedArray, gates: Gates, K: number): Operand =>
  c.constant(packF32(paddedRows(data, gates, K), gates.G * paddedTo8(gates.H), K));

export function packedAtRunTime(c: LoweringContext, w: Operand, { G, H }: Gates, K: number): Operand {
  const P = paddedTo8(H), packed = c.scratch(4 * G * P * K);
  if (P > H) c.call("fill", { y: packed, n: G * P * K, bytes: 4, bits: 0 }, ["y"]);
  for (let g = 0; g < G; g++) {
    const from = 4 * g * H * K, to = 4 * g * P * K, whole = H >> 3;
    if (whole) copyRows(c, moved(w, from), moved(packed, to), [whole, 8, K], [8 * K, K, 1], [8 * K, 1, 8]);
    if (H & 7) copyRows(c, moved(w, from + 32 * whole * K), moved(packed, to + 32 * whole * K), [1, H & 7, K], [0, K, 1], [0, 1, 8]);
  }
  return packed;
}

/** int8 weights [D,G·H,K] of one direction, packed c4. */
export function weightsI8(c: LoweringContext, name: string, gates: Gates, K: number): Operand {
  const { d, G, H } = gates, data = tensorOf(c.graph, name).data as Int8Array;
  return c.constant(packI8(paddedRows(directionOf(data, d, G * H * K), gates, K), G * paddedTo8(H), K));
}

/** `count` floats per gate from [D,all·H], starting at gate `first`, padded; zeros where there is no tensor. */
export function perGate(c: LoweringContext, name: string | undefined, gates: Gates, all: number, first = 0): Operand {
  const { d, G, H } = gates, P = paddedTo8(H), at = (d * all + first) * H;
  if (!name) return c.constant(new Float32Array(G * P));
  const data = tensorOf(c.graph, name).data;
  if (data) return c.constant(paddedRows(Float32Array.from(data.subarray(at, at + G * H)), gates, 1));
  const padded = c.scratch(4 * G * P);
  c.call("fill", { y: padded, n: G * P, bytes: 4, bits: 0 }, ["y"]);
  copyRows(c, c.at(name, 4 * at), padded, [1, G, H], [0, H, 1], [0, P, 1]);
  return padded;
}

const moved = (o: Operand, bytes: number): Operand => ({ ...o, offset: o.offset + bytes });

/** A strided copy of floats over three axes. */
function copyRows(c: LoweringContext, x: Operand, y: Operand, n: number[], xs: number[], ys: number[]): void {
  const axes = (prefix: string, values: number[], fill: number) => Object.fromEntries([fill, fill, fill, ...values].map((v, i) => [`${prefix}${i}`, v]));
  c.call("copy", { x, y, bytes: 4, ...axes("n", n, 1), ...axes("x", xs, 0), ...axes("y", ys, 0) }, ["y"]);
}
