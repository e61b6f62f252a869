/** Resizing, one axis at a time, as TFLite's reference kernels place and weigh their samples (reference/resize_*.h). */
import type { Quantization } from "../../ir/graph.ts";
import type { OperatorTable, TfliteNode } from "./node.ts";
import { options } from "./schema.ts";
import { spend } from "./scope.ts";
import { show } from "./tensors.ts";

export const resizes: OperatorTable = { RESIZE_BILINEAR: bilinear, RESIZE_NEAREST_NEIGHBOR: nearest };

interface Placement { alignCorners: boolean; halfPixelCenters: boolean }
interface Taps { taps: number; indices: number[]; weights: number[] }
const f = Math.fround;

function sizesOf(n: TfliteNode, x: string): [from: number[], to: number[]] {
  const [, H, W] = n.ranked(x, 4) as [number, number, number, number], to = n.integers(1);
  if (to.length !== 2 || to.some((d) => d < 1 || d > 65536)) n.damaged(`its new size is ${show(to)}, expected two sizes from 1 to 65536`);
  return [[H, W], to];
}

/** Input steps per output step, in float32 as the kernels have it. */
const scaleOf = (from: number, to: number, p: Placement) => (p.alignCorners && to > 1 ? f(f(from - 1) / f(to - 1)) : f(f(from) / f(to)));

/** Two neighbours, weighted by distance. */
function linearTaps(from: number, to: number, p: Placement): Taps {
  const scale = scaleOf(from, to, p);
  const places = Array.from({ length: to }, (_, o) => (p.halfPixelCenters ? f(f(f(o + 0.5) * scale) - 0.5) : f(o * scale)));
  const lower = places.map((s) => Math.max(Math.floor(s), 0)), upper = places.map((s) => Math.min(Math.ceil(s), from - 1));
  return {
    taps: 2,
    indices: places.flatMap((_, o) => [Math.min(lower[o]!, from - 1), Math.max(upper[o]!, 0)]),
    weights: places.flatMap((s, o) => [f(1 - f(s - lower[o]!)), f(s - lower[o]!)]),
  };
}

function nearestTaps(from: number, to: number, p: Placement): Taps {
  const scale = scaleOf(from, to, p), offset = p.halfPixelCenters ? 0.5 : 0;
  const round = (v: number) => (p.alignCorners ? Math.sign(v) * Math.floor(Math.abs(v) + 0.5) : Math.floor(v));
  const indices = Array.from({ length: to }, (_, o) => Math.max(0, Math.min(round(f(f(o + offset) * scale)), from - 1)));
  return { taps: 1, indices, weights: indices.map(() => 1) };
}

/** The same of integers, in 1024ths. Source: TFLite reference_ops.h ResizeBilinearInteger. */
function fixedTaps(from: number, to: number, p: Placement): Taps {
  const corners = p.alignCorners && to > 1, steps = corners ? to - 1 : to, scale = Math.floor(((corners ? from - 1 : from) * 1024 + Math.floor(steps / 2)) / steps);
  const places = Array.from({ length: to }, (_, o) => o * scale + (p.halfPixelCenters ? Math.floor(scale / 2) - 512 : 0));
  const lower = places.map((s) => Math.min(Math.max(Math.trunc(s / 1024), 0), from - 1)), upper = places.map((s) => Math.max(0, Math.min(Math.trunc((s + 1023) / 1024), from - 1)));
  return { taps: 2, indices: places.flatMap((_, o) => [lower[o]!, upper[o]!]), weights: places.flatMap((s, o) => [1 - (s / 1024 - lower[o]!), s / 1024 - lower[o]!]) };
}

function bilinear(n: TfliteNode): void {
  const fixed = ["int8", "int16"].includes(n.dtype(n.input(0)));
  resize(n, n.real(0), fixed ? fixedTaps : linearTaps, options.resizeBilinear(n.operator));
}

function nearest(n: TfliteNode): void {
  const x = n.input(0);
  resize(n, x, nearestTaps, options.resizeNearest(n.operator), n.quantization(x));
}

/** Rows first, then columns. */
function resize(n: TfliteNode, x: string, tapsOf: (from: number, to: number, p: Placement) => Taps, p: Placement, quantization?: Quantization): void {
  const [[H, W], [OH, OW]] = sizesOf(n, x) as [[number, number], [number, number]];
  spend(n.scope, 4 * (OH + OW));
  const rows = n.step("resample", [x], { axis: 1, ...tapsOf(H, OH, p) }, quantization);
  n.emit("resample", [rows], { axis: 2, ...tapsOf(W, OW, p) });
}
