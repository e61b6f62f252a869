/**
 * Functions in a functional model: `keras.ops` of Keras 3 by class (GetItem), `tf.` functions of Keras 2 by name
 * (TFOpLambda "math.multiply", SlicingOpLambda). Settings stand in the configuration or among the arguments.
 */
import type { LayerFunction } from "./layer.ts";
import { elementwiseOperations } from "./operations-elementwise.ts";
import { reducingOperations } from "./operations-reduce.ts";
import { shapeOperations } from "./operations-shape.ts";

/** Keras 2's name of what Keras 3 calls otherwise; "math." and the like are cut off first. */
const aliases: Record<string, string> = {
  add: "Add", subtract: "Subtract", sub: "Subtract", multiply: "Multiply", mul: "Multiply", truediv: "TrueDivide", divide: "TrueDivide",
  Divide: "TrueDivide", maximum: "Maximum", minimum: "Minimum", floordiv: "FloorDivide", floormod: "Mod", mod: "Mod",
  pow: "Power", greater: "Greater", less: "Less", relu: "Relu", relu6: "Relu6", sigmoid: "Sigmoid", tanh: "Tanh", silu: "Silu", swish: "Silu",
  softplus: "Softplus", elu: "Elu", exp: "Exp", log: "Log", sqrt: "Sqrt", leaky_relu: "LeakyRelu", gelu: "Gelu", log_softmax: "LogSoftmax",
  rsqrt: "Rsqrt", square: "Square", abs: "Absolute", Abs: "Absolute", negative: "Negative", neg: "Negative", softmax: "Softmax",
  clip_by_value: "Clip", reduce_mean: "Mean", reduce_sum: "Sum", reduce_max: "Max", reduce_min: "Min", reduce_any: "Any", reduce_all: "All",
  not_equal: "NotEqual", logical_and: "LogicalAnd", logical_or: "LogicalOr", logical_not: "LogicalNot", cast: "Cast", argmax: "Argmax",
  argmin: "Argmin", cumsum: "Cumsum", tile: "Tile", pad: "Pad", unstack: "Unstack", one_hot: "OneHot", zeros_like: "ZerosLike",
  ones_like: "OnesLike", einsum: "Einsum", squared_difference: "SquaredDifference",
  reshape: "Reshape", transpose: "Transpose", expand_dims: "ExpandDims", squeeze: "Squeeze", concat: "Concatenate", stack: "Stack",
  getitem: "GetItem", matmul: "Matmul", l2_normalize: "Normalize", where: "Where", split: "Split",
};

const operations: Record<string, LayerFunction> = { ...elementwiseOperations, ...reducingOperations, ...shapeOperations };

/** The function of a Keras 3 class, or of a TensorFlow name like "math.add" or "__operators__.add". */
export function operationOf(name: string): LayerFunction | undefined {
  const short = name.split(".").at(-1)!, key = Object.hasOwn(aliases, short) ? aliases[short]! : short;
  return Object.hasOwn(operations, key) ? operations[key] : undefined;
}
