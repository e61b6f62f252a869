/** Graph → kernel calls. One file per operator family; this file is the tables and the walk. */
import { modelError, OctavoError } from "../ir/error.ts";
import { sizeOf, tensorOf, type Graph, type Node } from "../ir/graph.ts";
import { binaryOps, reduceOps, unaryOps, type OpName } from "../ir/ops.ts";
import { binary as binaryI8 } from "./binary.i8.ts";
import { cast } from "./cast.ts";
import { LoweringContext, type LoweringOptions, type Program, type Rounding } from "./context.ts";
import { conv2d as conv2dI8, convTranspose2d as convTranspose2dI8, dense as denseI8 } from "./conv.i8.ts";
import { conv2d, convTranspose2d } from "./conv.ts";
import { divide } from "./divide.tflite.ts";
import { dense, matmul } from "./dense.ts";
import { biasGrad, conv2dInputGrad, conv2dWeightGrad } from "./conv.grad.ts";
import { accumulate, clampGrad } from "./elementwise.grad.ts";
import { batchNorm, binary, unary, where } from "./elementwise.ts";
import { fakeQuant, fakeQuantRows, observe, withChannels } from "./fake-quant.ts";
import { gatherGrad } from "./gather.grad.ts";
import { gather, gatherElements, gatherNd, scatterElements } from "./gather.ts";
import { arg, cumSum, normalize, reduce, softmax, topK } from "./lines.ts";
import { loss } from "./loss.ts";
import { lut, tabulate } from "./lut.ts";
import { matmul as matmulI8 } from "./matmul.i8.ts";
import { concat, expand, pad, reshape, slice, tile, transpose } from "./move.ts";
import { mean as meanI8, pool as poolI8 } from "./pool.i8.ts";
import { averagePool2dGrad, maxPool2dGrad } from "./pool.grad.ts";
import { placements } from "./place.ts";
import { pool } from "./pool.ts";
import { dequantize, quantize } from "./quantize.ts";
import { product } from "./product.tflite.ts";
import { recurrentTraining } from "./recurrent.grad.ts";
import { recurrent } from "./recurrent.ts";
import { resample, resampleIntegers } from "./resample.ts";
import { softmax as softmaxI8 } from "./softmax.i8.ts";
import { squaredDifference } from "./squared-difference.ts";
import { updateStates } from "./states.ts";

export type Lowering<K extends OpName> = (node: Node<K>, c: LoweringContext) => void;
type Lowerings = { [K in OpName]?: Lowering<K> };

const each = <K extends OpName>(names: readonly K[], lowering: Lowering<K>) => Object.fromEntries(names.map((n) => [n, lowering])) as unknown as { [P in K]: Lowering<P> };

/** Of elements of any type; recurrent layers choose by their weights. */
const any: Lowerings = { reshape, transpose, slice, concat, pad, expand, tile, cast, lstm: recurrent, gru: recurrent, rnn: recurrent, gather };

/** Of float32. */
const floats: Lowerings = { ...each(unaryOps, unary), ...each(binaryOps, binary), where, batchNorm, conv2d, convTranspose2d, dense, matmul, maxPool2d: pool, averagePool2d: pool, ...each(reduceOps, reduce), softmax, logSoftmax: softmax, normalize, argMax: arg, argMin: arg, cumSum, topK, gatherElements, gatherNd, scatterElements, resample };

/** Of training, float32: kernels of the training module. */
const training: Lowerings = {
  storedWeights: (node, c) => c.stored!(node, c), withChannels, observe, fakeQuant, fakeQuantRows,
  accumulate, clampGrad,
  conv2dWeightGrad, conv2dInputGrad, biasGrad,
  maxPool2dGrad, averagePool2dGrad, loss,
  gatherGrad, ...recurrentTraining,
};

/** Where an operand or result is quantized. */
const integers: Lowerings = {
  ...each(unaryOps, tabulate), requantize: tabulate, lut, quantize, dequantize, ...each(["add", "sub", "mul", "min", "max", "prelu"], binaryI8),
  conv2d: conv2dI8, convTranspose2d: convTranspose2dI8, dense: denseI8, maxPool2d: poolI8, averagePool2d: poolI8, reduceMean: meanI8, softmax: softmaxI8, logSoftmax: softmaxI8, matmul: matmulI8, resample: resampleIntegers, squaredDifference, div: divide, reduceProd: product,
};

/**
 * @param trailing how many nodes at the end only dequantize outputs: states are carried on before them, so that a run on
 * integers, which leaves them out, carries states as well
 * @throws OctavoError ERR_OCTAVO_OPERATOR naming every operator without a kernel
 */
export function lower(graph: Graph, rounding: Rounding = "fast", trailing = 0, options: LoweringOptions = {}): Program {
  refuseUnknown(graph);
  const context = new LoweringContext(graph, rounding, options);
  for (const [name, alias] of placements(graph)) context.alias(name, alias.of, alias.offset);
  for (const name of graph.inputs) context.at(name);
  const body = graph.nodes.length - trailing;
  for (const node of graph.nodes.slice(0, body)) lowerNode(node, context);
  updateStates(context);
  for (const node of graph.nodes.slice(body)) lowerNode(node, context);
  return context.program;
}

/** Nothing is called for a result without elements. */
function lowerNode(node: Node, c: LoweringContext): void {
  const written = node.outputs.filter(Boolean);
  c.begin(node.name);
  if (written.every((name) => sizeOf(c.tensor(name).shape) === 0)) return written.forEach((name) => c.at(name));
  try {
    (loweringOf(node, c.graph) as Lowering<OpName>)(node as never, c);
  } catch (e) {
    throw e instanceof OctavoError ? modelError(e.code, c.graph.format, `node "${node.name}" (${node.op})`, e.message.replace(/\.$/, "")) : e;
  }
}

function loweringOf(node: Node, graph: Graph): Lowerings[OpName] {
  const quantized = [node.inputs[0], ...node.outputs].some((name) => name && tensorOf(graph, name).quantization);
  return any[node.op] ?? training[node.op] ?? (quantized ? integers : floats)[node.op];
}

function refuseUnknown(graph: Graph): void {
  const unknown = graph.nodes.filter((n) => !loweringOf(n, graph));
  if (!unknown.length) return;
  const names = [...new Set(unknown.map((n) => `${n.op} (${tensorOf(graph, n.outputs.find(Boolean)!).dtype}, "${n.name}")`))];
  throw modelError("ERR_OCTAVO_OPERATOR", graph.format, `model "${graph.name}"`, `no kernel for ${names.join(", ")}`, "Replace or remove these layers before export.");
}
