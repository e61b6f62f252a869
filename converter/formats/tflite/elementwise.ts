/** One value at a time: activations, unary and binary operators with broadcasting. */
import { allocate } from "../../ir/graph.ts";
import { noClamp, type BinaryOp, type UnaryOp } from "../../ir/ops.ts";
import { clampOf, type OperatorTable, type TfliteNode } from "./node.ts";
import { options, type TfliteOperator } from "./schema.ts";

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
  RSQRT: (n) => { n.emit("reciprocal", [n.step("sqrt", [n.real(0)], plain)], plain); },
  SQUARE: (n) => { const x = n.input(0); n.emit("mul", [x, x], { clamp: noClamp }); },
  ZEROS_LIKE: zerosLike,
  ADD: binary("add", options.add), SUB: binary("sub", options.sub), MUL: binary("mul", options.mul), DIV: binary("div", options.div),
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

/** ⌊a / b⌋; of integers as (a − a mod b) / b, since integer division drops the fraction towards zero. */
function floorDiv(n: TfliteNode): void {
  const a = n.input(0), b = n.input(1);
  if (n.dtype(a) === "float32") n.emit("floor", [n.step("div", [a, b], { clamp: noClamp })], plain);
  else n.emit("div", [n.step("sub", [a, n.step("mod", [a, b], { clamp: noClamp })], { clamp: noClamp }), b], { clamp: noClamp });
}

function squaredDifference(n: TfliteNode): void {
  const d = n.step("sub", [n.real(0), n.real(1)], { clamp: noClamp });
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

