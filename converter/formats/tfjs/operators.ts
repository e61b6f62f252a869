/** TensorFlow's operators by name. */
import { convolutions } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import type { Operator } from "./node.ts";
import { reductions } from "./reduce.ts";
import { shapes } from "./shape.ts";

/** Const is read from the weights. */
export const operators: Record<string, Operator> = { Const: () => [], ...convolutions, ...elementwise, ...reductions, ...shapes };
