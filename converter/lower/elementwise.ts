/** Unary and binary functions and `where` → mapF32. */
import { broadcastStrides } from "../ir/eval/strides.ts";
import { sizeOf, type Node } from "../ir/graph.ts";
import type { BinaryOp, Clamp, UnaryOp } from "../ir/ops.ts";
import { functionNumber, type functionNames } from "../write/layout.ts";
import type { LoweringContext, Operand } from "./context.ts";
import { stridedFields } from "./strided.ts";

export type FunctionName = (typeof functionNames)[number];
/** Floats that mapF32 gathers its operands into. */
const SCRATCH_FLOATS = 3 * 64 + 4;
const unbounded = ([lo, hi]: Clamp): boolean => lo === -Infinity && hi === Infinity;
/** Functions that do not apply bounds. */
const unclamped = new Set<string>(["pow", "mod", "fmod", "atan2"]);

export function unary(node: Node<UnaryOp>, c: LoweringContext): void {
  const { op, attributes: { alpha, beta }, inputs, outputs: [y] } = node;
  if (op !== "rsqrt") return map(c, op, inputs, y!, Number(alpha), Number(beta));
  map(c, "sqrt", inputs, y!);
  map(c, "reciprocal", [y!], y!);
}

export function binary(node: Node<BinaryOp>, c: LoweringContext): void {
  const { clamp } = node.attributes, y = node.outputs[0]!, [a, b] = node.inputs as [string, string];
  const exponent = node.op === "pow" ? scalarOf(c, b) : undefined;
  if (exponent === 2) map(c, "mul", [a, a], y, ...clamp);
  else if (exponent === 0.5) map(c, "sqrt", [a], y);
  else if (node.op === "squaredDifference") {
    map(c, "sub", [a, b], y, -Infinity, Infinity);
    map(c, "mul", [y, y], y, ...clamp);
  } else map(c, node.op, [a, b], y, ...clamp);
  if (unclamped.has(node.op) && !unbounded(clamp)) map(c, "clip", [y], y, ...clamp);
}

export const where = (node: Node<"where">, c: LoweringContext): void => map(c, "where", node.inputs, node.outputs[0]!);

/** y = x · s + (bias − mean · s), s = scale / √(variance + epsilon): where these are not known at conversion. */
export function batchNorm(node: Node<"batchNorm">, c: LoweringContext): void {
  const [x, scale, bias, mean, variance] = node.inputs as [string, string, string, string, string], { axis, epsilon } = node.attributes, { shape } = c.tensor(x);
  const channels = shape.map((d, a) => (a === axis ? d : 1)), part = () => c.temporary(channels), seen = (name: string) => c.reshaped(name, channels);
  const [deviation, s, shift, product] = [part(), part(), part(), c.temporary(shape)] as [string, string, string, string];
  map(c, "affine", [seen(variance)], deviation, 1, epsilon);
  map(c, "sqrt", [deviation], deviation);
  map(c, "div", [seen(scale), deviation], s, -Infinity, Infinity);
  map(c, "mul", [seen(mean), s], deviation, -Infinity, Infinity);
  map(c, "sub", [seen(bias), deviation], shift, -Infinity, Infinity);
  map(c, "mul", [x, s], product, -Infinity, Infinity);
  map(c, "add", [product, shift], node.outputs[0]!, -Infinity, Infinity);
}

const scalarOf = (c: LoweringContext, name: string): number | undefined => {
  const { data, shape } = c.tensor(name);
  return data && sizeOf(shape) === 1 ? data[0] : undefined;
};

/** y[i] = fn(a[i], b[0]) for n floats, wherever they lie; y may be a. */
export function mapScalar(c: LoweringContext, fn: "mul" | "div", n: number, a: Operand, b: Operand, y: Operand): void {
  c.call("mapF32", { a, b, c: a, y, t: c.scratch(4 * SCRATCH_FLOATS), fn: functionNumber(fn), alpha: -Infinity, beta: Infinity, ...stridedFields([n], { a: [1], b: [0], c: [1] }) }, ["y"]);
}

/** One call of `fn` over the shape of `y`; the result takes the place of an operand that nobody reads any more. */
export function map(c: LoweringContext, fn: FunctionName, inputs: readonly string[], y: string, alpha = 0, beta = 0): void {
  const shape = c.tensor(y).shape, [a, b = a, d = a] = inputs as [string, string?, string?];
  const strides = (name: string) => broadcastStrides(c.tensor(name).shape, shape);
  const whole = inputs.filter((name) => sizeOf(c.tensor(name).shape) === sizeOf(shape)), repeated = inputs.filter((name) => !whole.includes(name));
  for (const name of whole) if (!repeated.some((other) => c.sameBuffer(other, name))) c.inherit(y, name);
  c.call("mapF32", {
    a: c.at(a), b: c.at(b), c: c.at(d), y: c.at(y), t: c.scratch(4 * SCRATCH_FLOATS), fn: functionNumber(fn), alpha, beta,
    ...stridedFields(shape, { a: strides(a), b: strides(b), c: strides(d) }),
  }, ["y"]);
}
