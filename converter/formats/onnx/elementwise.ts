/** One element at a time: activations, arithmetic, comparisons, trigonometry. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { DType } from "../../ir/graph.ts";
import { type BinaryOp, type UnaryOp } from "../../ir/ops.ts";
import type { Operator, Operators, OnnxNode } from "./node.ts";
import { add, affine, axisOf, binary, cast, constantValue, div, dtypeOf, isFloat, mul, range, rankOf, relu, reshape, scalar, sliceAxis, square, sub, toFloat, unary, where } from "./write.ts";

/** An operator without attributes. */
const plain = (op: UnaryOp): Operator => (n, g) => unary(g, op, n.input(0));

/** An operator whose ONNX attributes `alpha` and `beta` have these defaults. */
const parametric = (op: UnaryOp, alpha: number, beta = 0): Operator => (n, g) => unary(g, op, n.input(0), n.float("alpha", alpha), n.float("beta", beta));

const twoInputs = (op: BinaryOp): Operator => (n, g) => binary(g, op, n.input(0), aligned(n, g));

/** Up to opset 6 the second input stood at an axis of the first. */
function aligned(n: OnnxNode, g: GraphBuilder): string {
  const b = n.input(1), shape = g.shape(b), rank = rankOf(g, n.input(0));
  if (!n.int("broadcast", 0) || !n.has("axis")) return b;
  return reshape(g, b, [...shape, ...range(rank - shape.length - axisOf(g, n.int("axis"), rank)).map(() => 1)]);
}

/** Sum, Max, Min, Mean: any number of inputs, from left to right. */
const folding = (op: BinaryOp): Operator => (n, g) => fold(n, g, op);
const fold = (n: OnnxNode, g: GraphBuilder, op: BinaryOp): string => n.inputs.slice(1).reduce((a, _, i) => binary(g, op, a, n.input(i + 1)), n.input(0));

function mean(n: OnnxNode, g: GraphBuilder): string {
  return affine(g, fold(n, g, "add"), 1 / n.inputs.length, 0);
}

/** Integer division cuts towards zero. */
function divide(n: OnnxNode, g: GraphBuilder): string {
  const y = binary(g, "div", n.input(0), aligned(n, g));
  return isFloat(g, y) ? y : unary(g, "truncate", y);
}

/** The exponent may have another type; the result has that of the base. */
function power(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), exponent = n.input(1);
  if (isFloat(g, exponent) && !isFloat(g, x)) return cast(g, binary(g, "pow", toFloat(g, x), exponent), dtypeOf(g, x));
  return binary(g, "pow", x, cast(g, exponent, dtypeOf(g, x)));
}

const modulo: Operator = (n, g) => binary(g, n.int("fmod", 0) ? "fmod" : "mod", n.input(0), n.input(1));

/** Bounds are attributes up to opset 10, then scalars; a bound that is an activation becomes max and min. */
function clip(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0);
  const low = boundOf(n, g, "min", 1, -Infinity), high = boundOf(n, g, "max", 2, Infinity);
  if (typeof low === "number" && typeof high === "number") return unary(g, "clip", x, low, high);
  const bounded = low === -Infinity ? x : binary(g, "max", x, asTensor(g, low, x));
  return high === Infinity ? bounded : binary(g, "min", bounded, asTensor(g, high, x));
}

const asTensor = (g: GraphBuilder, bound: number | string, x: string): string => (typeof bound === "string" ? bound : scalar(g, bound, dtypeOf(g, x)));

function boundOf(n: OnnxNode, g: GraphBuilder, name: string, input: number, otherwise: number): number | string {
  if (!n.optional(input)) return n.float(name, otherwise);
  return constantValue(g, n.input(input))?.[0] ?? n.input(input);
}

const gelu: Operator = (n, g) => unary(g, n.string("approximate", "none") === "tanh" ? "geluTanh" : "gelu", n.input(0));
const selu: Operator = (n, g) => unary(g, "selu", n.input(0), n.float("alpha", 1.6732632), n.float("gamma", 1.0507009));

/** y = x + bias below −lambda, x − bias above lambda, 0 between. */
export function shrink(g: GraphBuilder, x: string, bias: number, lambda: number): string {
  const dtype = dtypeOf(g, x), zero = scalar(g, 0, dtype);
  const above = where(g, binary(g, "greater", x, scalar(g, lambda, dtype)), affine(g, x, 1, -bias), zero);
  return where(g, binary(g, "less", x, scalar(g, -lambda, dtype)), affine(g, x, 1, bias), above);
}

/** swish(gate) · up; both halves of x where only one input is given. */
function swiglu(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), alpha = n.float("alpha", 1);
  if (n.optional(1)) return mul(g, unary(g, "swish", x, alpha), n.input(1));
  const shape = g.shape(x), axis = axisOf(g, n.int("axis", -1), shape.length), half = shape[axis]! / 2;
  return mul(g, unary(g, "swish", sliceAxis(g, x, axis, 0, half), alpha), sliceAxis(g, x, axis, half, half));
}

const isInf: Operator = (n, g) => unary(g, "isInf", n.input(0), n.int("detect_negative", 1), n.int("detect_positive", 1));

/** PRelu: the slope has x's shape from the right, ONNX broadcasts it in one direction. */
const prelu: Operator = (n, g) => binary(g, "prelu", n.input(0), n.input(1));

/** 1 − x² */
const oneMinusSquare = (g: GraphBuilder, x: string): string => affine(g, square(g, x), -1, 1);
const root = (g: GraphBuilder, x: string): string => unary(g, "sqrt", x);

export const trigonometry: Record<string, (g: GraphBuilder, x: string) => string> = {
  Sin: (g, x) => unary(g, "sin", x),
  Cos: (g, x) => unary(g, "cos", x),
  Tan: (g, x) => div(g, unary(g, "sin", x), unary(g, "cos", x)),
  Asin: (g, x) => binary(g, "atan2", x, root(g, oneMinusSquare(g, x))),
  Acos: (g, x) => binary(g, "atan2", root(g, oneMinusSquare(g, x)), x),
  Atan: (g, x) => binary(g, "atan2", x, scalar(g, 1)),
  Sinh: (g, x) => affine(g, sub(g, unary(g, "exp", x), unary(g, "exp", unary(g, "neg", x))), 0.5, 0),
  Cosh: (g, x) => affine(g, add(g, unary(g, "exp", x), unary(g, "exp", unary(g, "neg", x))), 0.5, 0),
  /** sign(x) · log(|x| + √(x² + 1)) */
  Asinh: (g, x) => mul(g, unary(g, "sign", x), unary(g, "log", add(g, unary(g, "abs", x), root(g, affine(g, square(g, x), 1, 1))))),
  Acosh: (g, x) => unary(g, "log", add(g, x, root(g, affine(g, square(g, x), 1, -1)))),
  Atanh: (g, x) => affine(g, unary(g, "log", div(g, affine(g, x, 1, 1), affine(g, x, -1, 1))), 0.5, 0),
};

const widths: Partial<Record<DType, number>> = { int8: 8, uint8: 8, int16: 16, uint16: 16, int32: 32 };

/** x · 2^shift without the bits that leave the type, or x / 2^shift rounded down; a shift by less than 0 or by the whole width leaves the sign alone. */
function bitShift(n: OnnxNode, g: GraphBuilder): string {
  const dtype = dtypeOf(g, n.input(0)), width = widths[dtype] ?? 64, x = toFloat(g, n.input(0)), shift = toFloat(g, n.input(1)), isLeft = n.string("direction") === "LEFT";
  const factor = binary(g, "pow", scalar(g, 2), shift), moved = isLeft ? wrapped(g, mul(g, x, factor), width, dtype.startsWith("int")) : unary(g, "floor", div(g, x, factor));
  const fits = binary(g, "and", binary(g, "greaterOrEqual", shift, scalar(g, 0)), binary(g, "less", shift, scalar(g, width)));
  const emptied = isLeft ? scalar(g, 0) : unary(g, "floor", unary(g, "clip", x, -0.5, 0.5)); // −1 below 0, else 0
  return cast(g, where(g, fits, moved, emptied), dtype);
}

/** The value of the lowest bits, which are exact in float32 as x is. */
function wrapped(g: GraphBuilder, x: string, width: number, signed: boolean): string {
  if (width === 64) return x;
  const bits = binary(g, "mod", x, scalar(g, 2 ** width));
  return signed ? where(g, binary(g, "less", bits, scalar(g, 2 ** (width - 1))), bits, affine(g, bits, 1, -(2 ** width))) : bits;
}

export const elementwise: Operators = {
  Relu: (n, g) => relu(g, n.input(0)),
  LeakyRelu: parametric("leakyRelu", 0.01),
  Elu: parametric("elu", 1),
  Celu: parametric("celu", 1),
  Selu: selu,
  Sigmoid: plain("sigmoid"), Tanh: plain("tanh"), Softplus: plain("softplus"), Softsign: plain("softsign"), Mish: plain("mish"),
  HardSigmoid: parametric("hardSigmoid", 0.2, 0.5),
  HardSwish: plain("hardSwish"),
  Swish: parametric("swish", 1),
  SwiGLU: swiglu,
  Gelu: gelu,
  ThresholdedRelu: parametric("thresholdedRelu", 1),
  Shrink: (n, g) => shrink(g, n.input(0), n.float("bias", 0), n.float("lambd", 0.5)),
  PRelu: prelu,
  Clip: clip,
  Exp: plain("exp"), Log: plain("log"), Sqrt: plain("sqrt"), Abs: plain("abs"), Neg: plain("neg"), Reciprocal: plain("reciprocal"), Erf: plain("erf"),
  Erfc: (n, g) => affine(g, unary(g, "erf", n.input(0)), -1, 1), // tf2onnx writes TensorFlow's
  Ceil: plain("ceil"), Floor: plain("floor"), Round: plain("round"), Sign: plain("sign"), Not: plain("not"), IsNaN: plain("isNan"), IsInf: isInf,
  Add: twoInputs("add"), Sub: twoInputs("sub"), Mul: twoInputs("mul"), Div: divide, Pow: power, Mod: modulo,
  Sum: folding("add"), Max: folding("max"), Min: folding("min"), Mean: mean,
  Equal: twoInputs("equal"), Greater: twoInputs("greater"), GreaterOrEqual: twoInputs("greaterOrEqual"),
  Less: twoInputs("less"), LessOrEqual: twoInputs("lessOrEqual"),
  And: twoInputs("and"), Or: twoInputs("or"), Xor: twoInputs("xor"),
  Where: (n, g) => where(g, n.input(0), n.input(1), n.input(2)),
  BitShift: bitShift,
  ...Object.fromEntries(Object.entries(trigonometry).map(([name, f]) => [name, ((n, g) => f(g, n.input(0))) as Operator])),
};
