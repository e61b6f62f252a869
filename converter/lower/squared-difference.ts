/**
 * (a − b)² of int8 as TFLite computes it: both in steps of 1/64 of the larger scale, as int16, their difference, its square.
 * Source: TFLite squared_difference.cc.
 */
import { sizeOf, type Node } from "../ir/graph.ts";
import { factor, fixedFactors, HEADROOM16, rows } from "./binary.i8.ts";
import type { LoweringContext, Operand, Params } from "./context.ts";
import { integerBounds, perTensorOf } from "./multipliers.ts";

/** Bits by which operands are shifted left. */
const LEFT = 7;
const all16 = { lo: -32768, hi: 32767 }, alike = { ma: 1, mb: 1 };

export function squaredDifference(node: Node<"squaredDifference">, c: LoweringContext): void {
  const [a, b] = node.inputs as [string, string], y = node.outputs[0]!, { shape } = c.tensor(y), n = sizeOf(shape), to = perTensorOf(c.tensor(y));
  const twice = 2 * Math.max(...[a, b].map((x) => perTensorOf(c.tensor(x)).scale)), [u, v] = [a, b].map((x) => widened(c, x, twice)) as [Operand, Operand];
  const d = c.scratch(2 * n), wide = c.scratch(2 * n), zeros = { za: 0, zb: 0 };
  c.call("binaryI16", { a: u, b: v, y: d, ...rows(c, a, b, shape), op: 0, ...zeros, zy: 0, ...all16, ...alike, ...fixedFactors("sub", 1, 1, 1, HEADROOM16) }, ["y"]);
  c.call("binaryI16", {
    a: d, b: d, y: wide, ...rows(c, y, y, shape), op: 1, ...zeros, zy: to.zeroPoint, ...integerBounds(c.tensor(y), node.attributes.clamp), ...alike,
    ...factor(1, 0), ...factor(2, 0), ...factor(3, twice ** 2 / (2 ** (2 * LEFT) * to.scale)),
  }, ["y"]);
  c.call("rescale", { x: wide, y: c.at(y), n, from: 2, to: 1, zx: 0, zy: 0, lo: -128, hi: 127, ...factor(1, 1), ...factor(2, 1) }, ["y"]);
}

function widened(c: LoweringContext, x: string, twice: number): Operand {
  const { scale, zeroPoint } = perTensorOf(c.tensor(x)), n = sizeOf(c.tensor(x).shape), y = c.scratch(2 * n), by = (k: number): Params => ({ ...factor(k, scale / twice), [`g${k}`]: 2 ** LEFT });
  c.call("rescale", { x: c.at(x), y, n, from: 1, to: 2, zx: zeroPoint, zy: 0, ...all16, ...by(1), ...by(2) }, ["y"]);
  return y;
}
