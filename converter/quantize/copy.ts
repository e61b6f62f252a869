/** Graphs that a pass may change. */
import { freshName, type Graph, type Node } from "../ir/graph.ts";

/** New maps, lists, tensors and nodes; the data of constants is shared. */
export const copyGraph = (graph: Graph): Graph => ({
  ...graph,
  tensors: new Map([...graph.tensors].map(([name, t]) => [name, { ...t }])),
  nodes: graph.nodes.map((n) => ({ ...n, inputs: [...n.inputs], outputs: [...n.outputs] }) as Node),
  inputs: [...graph.inputs], outputs: [...graph.outputs], states: graph.states.map((s) => ({ ...s })), layouts: { ...graph.layouts },
});

/** Recurrent layers write all their hidden states, read or not: these are their activations. */
export function nameHiddenStates(source: Graph): Graph {
  const graph = copyGraph(source);
  for (const node of graph.nodes) {
    if ((node.op !== "lstm" && node.op !== "gru" && node.op !== "rnn") || node.outputs[0]) continue;
    const x = graph.tensors.get(node.inputs[0]!)!, directions = node.attributes.direction === "bidirectional" ? 2 : 1;
    const name = freshName(graph, `${node.name} hidden`);
    graph.tensors.set(name, { name, dtype: x.dtype, shape: [x.shape[0]!, directions, x.shape[1]!, node.attributes.hidden] });
    node.outputs[0] = name;
  }
  return graph;
}

/** Nearest resizing picks values: y[o] = x[indices[o]], which needs no arithmetic. */
export function resizeByGather(graph: Graph): void {
  graph.nodes = graph.nodes.map((node) => {
    if (node.op !== "resample" || node.attributes.taps !== 1 || node.attributes.weights.some((w) => w !== 1)) return node;
    const { axis, indices } = node.attributes, name = freshName(graph, `${node.name} indices`);
    graph.tensors.set(name, { name, dtype: "int64", shape: [indices.length], data: Float64Array.from(indices) });
    return { op: "gather", name: node.name, inputs: [node.inputs[0]!, name], outputs: node.outputs, attributes: { axis } };
  });
}

/** Drops nodes whose results nobody reads, then tensors that nothing names. */
export function dropUnused(graph: Graph): void {
  const read = new Set([...graph.outputs, ...graph.states.map((s) => s.output)]);
  graph.nodes = [...graph.nodes].reverse().filter((n) => {
    const used = n.outputs.some((o) => read.has(o));
    if (used) n.inputs.forEach((i) => read.add(i));
    return used;
  }).reverse();
  const named = new Set([...read, ...graph.inputs, ...graph.states.map((s) => s.input), ...graph.nodes.flatMap((n) => n.outputs)]);
  for (const name of graph.tensors.keys()) if (!named.has(name)) graph.tensors.delete(name);
}
