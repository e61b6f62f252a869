/**
 * What every later stage relies on, checked once behind a reader: names, order, arity, attributes, shapes, sizes.
 * A violation is a fault of the file (or of its reader) and is told as such.
 */
import { checkAttributes, checkOperands } from "./check-attributes.ts";
import { modelError, OctavoError, type ErrorCode } from "./error.ts";
import { sizeOf, type DType, type Graph, type Node, type Tensor } from "./graph.ts";
import { ops, type OpName } from "./ops.ts";

/** Beyond these a model is refused: they bound the time and the memory of every later stage. */
export const limits = { nodes: 2 ** 16, rank: 8, tensorElements: 2 ** 28, activationElements: 2 ** 25, allElements: 2 ** 29 };

/** @throws OctavoError ERR_OCTAVO_FORMAT, _SHAPE, _DTYPE or _MEMORY that names the node or tensor */
export function checkGraph(graph: Graph): void {
  if (graph.nodes.length > limits.nodes) fail(graph, "model", "ERR_OCTAVO_MEMORY", `found ${graph.nodes.length} operators, expected at most ${limits.nodes}`);
  for (const [name, tensor] of graph.tensors) checkTensor(graph, name, tensor);
  checkSizes(graph);
  checkOrder(graph);
  for (const node of graph.nodes) checkNode(graph, node);
  checkEnds(graph);
}

const fail = (graph: Graph, where: string, code: ErrorCode, problem: string): never => { throw modelError(code, graph.format, where, problem); };
const show = (shape: readonly number[]) => `[${shape.join(",")}]`;
const placeOf = (node: Node) => `node "${node.name}" (${node.op})`;

function checkTensor(graph: Graph, name: string, t: Tensor): void {
  const where = `tensor "${name}"`, size = sizeOf(t.shape);
  if (t.name !== name) fail(graph, where, "ERR_OCTAVO_FORMAT", `it calls itself "${t.name}"`);
  if (t.shape.length > limits.rank) fail(graph, where, "ERR_OCTAVO_SHAPE", `found ${t.shape.length} axes, expected at most ${limits.rank}`);
  if (!t.shape.every((d) => Number.isInteger(d) && d >= 0)) fail(graph, where, "ERR_OCTAVO_SHAPE", `shape is ${show(t.shape)}, expected whole sizes from 0`);
  if (size > (t.data ? limits.tensorElements : limits.activationElements))
    fail(graph, where, "ERR_OCTAVO_MEMORY", `shape ${show(t.shape)} has ${size} elements, more than can be held`);
  if (t.data && t.data.length !== size) fail(graph, where, "ERR_OCTAVO_SHAPE", `found ${t.data.length} values, expected ${size} = ${show(t.shape)}`);
  if (t.quantization) checkQuantization(graph, where, t);
}

const integers = new Set<DType>(["int8", "uint8", "int16", "uint16", "int32"]);

/** TFLite's biases of int16 operators: kernels sum them in 64 bits. */
const isWideBias = (t: Tensor) => t.dtype === "int64" && t.data !== undefined && t.shape.length === 1;

function checkQuantization(graph: Graph, where: string, t: Tensor): void {
  const { scale, zeroPoint, axis } = t.quantization!;
  if (!integers.has(t.dtype) && !isWideBias(t)) fail(graph, where, "ERR_OCTAVO_DTYPE", `quantized values are ${t.dtype}, expected ${[...integers].join(", ")}`);
  const expected = scale.length === 1 ? 1 : t.shape[axis];
  if (scale.length === 0 || scale.length !== expected)
    fail(graph, where, "ERR_OCTAVO_SHAPE", `found ${scale.length} scales for axis ${axis} of ${show(t.shape)}`);
  if (zeroPoint.length !== scale.length) fail(graph, where, "ERR_OCTAVO_SHAPE", `found ${zeroPoint.length} zero points for ${scale.length} scales`);
  if (!scale.every((s) => s > 0 && s < Infinity))
    fail(graph, where, "ERR_OCTAVO_FORMAT", `found scale ${scale.find((s) => !(s > 0 && s < Infinity))}, expected positive numbers`);
}

function checkSizes(graph: Graph): void {
  let all = 0;
  for (const t of graph.tensors.values()) all += sizeOf(t.shape);
  if (all > limits.allElements) fail(graph, "model", "ERR_OCTAVO_MEMORY", `its tensors have ${all} elements, expected at most ${limits.allElements}`);
}

/** Every operand is known before its reader; nothing is written twice. */
function checkOrder(graph: Graph): void {
  const known = new Set([...graph.inputs, ...graph.states.map((s) => s.input)]), names = new Set<string>();
  if (known.size < graph.inputs.length) fail(graph, "model", "ERR_OCTAVO_FORMAT", "two inputs have the same name");
  for (const [name, t] of graph.tensors) if (t.data) {
    if (known.has(name)) fail(graph, `tensor "${name}"`, "ERR_OCTAVO_FORMAT", "it is an input and a constant");
    known.add(name);
  }
  for (const node of graph.nodes) {
    if (names.has(node.name)) fail(graph, placeOf(node), "ERR_OCTAVO_FORMAT", "another node has the same name");
    names.add(node.name);
    for (const input of node.inputs) if (input && !known.has(input))
      fail(graph, placeOf(node), "ERR_OCTAVO_FORMAT", `input "${input}" is not computed before it: it is missing, or the graph has a cycle`);
    for (const output of node.outputs) if (output) {
      if (known.has(output)) fail(graph, placeOf(node), "ERR_OCTAVO_FORMAT", `tensor "${output}" is written twice`);
      if (!graph.tensors.has(output)) fail(graph, placeOf(node), "ERR_OCTAVO_FORMAT", `output "${output}" is unknown`);
      known.add(output);
    }
  }
  for (const name of [...graph.inputs, ...graph.outputs, ...graph.states.flatMap((s) => [s.input, s.output])])
    if (!known.has(name) || !graph.tensors.has(name))
      fail(graph, "model", "ERR_OCTAVO_FORMAT", `"${name}" is an input, output or state, but nothing computes it`);
}

function checkNode(graph: Graph, node: Node): void {
  const rule = ops[node.op] as (typeof ops)[OpName] | undefined;
  if (!rule) return fail(graph, placeOf(node), "ERR_OCTAVO_OPERATOR", "the operator is unknown");
  const [fewest, most] = rule.inputs;
  if (node.inputs.length < fewest || node.inputs.length > most)
    fail(graph, placeOf(node), "ERR_OCTAVO_FORMAT", `found ${node.inputs.length} inputs, expected ${fewest} to ${most}`);
  if (node.inputs.slice(0, fewest).includes("")) fail(graph, placeOf(node), "ERR_OCTAVO_FORMAT", `input ${node.inputs.indexOf("")} is absent`);
  const inputs = node.inputs.map((name) => (name ? graph.tensors.get(name)! : undefined));
  try {
    checkAttributes(node, inputs);
    const results = (rule.infer as (a: unknown, i: typeof inputs) => Pick<Tensor, "dtype" | "shape">[])(node.attributes, inputs);
    checkOperands(node, inputs, results.map((r) => r.shape));
    checkResults(graph, node, results);
  } catch (e) {
    if (!(e instanceof OctavoError) || e.message.startsWith(`${graph.format}: `)) throw e;
    fail(graph, placeOf(node), e.code, e.message);
  }
}

function checkResults(graph: Graph, node: Node, results: Pick<Tensor, "dtype" | "shape">[]): void {
  if (node.outputs.length > results.length || !node.outputs.some(Boolean))
    fail(graph, placeOf(node), "ERR_OCTAVO_FORMAT", `found ${node.outputs.filter(Boolean).length} outputs, expected 1 to ${results.length}`);
  node.outputs.forEach((name, i) => {
    if (!name) return;
    const found = graph.tensors.get(name)!, expected = results[i]!;
    if (show(found.shape) !== show(expected.shape))
      fail(graph, placeOf(node), "ERR_OCTAVO_SHAPE", `output "${name}" has shape ${show(found.shape)}, expected ${show(expected.shape)}`);
    const integer = found.quantization || node.inputs.some((input) => input && graph.tensors.get(input)!.quantization);
    if (!integer && node.op !== "quantize" && node.op !== "requantize" && found.dtype !== expected.dtype)
      fail(graph, placeOf(node), "ERR_OCTAVO_DTYPE", `output "${name}" is ${found.dtype}, expected ${expected.dtype}`);
  });
}

function checkEnds(graph: Graph): void {
  if (!graph.outputs.length) fail(graph, "model", "ERR_OCTAVO_FORMAT", "it has no outputs");
  for (const { input, output, initial } of graph.states) {
    const from = graph.tensors.get(output)!, to = graph.tensors.get(input)!;
    if (show(from.shape) !== show(to.shape))
      fail(graph, `state "${input}"`, "ERR_OCTAVO_SHAPE", `its next value "${output}" has shape ${show(from.shape)}, expected ${show(to.shape)}`);
    if (initial.length !== sizeOf(to.shape))
      fail(graph, `state "${input}"`, "ERR_OCTAVO_SHAPE", `found ${initial.length} initial values, expected ${sizeOf(to.shape)}`);
  }
}
