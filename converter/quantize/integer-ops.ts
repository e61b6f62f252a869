/** Which operators have an integer kernel, and under which conditions; what is not here stays float between dequantize and quantize. */
import { isConstant, sizeOf, tensorOf, type Graph, type Node, type Tensor } from "../ir/graph.ts";
import { unaryOps, type OpName } from "../ir/ops.ts";
import type { ActivationType } from "./integers.ts";

type Condition<K extends OpName> = (node: Node<K>, graph: Graph) => boolean;

/** int32 sums stay below 2^30: |bias| + 255 · 127 · K; half of it is left to the bias. */
const LONGEST_SUM = 16384;

const constantAt = (...indices: number[]) => (node: Node, graph: Graph) => indices.every((i) => !node.inputs[i] || isConstant(graph, node.inputs[i]!));
const weightsAt = (...indices: number[]) => (node: Node, graph: Graph) =>
  constantAt(...indices)(node, graph) && !isConstant(graph, node.inputs[0]!) && sumLength(tensorOf(graph, node.inputs[1]!).shape) <= LONGEST_SUM;
const sumLength = ([, ...rest]: number[]) => sizeOf(rest);
const always = () => true;
/** Where the scales are not chosen yet the condition is for the caller to make true. */
const hasOneScale = (node: Node, graph: Graph) => {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!].map((name) => tensorOf(graph, name).quantization);
  return !x || !y || (x.scale[0] === y.scale[0] && x.zeroPoint[0] === y.zeroPoint[0]);
};

/** Weights and biases constant; states stay activations; no lengths, peepholes or coupled gates. */
const recurrent = (absent: number[], biasAt: number) => (node: Node, graph: Graph) =>
  constantAt(1, 2, biasAt)(node, graph) && !isConstant(graph, node.inputs[0]!) && absent.every((i) => !node.inputs[i]);

const each = (names: readonly OpName[], condition: Condition<OpName>) => Object.fromEntries(names.map((n) => [n, condition]));

/** No tables: 65536 entries per function would not be small. */
export const integerOps16: { [K in OpName]?: Condition<K> } = {
  conv2d: weightsAt(1, 2), convTranspose2d: weightsAt(1, 2), dense: weightsAt(1, 2),
  ...each(["maxPool2d", "add", "sub", "mul", "concat", "reshape", "transpose", "slice", "pad", "expand", "tile", "leakyRelu", "clip"], always),
  averagePool2d: (node, graph) => !node.attributes.countIncludePad && hasOneScale(node, graph),
  gather: (node, graph) => tensorOf(graph, node.inputs[1]!).dtype !== "float32",
};

export const integerOps8: { [K in OpName]?: Condition<K> } = {
  ...integerOps16, averagePool2d: always,
  ...each(unaryOps.filter((op) => !["isNan", "isInf", "not"].includes(op)), always),
  ...each(["matmul", "reduceMean", "softmax", "logSoftmax", "prelu", "min", "max", "lut"], always),
  lstm: (node, graph) => recurrent([6, 7], 3)(node, graph) && !node.attributes.inputForget,
  gru: recurrent([5], 3),
  rnn: recurrent([5], 3),
};

/** Operators that read and write integers by nature. */
const borders = new Set<OpName>(["quantize", "dequantize", "requantize"]);

export function hasIntegerKernel(node: Node, graph: Graph, type: ActivationType): boolean {
  const condition = (type === "int8" ? integerOps8 : integerOps16)[node.op] as Condition<OpName> | undefined;
  return borders.has(node.op) || (condition?.(node, graph) ?? false);
}

/** Most of the multiplications: worth integers wherever they stand. */
const heavy = new Set<OpName>(["conv2d", "convTranspose2d", "dense", "matmul", "lstm", "gru", "rnn"]);
export const isHeavy = (node: Node): boolean => heavy.has(node.op);

/** Operators that move values about, or choose among them: input and output have one scale. */
const movers = new Set<OpName>(["reshape", "transpose", "slice", "pad", "gather", "expand", "tile", "concat", "maxPool2d"]);
export const keepsScale = (node: Node): boolean => movers.has(node.op);

/** Arithmetic on int16 knows no zero point but 0; what moves values takes any. */
export const fitsZeroPoints = (node: Node, activations: readonly Tensor[]): boolean =>
  borders.has(node.op) || (keepsScale(node) && node.op !== "pad") || activations.every((t) => t.dtype !== "int16" || t.quantization!.zeroPoint.every((z) => z === 0));

/** Positions of the inputs that are activations: they have the scale of an activation, also where they are constant. */
export function activationInputs(node: Node): number[] {
  if (["conv2d", "convTranspose2d", "dense", "lstm", "gru", "rnn", "gather", "lut"].includes(node.op)) return [0];
  return node.inputs.flatMap((name, i) => (name ? [i] : []));
}

/** The activations that an integer kernel reads and writes as integers. */
export const integerTensors = (node: Node): string[] => [...activationInputs(node).map((i) => node.inputs[i]!), node.outputs[0]!].filter(Boolean);
