/** The two products of TFLite's integer SVDF: int8 → int16 state, int16 · int16 → int8. See converter/formats/tflite/svdf.ts. */
import { sizeOf, type Node } from "../ir/graph.ts";
import { noClamp } from "../ir/ops.ts";
import type { LoweringContext } from "./context.ts";
import { integerBounds, perTensorOf, quantizeMultiplier } from "./multipliers.ts";

/** The sums over time and ranks of x [N,1,M,U·R], w [U,1,M,R], or with M before the 1. */
export function timeFilters(node: Node<"conv2d">, c: LoweringContext): void {
  const [x, w, b] = node.inputs as [string, string, string?], y = node.outputs[0]!, [N, H, W] = c.tensor(x).shape as [number, number, number], [U, , , R] = c.tensor(w).shape as [number, number, number, number], M = H * W;
  const [sx, sw, sy] = [x, w, y].map((name) => perTensorOf(c.tensor(name)).scale) as [number, number, number];
  c.call("svdfTflite", {
    x: c.at(x), w: c.at(w), b: c.constant(Int32Array.from({ length: U }, (_, u) => (b ? c.tensor(b).data![u]! : 0))), y: c.at(y), N, M, U, R,
    ...factor(sx, sw, sy), zy: perTensorOf(c.tensor(y)).zeroPoint, ...integerBounds(c.tensor(y), node.attributes.clamp),
  }, ["y"], sizeOf(c.tensor(w).shape) * N);
}

/** This frame of x [N,I] through w [F,I]; x goes to int16 without its zero point first. */
export function features(node: Node<"dense">, c: LoweringContext): void {
  const [x, w] = node.inputs as [string, string], y = node.outputs[0]!, [F, I] = c.tensor(w).shape as [number, number], N = sizeOf(c.tensor(x).shape) / I, wide = c.scratch(2 * N * I), one = 2 ** 30;
  const [sx, sw, sy] = [x, w, y].map((name) => perTensorOf(c.tensor(name)).scale) as [number, number, number], { m, r, g } = factor(sx, sw, sy);
  c.call("rescale", { x: c.at(x), y: wide, n: N * I, from: 1, to: 2, zx: perTensorOf(c.tensor(x)).zeroPoint, zy: 0, lo: -32768, hi: 32767, m1: one, r1: one, g1: 2, m2: one, r2: one, g2: 2 }, ["y"]);
  c.call("conv2dI16", {
    x: wide, w: c.at(w), b: c.constant(new Uint8Array(8 * F)), m: c.constant(Int32Array.from({ length: 3 * F }, (_, i) => [m, r, g][i % 3]!)), y: c.at(y),
    N: 1, H: 1, W: N, C: I, OH: 1, OW: N, KH: 1, KW: 1, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1, padTop: 0, padLeft: 0,
    O: F, groups: 1, yBatch: 0, yRow: 0, yPixel: F, wide: 0, ...integerBounds(c.tensor(y), noClamp),
  }, ["y"], N * F * I);
}

/** Multiplier, 2^(30 − right) and 2^left of sx · sw / sy, which TFLite computes in float32. Source: TFLite svdf.cc Prepare. */
function factor(sx: number, sw: number, sy: number): { m: number; r: number; g: number } {
  const { multiplier, shift } = quantizeMultiplier(Math.fround(Math.fround(sx * sw) / sy));
  return { m: shift < -30 ? 0 : multiplier, r: 2 ** (30 + Math.max(-30, Math.min(0, shift))), g: 2 ** Math.max(0, shift) };
}
