/** `--spare-classes`: outputs for classes that will only be learned on the device. */
import { modelError } from "./ir/error.ts";
import { consumersOf, freshName, producerOf, tensorOf, type Graph, type Node, type Tensor } from "./ir/graph.ts";

/** How far below the mean of all logits a spare one begins: its probability is less than e^−4 of the best one's. */
const BELOW_MEAN = 4;

/**
 * The same classifier with `count` more classes behind its own. A new row of the last dense layer is the mean of all rows,
 * less BELOW_MEAN: it has weights of the usual size, and never wins before it was trained.
 * @param source float graph whose one output is a dense layer, with or without a softmax
 * @throws OctavoError ERR_OCTAVO_OPERATOR for any other
 */
export function withSpareClasses(source: Graph, count: number): Graph {
  if (!count) return source;
  const graph: Graph = { ...source, tensors: new Map(source.tensors) }, { dense, after } = lastLayer(source), [x, w, b] = dense.inputs as [string, string, string?];
  const add = (like: string, t: Omit<Tensor, "name">): string => {
    const name = freshName(graph, `${like} with spare classes`);
    graph.tensors.set(name, { ...t, name });
    return name;
  };
  const weights = tensorOf(source, w), bias = b ? tensorOf(source, b) : { dtype: "float32" as const, shape: [weights.shape[0]!], data: new Float32Array(weights.shape[0]!) };
  const wide = { ...dense, inputs: [x, add(w, extended(weights, count, 0)), add(b || `${dense.name} bias`, extended(bias, count, BELOW_MEAN))] };
  for (const node of [dense, ...after]) widen(graph, node.outputs[0]!, count);
  graph.nodes = source.nodes.map((n) => (n === dense ? wide : n));
  return graph;
}

/** The dense layer that gives the logits, and the nodes from there to the output. */
function lastLayer(graph: Graph): { dense: Node<"dense">; after: Node[] } {
  const after: Node[] = [], where = `model "${graph.name}"`, remedy = "Spare classes need a classifier that ends in a dense layer, with or without softmax.";
  if (graph.outputs.length !== 1) throw modelError("ERR_OCTAVO_OPERATOR", graph.format, where, `it has ${graph.outputs.length} outputs, expected one`, remedy);
  for (let node = producerOf(graph, graph.outputs[0]!); node; node = producerOf(graph, node.inputs[0]!)) {
    const isOnlyReader = node.outputs[0] === graph.outputs[0] || consumersOf(graph, node.outputs[0]!).length === 1;
    if (node.op === "dense" && isOnlyReader && node.inputs.slice(1).every((name) => !name || tensorOf(graph, name).data instanceof Float32Array)) return { dense: node, after };
    if (node.op !== "softmax" || !isOnlyReader) throw modelError("ERR_OCTAVO_OPERATOR", graph.format, `node "${node.name}"`, `it is ${node.op}, expected dense with float weights`, remedy);
    after.push(node);
  }
  throw modelError("ERR_OCTAVO_OPERATOR", graph.format, where, "its output is not computed", remedy);
}

/** Rows [O, …] and `count` means of them less `below`. */
function extended(t: Omit<Tensor, "name">, count: number, below: number): Omit<Tensor, "name"> {
  const [rows, ...rest] = t.shape as [number, ...number[]], size = rest.reduce((n, d) => n * d, 1), old = t.data!, data = new Float32Array((rows + count) * size);
  data.set(old);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let o = 0; o < rows; o++) sum += old[o * size + i]!;
    for (let o = rows; o < rows + count; o++) data[o * size + i] = sum / rows - below;
  }
  return { ...t, shape: [rows + count, ...rest], data };
}

function widen(graph: Graph, name: string, count: number): void {
  const tensor = tensorOf(graph, name);
  graph.tensors.set(name, { ...tensor, shape: [...tensor.shape.slice(0, -1), tensor.shape.at(-1)! + count] });
}
