/** add, sub, mul, min, max and prelu of int8 with broadcasting → binaryI8. */
import { broadcastStrides, walkOver } from "../ir/eval/strides.ts";
import { sizeOf, type Node } from "../ir/graph.ts";
import type { LoweringContext, Params } from "./context.ts";
import { integerBounds, perTensorOf, quantizeMultiplier } from "./multipliers.ts";
import { walkFields } from "./strided.ts";

type Op = "add" | "sub" | "mul" | "min" | "max" | "prelu";
/** As in assembly/kernels/binary.i8.ts. */
const opNumber: Record<Op, number> = { add: 0, sub: 0, mul: 1, min: 2, max: 3, prelu: 4 };
const f = Math.fround;
/** TFLite shifts operands of add and sub left by this. */
export const HEADROOM16 = 15;
const HEADROOM = 20;

/** Stored integers of either width; int16 has one rule, that of TFLite. */
export function binary(node: Node<Op>, c: LoweringContext): void {
  const [a, b] = node.inputs as [string, string], y = node.outputs[0]!, shape = c.tensor(y).shape;
  const [sa, sb, sy] = [a, b, y].map((name) => perTensorOf(c.tensor(name)).scale) as [number, number, number], [za, zb, zy] = [a, b, y].map((name) => perTensorOf(c.tensor(name)).zeroPoint) as [number, number, number];
  for (const name of [a, b]) if (sizeOf(c.tensor(name).shape) === sizeOf(shape)) c.inherit(y, name);
  const exact = c.rounding === "tflite" && !(["min", "max"].includes(node.op) && (sa !== sy || sb !== sy || za !== zy || zb !== zy));
  const wide = c.tensor(y).dtype === "int16";
  c.call(wide ? "binaryI16" : exact ? "binaryI8Tflite" : "binaryI8", {
    a: c.at(a), b: c.at(b), y: c.at(y), ...rows(c, a, b, shape), op: opNumber[node.op], za, zb, zy, ...integerBounds(c.tensor(y), node.attributes.clamp),
    ...realFactors(node.op, sa, sb, sy), ...fixedFactors(node.op, sa, sb, sy, wide ? HEADROOM16 : HEADROOM),
  }, ["y"]);
}

/** Sizes and strides whose last axis both operands cross by 1 or 0. */
export function rows(c: LoweringContext, a: string, b: string, shape: readonly number[]): Params {
  const walk = walkOver(shape, [a, b].map((name) => broadcastStrides(c.tensor(name).shape, shape)));
  if (walk.strides.some((s) => s.at(-1)! > 1)) {
    walk.shape.push(1);
    walk.strides.forEach((s) => s.push(0));
  }
  return walkFields(walk, ["a", "b"]);
}

function realFactors(op: Op, sa: number, sb: number, sy: number): Params {
  if (op === "mul") return { ma: (sa * sb) / sy, mb: 0 };
  if (op === "prelu") return { ma: sa / sy, mb: (sa * sb) / sy };
  return { ma: sa / sy, mb: (op === "sub" ? -sb : sb) / sy };
}

/** Source: TFLite add.cc, sub.cc, mul.cc, prelu in activations.cc. */
export function fixedFactors(op: Op, sa: number, sb: number, sy: number, headroom: number): Params {
  const twice = 2 * Math.max(sa, sb), none = { m1: 0, r1: 1, g1: 1, m2: 0, r2: 1, g2: 1, m3: 0, r3: 1, g3: 1 };
  const product = f(f(sa * sb) / sy);
  if (op === "mul") return { ...none, ...factor(3, product) };
  if (op === "prelu") return { ...none, ...factor(1, f(sa / sy)), ...factor(2, product) };
  if (op === "min" || op === "max") return none;
  return { ...factor(1, sa / twice), ...factor(2, sb / twice), g2: op === "sub" ? -1 : 1, ...factor(3, twice / (2 ** headroom * sy)) };
}

/** Beyond 2^14 every product of whole numbers saturates. */
const MOST_LEFT = 14;

export function factor(k: number, real: number): Params {
  const { multiplier, shift } = quantizeMultiplier(real);
  if (shift < -30) return { [`m${k}`]: 0, [`r${k}`]: 1, [`g${k}`]: 1 };
  return { [`m${k}`]: multiplier, [`r${k}`]: 2 ** (30 + Math.min(0, shift)), [`g${k}`]: 2 ** Math.min(MOST_LEFT, Math.max(0, shift)) };
}
