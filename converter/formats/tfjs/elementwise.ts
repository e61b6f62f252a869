/** Operators of one element at a time. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { BinaryOp, UnaryOp } from "../../ir/ops.ts";
import { affine, axisOf, binary, cast, dtypeOf, mul, rankOf, sub, toFloat, unary, where } from "../onnx/write.ts";
import type { Operator, TfNode } from "./node.ts";

const unaries: Record<string, [UnaryOp, number, number]> = {
  Relu: ["clip", 0, Infinity], Relu6: ["clip", 0, 6], Elu: ["elu", 1, 0], Selu: ["selu", 1.6732632423543772, 1.0507009873554805],
  Sigmoid: ["sigmoid", 0, 0], Tanh: ["tanh", 0, 0],
  Softplus: ["softplus", 0, 0], Softsign: ["softsign", 0, 0], Exp: ["exp", 0, 0], Log: ["log", 0, 0], Sqrt: ["sqrt", 0, 0], Abs: ["abs", 0, 0],
  Neg: ["neg", 0, 0],
  Reciprocal: ["reciprocal", 0, 0], Inv: ["reciprocal", 0, 0], Erf: ["erf", 0, 0], Sin: ["sin", 0, 0], Cos: ["cos", 0, 0], Floor: ["floor", 0, 0],
  Ceil: ["ceil", 0, 0],
  Round: ["round", 0, 0], Rint: ["round", 0, 0], Sign: ["sign", 0, 0], LogicalNot: ["not", 0, 0], IsNan: ["isNan", 0, 0],
};
const binaries: Record<string, BinaryOp> = {
  Add: "add", AddV2: "add", Sub: "sub", Mul: "mul", RealDiv: "div", Maximum: "max", Minimum: "min", Pow: "pow", FloorMod: "mod", Mod: "fmod",
  Atan2: "atan2",
  Equal: "equal", Greater: "greater", GreaterEqual: "greaterOrEqual", Less: "less", LessEqual: "lessOrEqual", LogicalAnd: "and", LogicalOr: "or",
  Prelu: "prelu",
};
const same: Operator = (n) => n.input(0);

export const elementwise: Record<string, Operator> = {
  ...Object.fromEntries(Object.entries(unaries).map(([name, [op, alpha, beta]]) =>
    [name, (n: TfNode, g: GraphBuilder) => unary(g, op, n.input(0), alpha, beta)])),
  ...Object.fromEntries(Object.entries(binaries).map(([name, op]) => [name, (n: TfNode, g: GraphBuilder) => binary(g, op, n.input(0), n.input(1))])),
  Identity: same, StopGradient: same, PreventGradient: same, Snapshot: same, CheckNumerics: same, EnsureShape: same, PlaceholderWithDefault: same,
  IdentityN: (n) => [...n.inputs],
  AddN: (n, g) => n.inputs.slice(1).reduce((a, b) => binary(g, "add", a, b), n.input(0)),
  Div: (n, g) => whole(g, binary(g, "div", n.input(0), n.input(1)), "truncate"),
  FloorDiv: (n, g) => whole(g, binary(g, "div", n.input(0), n.input(1)), "floor"),
  DivNoNan: (n, g) => where(g, binary(g, "equal", n.input(1), g.scalar(0)), g.scalar(0), binary(g, "div", n.input(0), n.input(1))),
  NotEqual: (n, g) => unary(g, "not", binary(g, "equal", n.input(0), n.input(1))),
  SquaredDifference: (n, g) => {
    const d = sub(g, n.input(0), n.input(1));
    return mul(g, d, d);
  },
  Square: (n, g) => mul(g, n.input(0), n.input(0)),
  Rsqrt: (n, g) => unary(g, "reciprocal", unary(g, "sqrt", n.input(0))),
  Erfc: (n, g) => affine(g, unary(g, "erf", n.input(0)), -1, 1),
  Expm1: (n, g) => affine(g, unary(g, "exp", n.input(0)), 1, -1),
  Log1p: (n, g) => unary(g, "log", affine(g, n.input(0), 1, 1)),
  LeakyRelu: (n, g) => unary(g, "leakyRelu", n.input(0), n.float("alpha", 0.2)),
  ClipByValue: (n, g) => binary(g, "min", binary(g, "max", n.input(0), n.input(1)), n.input(2)),
  Softmax: (n, g) => g.add("softmax", [n.input(0)], { axis: axisOf(g, -1, rankOf(g, n.input(0))) }),
  LogSoftmax: (n, g) => g.add("logSoftmax", [n.input(0)], { axis: axisOf(g, -1, rankOf(g, n.input(0))) }),
  Cast: (n, g) => {
    const to = n.dtype("DstT", "float32"), x = n.input(0);
    return cast(g, to !== "float32" && to !== "bool" && dtypeOf(g, x) === "float32" ? unary(g, "truncate", x) : x, to);
  },
  Select: select, SelectV2: (n, g) => where(g, n.input(0), n.input(1), n.input(2)),
  ZerosLike: (n, g) => affine(g, toFloat(g, n.input(0)), 0, 0),
  OnesLike: (n, g) => affine(g, toFloat(g, n.input(0)), 0, 1),
};


/** Division of integers. */
const whole = (g: GraphBuilder, y: string, round: UnaryOp): string => (round === "truncate" && dtypeOf(g, y) === "float32" ? y : unary(g, round, y));

/** A condition of one axis picks rows. */
function select(n: TfNode, g: GraphBuilder): string {
  const [c, a, b] = [n.input(0), n.input(1), n.input(2)], rank = rankOf(g, a), rows = rankOf(g, c) === 1 && rank > 1;
  return where(g, rows ? g.add("reshape", [c], { shape: [g.shape(c)[0]!, ...new Array<number>(rank - 1).fill(1)] }) : c, a, b);
}
