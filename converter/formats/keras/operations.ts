/**
 * Functions in a functional model: `keras.ops` of Keras 3 by class (GetItem), `tf.` functions of Keras 2 by name
 * (TFOpLambda "math.multiply", SlicingOpLambda). Settings stand in the configuration or among the arguments.
 */
import { sizeOf } from "../../ir/graph.ts";
import type { BinaryOp, ReduceOp, UnaryOp } from "../../ir/ops.ts";
import { axesOf, axisOf, binary, bounded, concat, div, matmul, mul, range, rankOf, reduce, reshape, reverse, scalar, sliceAxis, transpose, unary,
  where } from "../onnx/write.ts";
import { isObject, type Json } from "../wire/json.ts";
import { tensorsIn, type Layer, type LayerFunction, type Operand } from "./layer.ts";

/** Keras 2's name of what Keras 3 calls otherwise; "math." and the like are cut off first. */
const aliases: Record<string, string> = {
  add: "Add", subtract: "Subtract", sub: "Subtract", multiply: "Multiply", mul: "Multiply", truediv: "TrueDivide", divide: "TrueDivide",
  Divide: "TrueDivide", maximum: "Maximum", minimum: "Minimum",
  pow: "Power", greater: "Greater", less: "Less", relu: "Relu", relu6: "Relu6", sigmoid: "Sigmoid", tanh: "Tanh", silu: "Silu", swish: "Silu",
  softplus: "Softplus", elu: "Elu", exp: "Exp", log: "Log", sqrt: "Sqrt",
  rsqrt: "Rsqrt", square: "Square", abs: "Absolute", Abs: "Absolute", negative: "Negative", neg: "Negative", softmax: "Softmax",
  clip_by_value: "Clip", reduce_mean: "Mean", reduce_sum: "Sum", reduce_max: "Max", reduce_min: "Min",
  reshape: "Reshape", transpose: "Transpose", expand_dims: "ExpandDims", squeeze: "Squeeze", concat: "Concatenate", stack: "Stack",
  getitem: "GetItem", matmul: "Matmul", l2_normalize: "Normalize", where: "Where", split: "Split",
};

/** The function of a Keras 3 class, or of a TensorFlow name like "math.add" or "__operators__.add". */
export function operationOf(name: string): LayerFunction | undefined {
  const short = name.split(".").at(-1)!, key = Object.hasOwn(aliases, short) ? aliases[short]! : short;
  return Object.hasOwn(operations, key) ? operations[key] : undefined;
}

const plainUnary: Record<string, [UnaryOp, number, number]> = {
  Relu: ["clip", 0, Infinity], Relu6: ["clip", 0, 6], Sigmoid: ["sigmoid", 0, 0], Tanh: ["tanh", 0, 0], Silu: ["swish", 1, 0],
  Softplus: ["softplus", 0, 0], Softsign: ["softsign", 0, 0],
  HardSigmoid: ["hardSigmoid", 1 / 6, 0.5], HardSilu: ["hardSwish", 0, 0], Exp: ["exp", 0, 0], Log: ["log", 0, 0], Sqrt: ["sqrt", 0, 0],
  Absolute: ["abs", 0, 0], Negative: ["neg", 0, 0], Sign: ["sign", 0, 0],
  Sin: ["sin", 0, 0], Cos: ["cos", 0, 0], Floor: ["floor", 0, 0], Ceil: ["ceil", 0, 0], Round: ["round", 0, 0], Erf: ["erf", 0, 0],
  Reciprocal: ["reciprocal", 0, 0], Selu: ["selu", 1.6732632423543772, 1.0507009873554805],
};
const plainBinary: Record<string,
  BinaryOp> = { Add: "add", Subtract: "sub", Multiply: "mul", TrueDivide: "div", Maximum: "max", Minimum: "min", Power: "pow", Greater: "greater",
    GreaterEqual: "greaterOrEqual", Less: "less", LessEqual: "lessOrEqual", Equal: "equal" };
const plainReduce: Record<string, ReduceOp> = { Mean: "reduceMean", Sum: "reduceSum", Max: "reduceMax", Min: "reduceMin", Prod: "reduceProd" };
const each = <V>(table: Record<string, V>, make: (value: V) => LayerFunction) =>
  Object.fromEntries(Object.entries(table).map(([name, value]) => [name, make(value)]));

const operations: Record<string, LayerFunction> = {
  ...each(plainUnary, ([op, alpha, beta]) => (l) => unary(l.g, op, tensor(l, 0, "x"), alpha, beta)),
  ...each(plainBinary, (op) => (l) => binary(l.g, op, tensor(l, 0, "x"), tensor(l, 1, "y"))),
  ...each(plainReduce, (op) => (l) => {
    const x = tensor(l, 0, "input_tensor"), axes = setting(l, 1, "axis");
    return reduce(l.g, op, x, axes === undefined || axes === null ? range(rankOf(l.g, x)) : axesOf(l.g, numbers(l, axes), rankOf(l.g, x)),
      setting(l, 2, "keepdims") === true);
  }),
  Elu: (l) => unary(l.g, "elu", tensor(l, 0, "x"), Number(setting(l, 1, "alpha") ?? 1)),
  LeakyRelu: (l) => unary(l.g, "leakyRelu", tensor(l, 0, "x"), Number(setting(l, 1, "negative_slope") ?? 0.2)),
  Gelu: (l) => unary(l.g, setting(l, 1, "approximate") === false ? "gelu" : "geluTanh", tensor(l, 0, "x")),
  Rsqrt: (l) => unary(l.g, "reciprocal", unary(l.g, "sqrt", tensor(l, 0, "x"))),
  Square: (l) => mul(l.g, tensor(l, 0, "x"), tensor(l, 0, "x")),
  Softmax: (l) => l.g.add("softmax", [tensor(l, 0, "x")], { axis: axisOf(l.g, Number(setting(l, 1, "axis") ?? -1), rankOf(l.g, tensor(l, 0, "x"))) }),
  Clip: (l) => unary(l.g, "clip", tensor(l, 0, "t"), Number(setting(l, 1, "x_min") ?? setting(l, 1, "clip_value_min") ?? -Infinity),
    Number(setting(l, 2, "x_max") ?? setting(l, 2, "clip_value_max") ?? Infinity)),
  Normalize: (l) => {
    const x = tensor(l, 0, "x"), axes = axesOf(l.g, numbers(l, setting(l, 1, "axis") ?? -1), rankOf(l.g, x));
    return div(l.g, x, unary(l.g, "clip", reduce(l.g, "reduceL2", x, axes, true), 1e-7, Infinity));
  },
  Reshape: (l) => {
    const x = tensor(l, 0, "tensor"), shape = numbers(l, setting(l, 1, "newshape") ?? setting(l, 1, "shape"));
    const free = sizeOf(l.g.shape(x)) / shape.filter((d) => d !== -1).reduce((a, d) => a * d, 1);
    return reshape(l.g, x, shape.map((d) => (d === -1 ? free : d)));
  },
  Transpose: (l) => {
    const x = tensor(l, 0, "a"), rank = rankOf(l.g, x), axes = setting(l, 1, "axes") ?? setting(l, 1, "perm");
    return transpose(l.g, x, axes === undefined || axes === null ? range(rank).reverse() : axesOf(l.g, numbers(l, axes), rank));
  },
  ExpandDims: (l) => {
    const x = tensor(l, 0, "input"), shape = [...l.g.shape(x)];
    shape.splice(axisOf(l.g, Number(setting(l, 1, "axis")), shape.length + 1), 0, 1);
    return reshape(l.g, x, shape);
  },
  Squeeze: (l) => {
    const x = tensor(l, 0, "input"), shape = l.g.shape(x), axis = setting(l, 1, "axis");
    const axes = axis === undefined || axis === null ? range(shape.length).filter((i) => shape[i] === 1)
      : axesOf(l.g, numbers(l, axis), shape.length);
    return reshape(l.g, x, shape.filter((_, i) => !axes.includes(i)));
  },
  Concatenate: (l) => {
    const parts = list(l, "values");
    return concat(l.g, parts, axisOf(l.g, Number(setting(l, 1, "axis") ?? -1), rankOf(l.g, parts[0]!)));
  },
  Stack: (l) => {
    const parts = list(l, "values"), axis = axisOf(l.g, Number(setting(l, 1, "axis") ?? 0), rankOf(l.g, parts[0]!) + 1);
    return concat(l.g, parts.map((x) => reshape(l.g, x, [...l.g.shape(x).slice(0, axis), 1, ...l.g.shape(x).slice(axis)])), axis);
  },
  Split: (l) => {
    const x = tensor(l, 0, "value"), axis = axisOf(l.g, Number(setting(l, 2, "axis") ?? 0), rankOf(l.g, x));
    const parts = Number(setting(l, 1, "indices_or_sections") ?? setting(l, 1, "num_or_size_splits")), size = l.g.shape(x)[axis]! / parts;
    if (!Number.isInteger(size)) l.g.fail(`it does not split ${l.g.shape(x)[axis]} into equal parts`, "Split into equal parts.");
    return range(bounded(l.g, parts, "splitting")).map((i) => sliceAxis(l.g, x, axis, i * size, size));
  },
  Flip: (l) => axesOf(l.g, numbers(l, setting(l, 1, "axis")), rankOf(l.g, tensor(l, 0, "x"))).reduce((x, axis) => reverse(l.g, x, axis),
    tensor(l, 0, "x")),
  Matmul: (l) => matmul(l.g, tensor(l, 0, "a"), tensor(l, 1, "b")),
  Where: (l) => where(l.g, tensor(l, 0, "condition"), tensor(l, 1, "x1"), tensor(l, 2, "x2")),
  GetItem: getItem,
};

/** Argument `index`, by keyword, or from the configuration. */
const argument = (l: Layer, index: number, name: string): Operand | undefined => l.operands[index] ?? l.keywords[name]
  ?? (l.config.json(name) === undefined ? undefined : { value: l.config.json(name)! });

/** An argument as a tensor; numbers become constants. */
function tensor(l: Layer, index: number, name: string): string {
  const operand = argument(l, index, name) ?? l.keywords[["x", "y"][index] ?? name];
  if (operand && !Array.isArray(operand) && "value" in operand && typeof operand.value === "number") return scalar(l.g, operand.value);
  return tensorsIn(operand)[0] ?? l.g.fail(`argument ${index} is missing or no tensor`, "Use layers instead of functions here.");
}

/** An argument as plain values. */
function setting(l: Layer, index: number, name: string): Json | undefined {
  const plain = (operand: Operand): Json =>
    (Array.isArray(operand) ? operand.map(plain) : "value" in operand ? operand.value
      : l.g.fail(`${name} is computed, expected a fixed value`, "Use a constant."));
  const operand = l.keywords[name] ?? l.operands[index];
  return l.config.json(name) ?? (operand === undefined ? undefined : plain(operand));
}

const numbers = (l: Layer, json: Json | undefined): number[] => {
  const values = Array.isArray(json) ? json : [json];
  return values.every((v) => Number.isInteger(v)) ? (values as number[])
    : l.g.fail(`found ${JSON.stringify(json)}, expected whole numbers`, "Use fixed shapes and axes.");
};

function list(l: Layer, name: string): string[] {
  const parts = tensorsIn(l.operands[0] ?? l.keywords[name]);
  return parts.length ? parts : l.g.fail("it has no inputs", "", "ERR_OCTAVO_FORMAT");
}

/** x[key]: whole numbers, slices, null for a new axis, and an ellipsis. */
function getItem(l: Layer): string {
  const key = setting(l, 1, "key") ?? setting(l, 1, "slice_spec"), parts = Array.isArray(key) ? key : [key ?? null];
  const shape = l.g.shape(tensor(l, 0, "x"));
  const isEllipsis = (p: Json) => (isObject(p) && p.class_name === "__ellipsis__") || p === "...";
  const taken = parts.filter((p) => p !== null && !isEllipsis(p)).length;
  let x = tensor(l, 0, "x"), axis = 0;
  const result: number[] = [];
  const keep = (count: number) => { for (let i = 0; i < count; i++, axis++) result.push(l.g.shape(x)[axis]!); };
  for (const part of parts) {
    if (isEllipsis(part)) keep(shape.length - taken);
    else if (part === null) result.push(1);
    else if (axis >= shape.length) l.g.fail(`it indexes ${taken} axes of [${shape.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
    else if (typeof part === "number") x = sliceAxis(l.g, x, axis, part < 0 ? part + shape[axis]! : part, 1), axis++;
    else {
      x = sliced(l, x, axis, part);
      keep(1);
    }
  }
  keep(shape.length - axis);
  return reshape(l.g, x, result);
}

/** start:stop:step as Python takes it. */
function sliced(l: Layer, x: string, axis: number, part: Json): string {
  const fields = isObject(part) ? (isObject(part.config) ? part.config : part)
    : l.g.fail(`found the index ${JSON.stringify(part)}`, "Use numbers and slices."), size = l.g.shape(x)[axis]!;
  const step = Number(fields.step ?? 1), within = (v: number) => Math.min(size, Math.max(0, v < 0 ? v + size : v));
  if (step < 1 || !Number.isInteger(step)) l.g.fail(`its step is ${step}, expected a whole number from 1`, "Use flip instead.");
  const start = within(Number(fields.start ?? 0)), stop = within(Number(fields.stop ?? size));
  return sliceAxis(l.g, x, axis, start, Math.max(0, Math.ceil((stop - start) / step)), step);
}
