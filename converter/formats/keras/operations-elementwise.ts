/** Functions of one element at a time: arithmetic, comparisons, logic, activations. */
import type { DType } from "../../ir/graph.ts";
import type { BinaryOp, UnaryOp } from "../../ir/ops.ts";
import { shrink, trigonometry } from "../onnx/elementwise.ts";
import { affine, binary, cast, isFloat, mul, scalar, sub, toFloat, unary, where } from "../onnx/write.ts";
import { number, setting, tensor } from "./arguments.ts";
import type { Layer, LayerFunction } from "./layer.ts";

const plainUnary: Record<string, [UnaryOp, number, number]> = {
  Relu: ["clip", 0, Infinity], Relu6: ["clip", 0, 6], HardTanh: ["clip", -1, 1], Sigmoid: ["sigmoid", 0, 0], Tanh: ["tanh", 0, 0],
  Silu: ["swish", 1, 0], Softplus: ["softplus", 0, 0], Softsign: ["softsign", 0, 0], Mish: ["mish", 0, 0],
  HardSigmoid: ["hardSigmoid", 1 / 6, 0.5], HardSilu: ["hardSwish", 0, 0], Exp: ["exp", 0, 0], Log: ["log", 0, 0], Sqrt: ["sqrt", 0, 0],
  Absolute: ["abs", 0, 0], Negative: ["neg", 0, 0], Sign: ["sign", 0, 0], Floor: ["floor", 0, 0], Ceil: ["ceil", 0, 0], Round: ["round", 0, 0],
  Trunc: ["truncate", 0, 0], Erf: ["erf", 0, 0], Reciprocal: ["reciprocal", 0, 0], Selu: ["selu", 1.6732632423543772, 1.0507009873554805],
  Isnan: ["isNan", 0, 0], Isinf: ["isInf", 1, 1],
};
const plainBinary: Record<string, BinaryOp> = {
  Add: "add", Subtract: "sub", Multiply: "mul", TrueDivide: "div", Maximum: "max", Minimum: "min", Power: "pow", Mod: "mod", Arctan2: "atan2",
};
const comparisons: Record<string, BinaryOp> = {
  Greater: "greater", GreaterEqual: "greaterOrEqual", Less: "less", LessEqual: "lessOrEqual", Equal: "equal",
};
const logic: Record<string, BinaryOp> = { LogicalAnd: "and", LogicalOr: "or", LogicalXor: "xor" };
/** Keras' names of ONNX' functions. */
const angles: Record<string, string> = {
  Sin: "Sin", Cos: "Cos", Tan: "Tan", Arcsin: "Asin", Arccos: "Acos", Arctan: "Atan", Sinh: "Sinh", Cosh: "Cosh", Arcsinh: "Asinh", Arccosh: "Acosh",
  Arctanh: "Atanh",
};
const each = <V>(table: Record<string, V>, make: (value: V) => LayerFunction) =>
  Object.fromEntries(Object.entries(table).map(([name, value]) => [name, make(value)]));

const x = (l: Layer): string => tensor(l, 0, "x");
const y = (l: Layer): string => tensor(l, 1, "y");
/** Both operands in one type: numbers are written as floats. */
const compared = (l: Layer, op: BinaryOp): string => binary(l.g, op, toFloat(l.g, x(l)), toFloat(l.g, y(l)));

export const elementwiseOperations: Record<string, LayerFunction> = {
  ...each(plainUnary, ([op, alpha, beta]) => (l) => unary(l.g, op, x(l), alpha, beta)),
  ...each(plainBinary, (op) => (l) => binary(l.g, op, x(l), y(l))),
  ...each(comparisons, (op) => (l) => compared(l, op)),
  ...each(logic, (op) => (l) => binary(l.g, op, cast(l.g, tensor(l, 0, "x1"), "bool"), cast(l.g, tensor(l, 1, "x2"), "bool"))),
  ...each(angles, (name) => (l) => trigonometry[name]!(l.g, x(l))),
  NotEqual: (l) => unary(l.g, "not", compared(l, "equal")),
  LogicalNot: (l) => unary(l.g, "not", cast(l.g, x(l), "bool")),
  FloorDivide: (l) => unary(l.g, "floor", binary(l.g, "div", x(l), y(l))),
  SquaredDifference: (l) => {
    const d = sub(l.g, x(l), y(l));
    return mul(l.g, d, d);
  },
  Elu: (l) => unary(l.g, "elu", x(l), number(l, 1, "alpha", 1)),
  Celu: (l) => unary(l.g, "celu", x(l), number(l, 1, "alpha", 1)),
  LeakyRelu: (l) => unary(l.g, "leakyRelu", x(l), number(l, 1, "negative_slope", 0.2)),
  Gelu: (l) => unary(l.g, setting(l, 1, "approximate") === false ? "gelu" : "geluTanh", x(l)),
  LogSigmoid: (l) => unary(l.g, "neg", unary(l.g, "softplus", unary(l.g, "neg", x(l)))),
  TanhShrink: (l) => sub(l.g, x(l), unary(l.g, "tanh", x(l))),
  HardShrink: (l) => shrink(l.g, x(l), 0, number(l, 1, "threshold", 0.5)),
  SoftShrink: (l) => shrink(l.g, x(l), number(l, 1, "threshold", 0.5), number(l, 1, "threshold", 0.5)),
  Threshold: (l) => where(l.g, binary(l.g, "greater", x(l), scalar(l.g, number(l, 1, "threshold", 0))), x(l), scalar(l.g, number(l, 2, "default_value", 0))),
  Squareplus: (l) => affine(l.g, binary(l.g, "add", x(l), unary(l.g, "sqrt", affine(l.g, mul(l.g, x(l), x(l)), 1, number(l, 1, "b", 4)))), 0.5, 0),
  Rsqrt: (l) => unary(l.g, "reciprocal", unary(l.g, "sqrt", x(l))),
  Square: (l) => mul(l.g, x(l), x(l)),
  Expm1: (l) => affine(l.g, unary(l.g, "exp", x(l)), 1, -1),
  Log1p: (l) => unary(l.g, "log", affine(l.g, x(l), 1, 1)),
  Log2: (l) => affine(l.g, unary(l.g, "log", x(l)), Math.LOG2E, 0),
  Log10: (l) => affine(l.g, unary(l.g, "log", x(l)), Math.LOG10E, 0),
  Clip: (l) => unary(l.g, "clip", tensor(l, 0, "t"), Number(setting(l, 1, "x_min") ?? setting(l, 1, "clip_value_min") ?? -Infinity),
    Number(setting(l, 2, "x_max") ?? setting(l, 2, "clip_value_max") ?? Infinity)),
  Where: (l) => where(l.g, cast(l.g, tensor(l, 0, "condition"), "bool"), tensor(l, 1, "x1"), tensor(l, 2, "x2")),
  ZerosLike: (l) => affine(l.g, toFloat(l.g, x(l)), 0, 0),
  OnesLike: (l) => affine(l.g, toFloat(l.g, x(l)), 0, 1),
  FullLike: (l) => affine(l.g, toFloat(l.g, x(l)), 0, number(l, 1, "fill_value", 0)),
  Cast: (l) => converted(l, x(l), typeOf(l, setting(l, 1, "dtype"))),
};

const types: Record<string, DType> = {
  bool: "bool", uint8: "uint8", int8: "int8", int16: "int16", uint16: "uint16", int32: "int32", uint32: "int64", int64: "int64",
  float16: "float32", bfloat16: "float32", float32: "float32", float64: "float32",
};

function typeOf(l: Layer, dtype: unknown): DType {
  return typeof dtype === "string" && Object.hasOwn(types, dtype) ? types[dtype]!
    : l.g.fail(`its type is ${JSON.stringify(dtype)}, expected one of ${Object.keys(types).join(", ")}`, "Use one of these types.");
}

/** A float loses its fraction on the way to an integer. */
const converted = (l: Layer, from: string, to: DType): string =>
  cast(l.g, to !== "float32" && to !== "bool" && isFloat(l.g, from) ? unary(l.g, "truncate", from) : from, to);
