/**
 * a / b of int8 as TFLite computes it, with the reciprocal of b in fixed point: a table of all 256² pairs, read at 256 · a + b, or of
 * 256 where b is one constant. Source: TFLite reference/div.h DivElementwise.
 */
import { sizeOf, type Node } from "../ir/graph.ts";
import type { LoweringContext } from "./context.ts";
import { map } from "./elementwise.ts";
import { divideByPower, reciprocal, roundedHigh } from "./gemmlowp.ts";
import { lookUp } from "./lut.ts";
import { integerBounds, perTensorOf, quantizeMultiplier } from "./multipliers.ts";

const every = Array.from({ length: 256 }, (_, i) => i - 128);

export function divide(node: Node<"div">, c: LoweringContext): void {
  const [a, b] = node.inputs as [string, string], y = node.outputs[0]!, divisor = c.tensor(b), quotient = quotients(node, c);
  if (divisor.data?.length === 1 && sizeOf(c.tensor(a).shape) === sizeOf(c.tensor(y).shape)) return lookUp(c, a, y, quotient(divisor.data[0]!));
  const columns = every.map(quotient), table = Uint8Array.from({ length: 65536 }, (_, i) => columns[i & 255]!((i >> 8) - 128));
  const index = c.temporary(c.tensor(y).shape);
  map(c, "add", [raised(c, a, 256), raised(c, b, 1)], index, -Infinity, Infinity);
  c.call("gather", { x: c.constant(table), i: c.at(index), y: c.at(y), outer: 1, n: 65536, count: sizeOf(c.tensor(y).shape), bytes: 1 }, ["y"]);
}

/** (q + 128) · scale */
function raised(c: LoweringContext, x: string, scale: number): string {
  const { shape } = c.tensor(x), y = c.temporary(shape);
  c.call("dequantize", { x: c.at(x), y: c.at(y), n: sizeOf(shape), bytes: 1, flip: 0, zero: -128, scale }, ["y"]);
  return y;
}

/** Of stored integers, the divisor first. */
function quotients(node: Node<"div">, c: LoweringContext): (b: number) => (a: number) => number {
  const [from, by, to] = [...node.inputs, node.outputs[0]!].map((name) => perTensorOf(c.tensor(name))) as [Scale, Scale, Scale], f = Math.fround;
  const { lo, hi } = integerBounds(c.tensor(node.outputs[0]!), node.attributes.clamp), { multiplier, shift } = quantizeMultiplier(f(from.scale / f(by.scale * to.scale)));
  return (b) => {
    const v = b - by.zeroPoint, sign = v < 0 ? -1 : 1, inverse = reciprocal(sign * v);
    return (a) => {
      const u = sign * (a - from.zeroPoint), headroom = signBits(u), right = inverse.bits + headroom - shift;
      return Math.min(hi, Math.max(lo, to.zeroPoint + divided(roundedHigh(roundedHigh(u * 2 ** headroom, inverse.raw), multiplier), right)));
    };
  };
}

/** Shifts of more than 31 bits are none of C++'s: with the masks that they leave there, what is not negative gains 1. */
const divided = (x: number, n: number): number => (n > 31 ? (x >> (n & 31)) + (x >= 0 ? 1 : 0) : divideByPower(x, n));

interface Scale { scale: number; zeroPoint: number }

/** How far a number can be shifted left within int32. */
const signBits = (v: number): number => Math.clz32(v < 0 ? -v * 2 - 1 : v) - (v < 0 ? 0 : 1);
