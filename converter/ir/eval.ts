/**
 * The float evaluator: the definition of every operator, used for constant folding, calibration and tests.
 * float32 and bool results are exact to rounding (sums in double), int64 lives in doubles.
 * Tensors with `quantization` are real numbers between operators: operands are dequantized, the result is computed in
 * float and quantized. That is what integer kernels approximate, not what they compute bit for bit.
 */
import { OctavoError, modelError } from "./error.ts";
import { convTranspose2d, conv2d } from "./eval/conv.ts";
import { dense, matmul } from "./eval/dense.ts";
import { binaryKernels, unaryKernels, where } from "./eval/elementwise.ts";
import { biasGrad, conv2dInputGrad, conv2dWeightGrad } from "./eval/conv.grad.ts";
import { accumulate, clampGrad } from "./eval/elementwise.grad.ts";
import { loss } from "./eval/loss.ts";
import { averagePool2dGrad, maxPool2dGrad } from "./eval/pool.grad.ts";
import { fakeQuant, fakeQuantRows, observe } from "./eval/fake-quant.ts";
import { averagePool2d, maxPool2d } from "./eval/pool.ts";
import { dequantize, isQuantized, lut, quantize } from "./eval/quantize.ts";
import { gru, lstm, rnn } from "./eval/recurrent.ts";
import { gruForward, gruGrad, lstmForward, lstmGrad, rnnForward, rnnGrad } from "./eval/recurrent.grad.ts";
import { argMax, argMin, batchNorm, cumSum, logSoftmax, normalize, reduceKernels, softmax, topK } from "./eval/reduce.ts";
import { cast, concat, copyAll, expand, gather, gatherElements, gatherGrad, gatherNd, pad, resample, scatterElements, slice, tile, transpose, withChannels } from "./eval/shape.ts";
import type { Kernel, Kernels, Value } from "./eval/value.ts";
import { allocate, sizeOf, tensorOf, type Graph, type Node, type Tensor, type TypedArray } from "./graph.ts";

/** `quantize`, `dequantize` and `requantize` change nothing but the form, which `run` does around every kernel. */
const kernels: Kernels = {
  ...unaryKernels, ...binaryKernels, ...reduceKernels, where,
  conv2d, convTranspose2d, dense, matmul, maxPool2d, averagePool2d, lstm, gru, rnn,
  softmax, logSoftmax, batchNorm, normalize, argMax, argMin, cumSum, topK,
  reshape: copyAll, transpose, slice, concat, pad, expand, tile, gather, gatherElements, gatherNd, scatterElements, resample, cast,
  quantize: copyAll, dequantize: copyAll, requantize: copyAll, lut,
  storedWeights: () => { throw new OctavoError("ERR_OCTAVO_OPERATOR", "weights of inference have no value here."); },
  withChannels, fakeQuant, fakeQuantRows, observe, accumulate, clampGrad, gatherGrad, lstmForward, lstmGrad, gruForward, gruGrad, rnnForward, rnnGrad,
  conv2dWeightGrad, conv2dInputGrad, biasGrad, maxPool2dGrad, averagePool2dGrad, loss,
};

export interface EvaluateOptions {
  /** Only these nodes, in graph order. */
  nodes?: readonly Node[];
  /** Names of the values to return; all others are released after their last reader. Without it everything is returned. */
  keep?: ReadonlySet<string>;
  /** Sees every input, then every result as it is computed. The array must not be changed. */
  onTensor?: (tensor: Tensor, data: TypedArray) => void;
}

/** Bytes of one tensor that the evaluator agrees to allocate. */
export const maxTensorBytes = 2 ** 28;

/**
 * Computes the graph.
 * @param inputs by name, in the shapes of the graph; a state that is not given starts from its initial value
 * @returns inputs and every tensor computed, or of these and of the constants what `keep` names
 * @throws OctavoError for missing or wrongly sized inputs, indices out of range and tensors beyond `maxTensorBytes`
 */
export function evaluate(graph: Graph, inputs: ReadonlyMap<string, TypedArray>, options: EvaluateOptions = {}): Map<string, TypedArray> {
  const nodes = options.nodes ?? graph.nodes, values = startValues(graph, inputs, options);
  const lastReader = options.keep ? lastReaders(nodes) : undefined;
  nodes.forEach((node, step) => {
    for (const [name, data] of evaluateNode(graph, node, values)) {
      values.set(name, data);
      options.onTensor?.(tensorOf(graph, name), data);
    }
    if (!lastReader) return;
    for (const name of [...node.inputs, ...node.outputs]) if ((lastReader.get(name) ?? step) <= step && !options.keep!.has(name)) values.delete(name);
  });
  if (options.keep) for (const name of values.keys()) if (!options.keep.has(name)) values.delete(name);
  for (const name of [...(options.keep ?? graph.outputs)]) {
    const constant = graph.tensors.get(name)?.data;
    if (constant && !values.has(name)) values.set(name, constant);
  }
  return values;
}

function startValues(graph: Graph, inputs: ReadonlyMap<string, TypedArray>, options: EvaluateOptions): Map<string, TypedArray> {
  const values = new Map<string, TypedArray>();
  for (const state of graph.states) values.set(state.input, state.initial);
  for (const [name, data] of inputs) values.set(name, data);
  for (const [name, data] of values) {
    const tensor = graph.tensors.get(name), size = tensor && sizeOf(tensor.shape);
    if (size !== undefined && size !== data.length)
      throw modelError("ERR_OCTAVO_SHAPE", graph.format, `input "${name}"`, `found ${data.length} elements, expected ${size} = [${tensor!.shape.join(",")}]`);
    if (tensor) options.onTensor?.(tensor, data);
  }
  return values;
}

/** The step that reads each name last. */
function lastReaders(nodes: readonly Node[]): Map<string, number> {
  const last = new Map<string, number>();
  nodes.forEach((node, step) => { for (const input of node.inputs) last.set(input, step); });
  return last;
}

function evaluateNode(graph: Graph, node: Node, values: ReadonlyMap<string, TypedArray>): [string, TypedArray][] {
  const where = `node "${node.name}" (${node.op})`;
  const operands = node.inputs.map((name) => (name ? operand(graph, node, name, values) : undefined));
  const results = node.outputs.map((name) => (name ? emptyResult(tensorOf(graph, name), node, graph) : undefined));
  try {
    (kernels[node.op] as Kernel<unknown>)(node.attributes, operands as Value[], results as Value[]);
  } catch (e) {
    throw e instanceof OctavoError ? modelError(e.code, graph.format, where, e.message) : e;
  }
  return node.outputs.flatMap((name, i) => (name ? [[name, finished(tensorOf(graph, name), node, results[i]!.data)] as [string, TypedArray]] : []));
}

/** `lut` works on stored values. */
const isReal = (t: Tensor, node: Node): t is Parameters<typeof quantize>[0] => node.op !== "lut" && isQuantized(t);

function operand(graph: Graph, node: Node, name: string, values: ReadonlyMap<string, TypedArray>): Value {
  const tensor = tensorOf(graph, name), data = values.get(name) ?? tensor.data;
  if (!data) throw modelError("ERR_OCTAVO_SHAPE", graph.format, `node "${node.name}" (${node.op})`, `found no value for its input "${name}"`);
  return isReal(tensor, node) ? { dtype: "float32", shape: tensor.shape, data: dequantize(tensor, data) } : { dtype: tensor.dtype, shape: tensor.shape, data };
}

function emptyResult(tensor: Tensor, node: Node, graph: Graph): Value {
  const real = isReal(tensor, node), dtype = real ? "float32" : tensor.dtype, size = sizeOf(tensor.shape);
  if (!(size * 8 <= maxTensorBytes))
    throw modelError("ERR_OCTAVO_MEMORY", graph.format, `node "${node.name}" (${node.op})`, `its result has ${size} elements, expected at most ${maxTensorBytes / 8}`);
  return { dtype, shape: tensor.shape, data: allocate(dtype, size), ...(real && { snap: (x) => dequantize(tensor, quantize(tensor, x)) }) };
}

const finished = (tensor: Tensor, node: Node, data: TypedArray): TypedArray => (isReal(tensor, node) ? quantize(tensor, data) : data);
