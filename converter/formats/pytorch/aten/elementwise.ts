/** Functions of one element at a time. */
import type { GraphBuilder } from "../../../ir/builder.ts";
import type { BinaryOp, UnaryOp } from "../../../ir/ops.ts";
import { shrink, trigonometry } from "../../onnx/elementwise.ts";
import { add, affine, binary, cast, dtypeOf, mul, sub, toFloat, unary, where, scalar } from "../../onnx/write.ts";
import { elementTypes, scalarTypes } from "../tensors.ts";
import type { AtenNode, Operator } from "../aten-node.ts";

const plain: Record<string, [UnaryOp, number, number]> = {
  relu: ["clip", 0, Infinity], relu6: ["clip", 0, 6], hardswish: ["hardSwish", 0, 0], hardsigmoid: ["hardSigmoid", 1 / 6, 0.5],
  sigmoid: ["sigmoid", 0, 0], tanh: ["tanh", 0, 0],
  silu: ["swish", 1, 0], mish: ["mish", 0, 0], selu: ["selu", 1.6732632423543772, 1.0507009873554805], exp: ["exp", 0, 0], log: ["log", 0, 0],
  sqrt: ["sqrt", 0, 0], abs: ["abs", 0, 0],
  neg: ["neg", 0, 0], reciprocal: ["reciprocal", 0, 0], sin: ["sin", 0, 0], cos: ["cos", 0, 0], erf: ["erf", 0, 0], floor: ["floor", 0, 0],
  ceil: ["ceil", 0, 0],
  trunc: ["truncate", 0, 0], sign: ["sign", 0, 0], sgn: ["sign", 0, 0], logical_not: ["not", 0, 0], isnan: ["isNan", 0, 0],
  softsign: ["softsign", 0, 0],
};
const pairs: Record<string, BinaryOp> = {
  mul: "mul", div: "div", true_divide: "div", pow: "pow", minimum: "min", maximum: "max", eq: "equal", gt: "greater", ge: "greaterOrEqual",
  lt: "less", le: "lessOrEqual",
  logical_and: "and", logical_or: "or", logical_xor: "xor", remainder: "mod", fmod: "fmod", atan2: "atan2",
};
/** Of truth values; integers are refused. */
const bitwise: Record<string, BinaryOp> = { bitwise_and: "and", bitwise_or: "or", bitwise_xor: "xor", __and__: "and", __or__: "or", __xor__: "xor" };
const same: Operator = (n) => n.tensor(n.has("self") ? "self" : "input");

export const elementwise: Record<string, Operator> = {
  ...Object.fromEntries(Object.entries(plain).map(([name, [op, alpha, beta]]) =>
    [name, (n: AtenNode, g: GraphBuilder) => unary(g, op, n.tensor("self"), alpha, beta)])),
  ...Object.fromEntries(Object.entries(pairs).map(([name, op]) => [name, (n: AtenNode, g: GraphBuilder) => both(n, g, op)])),
  ...Object.fromEntries(Object.entries(bitwise).map(([name, op]) => [name, (n: AtenNode, g: GraphBuilder) => binary(g, op, truth(n, g, "self"), truth(n, g, "other"))])),
  round: (n, g) => {
    const x = n.tensor("self"), unit = 10 ** n.int("decimals", 0);
    return scaled(g, unary(g, "round", scaled(g, x, unit)), 1 / unit);
  },
  add: (n, g) => sum(n, g, "add"), sub: (n, g) => sum(n, g, "sub"), subtract: (n, g) => sum(n, g, "sub"), multiply: (n, g) => both(n, g, "mul"),
  divide: (n, g) => both(n, g, "div"),
  rsub: (n, g) => sub(g, n.operand("other"), scaled(g, n.operand("self"), n.number("alpha", 1))),
  floor_divide: (n, g) => unary(g, "floor", both(n, g, "div")),
  ne: (n, g) => unary(g, "not", both(n, g, "equal")),
  bitwise_not: (n, g) => unary(g, "not", truth(n, g, "self")),
  square: (n, g) => mul(g, n.tensor("self"), n.tensor("self")),
  rsqrt: (n, g) => unary(g, "reciprocal", unary(g, "sqrt", n.tensor("self"))),
  expm1: (n, g) => affine(g, unary(g, "exp", n.tensor("self")), 1, -1),
  log1p: (n, g) => unary(g, "log", affine(g, n.tensor("self"), 1, 1)),
  log_sigmoid: (n, g) => unary(g, "neg", unary(g, "softplus", unary(g, "neg", n.tensor("self")))),
  hardtanh: (n, g) => unary(g, "clip", n.tensor("self"), n.number("min_val", -1), n.number("max_val", 1)),
  clamp, clip: clamp,
  clamp_min: clamp, clamp_max: clamp,
  leaky_relu: (n, g) => unary(g, "leakyRelu", n.tensor("self"), n.number("negative_slope", 0.01)),
  elu: (n, g) => {
    if (n.number("input_scale", 1) !== 1) g.fail("its input_scale is not 1", "Use torch.nn.ELU, CELU or SELU.");
    return scaled(g, unary(g, "elu", n.tensor("self"), n.number("alpha", 1)), n.number("scale", 1));
  },
  celu: (n, g) => unary(g, "celu", n.tensor("self"), n.number("alpha", 1)),
  gelu: (n, g) => unary(g, n.string("approximate", "none") === "tanh" ? "geluTanh" : "gelu", n.tensor("self")),
  softplus: (n, g) => {
    const x = n.tensor("self"), beta = n.number("beta", 1), limit = n.number("threshold", 20);
    const y = affine(g, unary(g, "softplus", affine(g, x, beta, 0)), 1 / beta, 0);
    return limit >= 20 ? y : where(g, binary(g, "greater", x, scalar(g, limit / beta)), x, y);
  },
  threshold: (n, g) => {
    const x = n.tensor("self"), limit = n.number("threshold"), value = n.number("value");
    return value === 0 ? unary(g, "thresholdedRelu", x, limit) : where(g, binary(g, "greater", x, scalar(g, limit)), x, scalar(g, value));
  },
  prelu: (n, g) => prelu(g, n.tensor("self"), n.tensor("weight")),
  glu: (n, g) => {
    const x = n.tensor("self"), rank = g.shape(x).length, axis = (n.int("dim", -1) + rank) % rank, half = Math.floor(g.shape(x)[axis]! / 2);
    const part = (start: number) =>
      g.add("slice", [x], { starts: g.shape(x).map((_, i) => (i === axis ? start : 0)), steps: g.shape(x).map(() => 1),
        sizes: g.shape(x).map((d, i) => (i === axis ? half : d)) });
    return mul(g, part(0), unary(g, "sigmoid", part(half)));
  },
  where: (n, g) => where(g, n.tensor("condition"), ...alike(g, n.operand("self"), n.operand("other"))),
  masked_fill: (n, g) => where(g, n.tensor("mask"), ...alike(g, n.operand("value"), n.tensor("self"))),
  hardshrink: (n, g) => shrink(g, n.tensor("self"), 0, n.number("lambd", 0.5)),
  softshrink: (n, g) => shrink(g, n.tensor("self"), n.number("lambd", 0.5), n.number("lambd", 0.5)),
  rrelu: randomSlope,
  rrelu_with_noise_functional: (n, g) => [randomSlope(n, g), null],
  log2: (n, g) => affine(g, unary(g, "log", n.tensor("self")), Math.LOG2E, 0),
  log10: (n, g) => affine(g, unary(g, "log", n.tensor("self")), Math.LOG10E, 0),
  exp2: (n, g) => unary(g, "exp", affine(g, n.tensor("self"), Math.LN2, 0)),
  frac: (n, g) => sub(g, n.tensor("self"), unary(g, "truncate", n.tensor("self"))),
  hypot: (n, g) => unary(g, "sqrt", add(g, squared(g, n.tensor("self")), squared(g, n.tensor("other")))),
  lerp: (n, g) => add(g, n.tensor("self"), mul(g, n.operand("weight"), sub(g, n.tensor("end"), n.tensor("self")))),
  addcmul: (n, g) => add(g, n.tensor("self"), scaled(g, mul(g, n.tensor("tensor1"), n.tensor("tensor2")), n.number("value", 1))),
  addcdiv: (n, g) => add(g, n.tensor("self"), scaled(g, binary(g, "div", n.tensor("tensor1"), n.tensor("tensor2")), n.number("value", 1))),
  ...Object.fromEntries(["Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"].map((name) =>
    [name.toLowerCase(), (n: AtenNode, g: GraphBuilder) => trigonometry[name]!(g, n.tensor("self"))])),
  dropout: same, feature_dropout: same, alpha_dropout: same, feature_alpha_dropout: same, native_dropout: (n) => [n.tensor("input"), null],
  contiguous: same, clone: same, alias: same, detach: same, detach_: same, lift_fresh_copy: same, lift_fresh: same, lift: same, positive: same,
  to: converted, _to_copy: converted, type_as: converted, float: (n, g) => toFloat(g, n.tensor("self")),
};

/** Quotients are floats, of integers too. */
const both = (n: AtenNode, g: GraphBuilder, op: BinaryOp): string => {
  const mode = n.has("rounding_mode") ? n.string("rounding_mode", "") : "";
  const [self, other] = [n.operand(n.has("self") ? "self" : "input"), n.operand(n.has("exponent") ? "exponent" : "other")];
  const [a, b] = op === "div" ? [toFloat(g, self), toFloat(g, other)] : alike(g, self, other), y = binary(g, op, a, b);
  return mode ? unary(g, mode === "floor" ? "floor" : "truncate", y) : y;
};

/** Integers meet floats as floats. */
const alike = (g: GraphBuilder, a: string, b: string): [string, string] =>
  (dtypeOf(g, a) === dtypeOf(g, b) ? [a, b] : [toFloat(g, a), toFloat(g, b)]);

function truth(n: AtenNode, g: GraphBuilder, name: string): string {
  const x = n.operand(name);
  return dtypeOf(g, x) === "bool" || typeof n.get(name) === "boolean" ? cast(g, x, "bool") : g.fail("it works on the bits of integers, expected truth values", "Compute with numbers and comparisons.");
}

const squared = (g: GraphBuilder, x: string): string => mul(g, x, x);
const scaled = (g: GraphBuilder, x: string, alpha: number): string => (alpha === 1 ? x : affine(g, x, alpha, 0));

/** a ± alpha · b */
const sum = (n: AtenNode, g: GraphBuilder, op: "add" | "sub"): string => {
  const [a, b] = alike(g, n.operand("self"), n.operand("other"));
  return op === "add" ? add(g, a, scaled(g, b, n.number("alpha", 1))) : sub(g, a, scaled(g, b, n.number("alpha", 1)));
};

/** Outside of training the slope is the mean of its bounds. */
function randomSlope(n: AtenNode, g: GraphBuilder): string {
  if (n.bool("training")) g.fail("it draws random numbers in training", "Call model.eval() before the export.");
  return unary(g, "leakyRelu", n.tensor("self"), (n.number("lower", 1 / 8) + n.number("upper", 1 / 3)) / 2);
}

/** Bounds are numbers or tensors. */
function clamp(n: AtenNode, g: GraphBuilder): string {
  const x = n.tensor("self"), isNumber = (name: string) => !n.has(name) || typeof n.get(name) === "number";
  if (isNumber("min") && isNumber("max")) return unary(g, "clip", x, n.number("min", -Infinity), n.number("max", Infinity));
  const above = n.has("min") ? binary(g, "max", ...alike(g, x, n.operand("min"))) : x;
  return n.has("max") ? binary(g, "min", ...alike(g, above, n.operand("max"))) : above;
}

/** One slope, or one per channel at axis 1. */
export function prelu(g: GraphBuilder, x: string, slope: string): string {
  const C = g.shape(slope).at(-1) ?? 1, rest = g.shape(x).slice(2).map(() => 1), shape = C === 1 ? [] : [C, ...rest];
  return binary(g, "prelu", x, g.add("reshape", [slope], { shape }));
}

/** To a type by number, or to that of another tensor. */
function converted(n: AtenNode, g: GraphBuilder): string {
  const x = n.tensor("self"), code = n.get("dtype"), type = typeof code === "number" ? scalarTypes[code] : undefined;
  const to = type !== undefined ? elementTypes[type]!.dtype : n.has("other") ? dtypeOf(g, n.tensor("other")) : undefined;
  if (to === undefined) return x;
  return cast(g, to !== "float32" && to !== "bool" && dtypeOf(g, x) === "float32" ? unary(g, "truncate", x) : x, to);
}
