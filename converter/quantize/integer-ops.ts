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

/** Operators that only TFLite's rounding has kernels for, of int8 and of int16. */
export const exactOps8: { [K in OpName]?: Condition<K> } = {
  squaredDifference: always,
  /** A call per factor. */
  reduceProd: (node, graph) => sumOver(node, graph) <= 256 && !tensorOf(graph, node.inputs[0]!).quantization!.unsigned,
  /** A table of 64 KB each. */
  div: (_, graph) => countOf("div", graph) <= 32,
};

const counts = new WeakMap<Node[], Map<OpName, number>>();

/** Nodes of that operator; counted once per list. */
function countOf(op: OpName, { nodes }: Graph): number {
  const known = counts.get(nodes) ?? new Map<OpName, number>();
  counts.set(nodes, known);
  if (!known.has(op)) known.set(op, nodes.filter((n) => n.op === op).length);
  return known.get(op)!;
}

export const exactOps16: { [K in OpName]?: Condition<K> } = {
  ...each(["sigmoid", "tanh"], (node, graph) => isQ15(node, graph)), ...each(["exp", "log", "gelu", "geluTanh", "sqrt", "rsqrt", "abs", "matmul"], always),
  softmax: (node, graph) => isQ15(node, graph) && node.attributes.axis === tensorOf(graph, node.inputs[0]!).shape.length - 1,
  /** Up to 512 numbers of 15 bits add up exactly in float32. */
  reduceMean: (node, graph) => sumOver(node, graph) <= 512 || scaleOf(graph, node.inputs[0]!) < scaleOf(graph, node.outputs[0]!) * 2 ** Math.floor(Math.log2(sumOver(node, graph))),
};
const scaleOf = (graph: Graph, name: string) => tensorOf(graph, name).quantization!.scale[0]!;
const isQ15 = (node: Node, graph: Graph) => scaleOf(graph, node.outputs[0]!) === 2 ** -15;
const sumOver = (node: Node<"reduceMean"> | Node<"reduceProd">, graph: Graph) => node.attributes.axes.reduce((n, a) => n * tensorOf(graph, node.inputs[0]!).shape[a]!, 1);

/** The products of TFLite's integer SVDF: int8 → int16 state, int16 · int16 → int8. */
export function isIntegerSvdf(node: Node, graph: Graph): boolean {
  if ((node.op !== "dense" && node.op !== "conv2d") || !constantAt(1, 2)(node, graph)) return false;
  const [x, w, y] = [node.inputs[0]!, node.inputs[1]!, node.outputs[0]!].map((name) => tensorOf(graph, name)), types = [x, w, y].map((t) => (t!.quantization?.scale.length === 1 ? t!.dtype : "")).join();
  return node.op === "dense" ? types === "int8,int8,int16" : types === "int16,int16,int8" && sizeOf(y!.shape.slice(1, 3)) === 1 && x!.shape.slice(1, 3).join() === w!.shape.slice(1, 3).join() && node.attributes.groups === w!.shape[0];
}

/** TFLite's fully quantized LSTM: an int16 cell in steps of a power of two, one scale for y and the hidden state. */
export function isIntegerLstm(node: Node, graph: Graph): boolean {
  if (node.op !== "lstm" || !node.outputs.every(Boolean) || !recurrent([6, 7], 3)(node, graph)) return false;
  const [y, h, cell] = node.outputs.map((name) => tensorOf(graph, name)), q = cell!.quantization;
  if (!y!.quantization || !h!.quantization || !q || cell!.dtype !== "int16" || tensorOf(graph, node.inputs[0]!).dtype !== "int8") return false;
  const bits = 15 + Math.log2(q.scale[0]!), same = y!.quantization.scale[0] === h!.quantization.scale[0] && y!.quantization.zeroPoint[0] === h!.quantization.zeroPoint[0];
  return same && q.zeroPoint[0] === 0 && Number.isInteger(bits) && bits >= 0 && bits <= 6 && node.attributes.activations.every(({ fn }, i) => fn === (i % 3 ? "tanh" : "sigmoid"));
}

/** Operators that read and write integers by nature. */
const borders = new Set<OpName>(["quantize", "dequantize", "requantize"]);

/** @param exact with the kernels of TFLite's rounding */
export function hasIntegerKernel(node: Node, graph: Graph, type: ActivationType, exact = false): boolean {
  const table = type === "int8" ? integerOps8 : integerOps16, tflite = type === "int8" ? exactOps8 : exactOps16;
  const condition = (table[node.op] ?? (exact ? tflite[node.op] : undefined)) as Condition<OpName> | undefined;
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
