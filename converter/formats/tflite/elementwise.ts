/** One value at a time: activations, unary and binary operators with broadcasting. */
import { allocate, type Quantization } from "../../ir/graph.ts";
import { noClamp, type BinaryOp, type UnaryOp } from "../../ir/ops.ts";
import { clampOf, type OperatorTable, type TfliteNode } from "./node.ts";
import { options, type TfliteOperator } from "./schema.ts";
import { quantizationOf } from "./tensors.ts";

const plain = { alpha: 0, beta: 0 };

const unary = (op: UnaryOp, attributes = plain) => (n: TfliteNode): void => { n.emit(op, [n.input(0)], attributes); };

const binary = (op: BinaryOp, option?: (o: TfliteOperator) => { activation: number }) => (n: TfliteNode): void => {
  n.emit(op, [n.input(0), n.input(1)], { clamp: option ? clampOf(n, option(n.operator).activation) : noClamp });
};

export const elementwise: OperatorTable = {
  RELU: unary("clip", { alpha: 0, beta: Infinity }),
  RELU6: unary("clip", { alpha: 0, beta: 6 }),
  RELU_N1_TO_1: unary("clip", { alpha: -1, beta: 1 }),
  RELU_0_TO_1: unary("clip", { alpha: 0, beta: 1 }),
  LOGISTIC: unary("sigmoid"),
  TANH: unary("tanh"),
  ELU: unary("elu", { alpha: 1, beta: 0 }),
  HARD_SWISH: unary("hardSwish"),
  LEAKY_RELU: (n) => { n.emit("leakyRelu", [n.input(0)], { alpha: options.leakyRelu(n.operator).alpha, beta: 0 }); },
  GELU: (n) => { n.emit(options.gelu(n.operator).approximate ? "geluTanh" : "gelu", [n.input(0)], plain); },
  PRELU: binary("prelu"),
  ABS: unary("abs"), NEG: unary("neg"), EXP: unary("exp"), LOG: unary("log"), SQRT: unary("sqrt"), SIN: unary("sin"), COS: unary("cos"),
  FLOOR: unary("floor"), CEIL: unary("ceil"), ROUND: unary("round"), SIGN: unary("sign"), LOGICAL_NOT: unary("not"),
  RSQRT: rsqrt,
  SQUARE: (n) => { const x = n.input(0); n.emit("mul", [x, x], { clamp: noClamp }); },
  ZEROS_LIKE: zerosLike,
  ADD: (n) => sum(n, "add", options.add(n.operator)), SUB: (n) => sum(n, "sub", options.sub(n.operator)), MUL: binary("mul", options.mul), DIV: binary("div", options.div),
  MAXIMUM: binary("max"), MINIMUM: binary("min"), POW: binary("pow"), ATAN2: binary("atan2"), FLOOR_MOD: binary("mod"),
  EQUAL: binary("equal"), GREATER: binary("greater"), GREATER_EQUAL: binary("greaterOrEqual"), LESS: binary("less"), LESS_EQUAL: binary("lessOrEqual"),
  LOGICAL_AND: binary("and"), LOGICAL_OR: binary("or"),
  NOT_EQUAL: (n) => { n.emit("not", [n.step("equal", [n.input(0), n.input(1)], { clamp: noClamp })], plain); },
  FLOOR_DIV: floorDiv,
  SQUARED_DIFFERENCE: squaredDifference,
  ADD_N: addN,
  SELECT: select, SELECT_V2: select,
};

function zerosLike(n: TfliteNode): void {
  const x = n.stored(0), dtype = n.dtype(x);
  n.emit("expand", [n.graph.constant("zero", dtype, [], allocate(dtype, 1))], { shape: n.shape(x) });
}

/** Of int16 whose scales are powers of two, the finer operand is first rounded to the steps of the result. Source: TFLite reference/add.h, sub.cc. */
function sum(n: TfliteNode, op: "add" | "sub", o: { activation: number; powerOfTwo: boolean }): void {
  const inputs = [n.input(0), n.input(1)], to = quantizationOf(n.target()), given = [...inputs.map((x) => n.quantization(x)), to];
  const shifts = o.powerOfTwo && n.dtype(inputs[0]!) === "int16" && given.every((q) => Number.isInteger(Math.log2(q?.scale[0] ?? 0)));
  n.emit(op, shifts ? inputs.map((x) => coarser(n, x, to!)) : inputs, { clamp: clampOf(n, o.activation) });
}

/** In half steps of its own, then rounded once. */
function coarser(n: TfliteNode, x: string, to: Quantization): string {
  const from = n.quantization(x)!;
  if (!(from.scale[0]! < to.scale[0]!)) return x;
  const halves = n.graph.add("requantize", [x], {}, [], { dtype: "int32", quantization: { ...from, scale: from.scale.map((s) => s / 2) } });
  return n.graph.add("requantize", [halves], {}, [], { dtype: "int16", quantization: to });
}

/** ⌊a / b⌋; of integers as (a − a mod b) / b, since integer division drops the fraction towards zero. */
function floorDiv(n: TfliteNode): void {
  const a = n.input(0), b = n.input(1);
  if (n.dtype(a) === "float32") n.emit("floor", [n.step("div", [a, b], { clamp: noClamp })], plain);
  else n.emit("div", [n.step("sub", [a, n.step("mod", [a, b], { clamp: noClamp })], { clamp: noClamp }), b], { clamp: noClamp });
}

const isQuantized = (n: TfliteNode): boolean => n.quantization(n.stored(0)) !== undefined;

function rsqrt(n: TfliteNode): void {
  if (isQuantized(n)) n.emit("rsqrt", [n.input(0)], plain);
  else n.emit("reciprocal", [n.step("sqrt", [n.input(0)], plain)], plain);
}

function squaredDifference(n: TfliteNode): void {
  if (isQuantized(n)) return void n.emit("squaredDifference", [n.input(0), n.input(1)], { clamp: noClamp });
  const d = n.step("sub", [n.input(0), n.input(1)], { clamp: noClamp });
  n.emit("mul", [d, d], { clamp: noClamp });
}

function addN(n: TfliteNode): void {
  const [first, ...others] = n.operator.inputs.map((_, i) => n.real(i));
  if (!first || !others.length) n.damaged("it has fewer than two inputs");
  const sum = others.slice(0, -1).reduce((a, b) => n.step("add", [a, b], { clamp: noClamp }), first!);
  n.emit("add", [sum, others.at(-1)!], { clamp: noClamp });
}

/** SELECT lets a condition of one axis choose whole rows. */
function select(n: TfliteNode): void {
  const condition = n.stored(0), a = n.input(1), b = n.input(2);
  const rank = n.shape(a).length;
  const byRow = n.operator.type === "SELECT" && n.shape(condition).length === 1 && rank > 1;
  const c = byRow ? n.reshape(condition, [...n.shape(condition), ...Array<number>(rank - 1).fill(1)]) : condition;
  n.emit("where", [c, a, b], {});
}

