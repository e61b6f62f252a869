/** Functions of one element at a time. */
import type { GraphBuilder } from "../../../ir/builder.ts";
import type { BinaryOp, UnaryOp } from "../../../ir/ops.ts";
import { add, affine, binary, cast, dtypeOf, mul, sub, toFloat, unary, where, scalar } from "../../onnx/write.ts";
import { elementTypes, scalarTypes } from "../tensors.ts";
import type { AtenNode, Operator } from "../aten-node.ts";

const plain: Record<string, [UnaryOp, number, number]> = {
  relu: ["clip", 0, Infinity], relu6: ["clip", 0, 6], hardswish: ["hardSwish", 0, 0], hardsigmoid: ["hardSigmoid", 1 / 6, 0.5],
  sigmoid: ["sigmoid", 0, 0], tanh: ["tanh", 0, 0],
  silu: ["swish", 1, 0], mish: ["mish", 0, 0], selu: ["selu", 1.6732632423543772, 1.0507009873554805], exp: ["exp", 0, 0], log: ["log", 0, 0],
  sqrt: ["sqrt", 0, 0], abs: ["abs", 0, 0],
  neg: ["neg", 0, 0], reciprocal: ["reciprocal", 0, 0], sin: ["sin", 0, 0], cos: ["cos", 0, 0], erf: ["erf", 0, 0], floor: ["floor", 0, 0],
  ceil: ["ceil", 0, 0], round: ["round", 0, 0],
  trunc: ["truncate", 0, 0], sign: ["sign", 0, 0], sgn: ["sign", 0, 0], logical_not: ["not", 0, 0], isnan: ["isNan", 0, 0],
  softsign: ["softsign", 0, 0],
};
const pairs: Record<string, BinaryOp> = {
  mul: "mul", div: "div", true_divide: "div", pow: "pow", minimum: "min", maximum: "max", eq: "equal", gt: "greater", ge: "greaterOrEqual",
  lt: "less", le: "lessOrEqual",
  logical_and: "and", logical_or: "or", logical_xor: "xor", remainder: "mod", fmod: "fmod", atan2: "atan2", bitwise_and: "and", bitwise_or: "or",
  __and__: "and", __or__: "or", __xor__: "xor",
};
const same: Operator = (n) => n.tensor(n.has("self") ? "self" : "input");

export const elementwise: Record<string, Operator> = {
  ...Object.fromEntries(Object.entries(plain).map(([name, [op, alpha, beta]]) =>
    [name, (n: AtenNode, g: GraphBuilder) => unary(g, op, n.tensor("self"), alpha, beta)])),
  ...Object.fromEntries(Object.entries(pairs).map(([name, op]) => [name, (n: AtenNode, g: GraphBuilder) => both(n, g, op)])),
  add: (n, g) => sum(n, g, "add"), sub: (n, g) => sum(n, g, "sub"), subtract: (n, g) => sum(n, g, "sub"), multiply: (n, g) => both(n, g, "mul"),
  divide: (n, g) => both(n, g, "div"),
  rsub: (n, g) => sub(g, n.operand("other"), scaled(g, n.operand("self"), n.number("alpha", 1))),
  floor_divide: (n, g) => unary(g, "floor", binary(g, "div", n.operand("self"), n.operand("other"))),
  ne: (n, g) => unary(g, "not", both(n, g, "equal")),
  bitwise_not: (n, g) => unary(g, "not", n.tensor("self")),
  square: (n, g) => mul(g, n.tensor("self"), n.tensor("self")),
  rsqrt: (n, g) => unary(g, "reciprocal", unary(g, "sqrt", n.tensor("self"))),
  expm1: (n, g) => affine(g, unary(g, "exp", n.tensor("self")), 1, -1),
  log1p: (n, g) => unary(g, "log", affine(g, n.tensor("self"), 1, 1)),
  log_sigmoid: (n, g) => unary(g, "neg", unary(g, "softplus", unary(g, "neg", n.tensor("self")))),
  hardtanh: (n, g) => unary(g, "clip", n.tensor("self"), n.number("min_val", -1), n.number("max_val", 1)),
  clamp: (n, g) => clamp(n, g, "min", "max"), clip: (n, g) => clamp(n, g, "min", "max"),
  clamp_min: (n, g) => unary(g, "clip", n.tensor("self"), n.number("min"), Infinity),
  clamp_max: (n, g) => unary(g, "clip", n.tensor("self"), -Infinity, n.number("max")),
  leaky_relu: (n, g) => unary(g, "leakyRelu", n.tensor("self"), n.number("negative_slope", 0.01)),
  elu: (n, g) => {
    if (n.number("input_scale", 1) !== 1) g.fail("its input_scale is not 1", "Use torch.nn.ELU, CELU or SELU.");
    return scaled(g, unary(g, "elu", n.tensor("self"), n.number("alpha", 1)), n.number("scale", 1));
  },
  celu: (n, g) => unary(g, "celu", n.tensor("self"), n.number("alpha", 1)),
  gelu: (n, g) => unary(g, n.string("approximate", "none") === "tanh" ? "geluTanh" : "gelu", n.tensor("self")),
  softplus: (n, g) => affine(g, unary(g, "softplus", affine(g, n.tensor("self"), n.number("beta", 1), 0)), 1 / n.number("beta", 1), 0),
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
  where: (n, g) => where(g, n.tensor("condition"), n.operand("self"), n.operand("other")),
  masked_fill: (n, g) => where(g, n.tensor("mask"), n.operand("value"), n.tensor("self")),
  dropout: same, feature_dropout: same, alpha_dropout: same, feature_alpha_dropout: same, native_dropout: (n) => [n.tensor("input"), null],
  contiguous: same, clone: same, alias: same, detach: same, detach_: same, lift_fresh_copy: same, lift_fresh: same, lift: same, positive: same,
  to: converted, _to_copy: converted, type_as: same, float: (n, g) => toFloat(g, n.tensor("self")),
};

const both = (n: AtenNode, g: GraphBuilder, op: BinaryOp): string => {
  const mode = n.has("rounding_mode") ? n.string("rounding_mode", "") : "";
  const [a, b] = alike(g, n.operand(n.has("self") ? "self" : "input"), n.operand(n.has("exponent") ? "exponent" : "other")), y = binary(g, op, a, b);
  return mode ? unary(g, mode === "floor" ? "floor" : "truncate", y) : y;
};

/** Integers meet floats as floats. */
const alike = (g: GraphBuilder, a: string, b: string): [string, string] =>
  (dtypeOf(g, a) === dtypeOf(g, b) ? [a, b] : [toFloat(g, a), toFloat(g, b)]);

const scaled = (g: GraphBuilder, x: string, alpha: number): string => (alpha === 1 ? x : affine(g, x, alpha, 0));

/** a ± alpha · b */
const sum = (n: AtenNode, g: GraphBuilder, op: "add" | "sub"): string => {
  const [a, b] = alike(g, n.operand("self"), n.operand("other"));
  return op === "add" ? add(g, a, scaled(g, b, n.number("alpha", 1))) : sub(g, a, scaled(g, b, n.number("alpha", 1)));
};

const clamp = (n: AtenNode, g: GraphBuilder, low: string, high: string): string =>
  unary(g, "clip", n.tensor("self"), n.number(low, -Infinity), n.number(high, Infinity));

/** One slope, or one per channel at axis 1. */
export function prelu(g: GraphBuilder, x: string, slope: string): string {
  const C = g.shape(slope).at(-1) ?? 1, rest = g.shape(x).slice(2).map(() => 1), shape = C === 1 ? [] : [C, ...rest];
  return binary(g, "prelu", x, g.add("reshape", [slope], { shape }));
}

function converted(n: AtenNode, g: GraphBuilder): string {
  const x = n.tensor("self"), code = n.get("dtype"), type = typeof code === "number" ? scalarTypes[code] : undefined;
  if (type === undefined) return x;
  const to = elementTypes[type]!.dtype;
  return cast(g, to !== "float32" && to !== "bool" && dtypeOf(g, x) === "float32" ? unary(g, "truncate", x) : x, to);
}
