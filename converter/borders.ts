/**
 * The ends of a quantized graph as its user sees them: float in, float out. An integer input gets a float input and a
 * `quantize` before it, an integer output a `dequantize` behind it; the integers stay reachable by `runRaw`. The border
 * nodes are moved to the very start and end, so that `runRaw` is the program without them.
 */
import { freshName, tensorOf, type Graph, type Node, type Tensor } from "./ir/graph.ts";

export interface Borders {
  graph: Graph;
  /** Nodes at the start that only quantize inputs, and at the end that only dequantize outputs. */
  leading: number;
  trailing: number;
}

export function withFloatBorders(source: Graph): Borders {
  const graph: Graph = { ...source, tensors: new Map(source.tensors), nodes: [...source.nodes], inputs: [...source.inputs], outputs: [...source.outputs] };
  graph.inputs = graph.inputs.map((name) => floatInput(graph, name));
  graph.outputs = graph.outputs.map((name) => floatOutput(graph, name));
  const leading = graph.nodes.filter((n) => isLeading(graph, n)), trailing = graph.nodes.filter((n) => isTrailing(graph, n));
  const ends = new Set([...leading, ...trailing]);
  graph.nodes = [...leading, ...graph.nodes.filter((n) => !ends.has(n)), ...trailing];
  return { graph, leading: leading.length, trailing: trailing.length };
}

const isInteger = (t: Tensor) => t.dtype !== "float32" && t.quantization !== undefined;
const isLeading = (graph: Graph, n: Node) => n.op === "quantize" && graph.inputs.includes(n.inputs[0]!);
const isTrailing = (graph: Graph, n: Node) =>
  n.op === "dequantize" && graph.outputs.includes(n.outputs[0]!) && !graph.nodes.some((other) => other.inputs.includes(n.outputs[0]!)) && !graph.states.some((s) => s.output === n.outputs[0]);

/** The integer tensor keeps its readers under a new name; the float one takes its name. */
function floatInput(graph: Graph, name: string): string {
  const tensor = tensorOf(graph, name);
  if (!isInteger(tensor)) return name;
  const integer = renamed(graph, tensor, "quantized");
  graph.nodes.unshift({ op: "quantize", name: `${name} quantize`, inputs: [name], outputs: [integer], attributes: {} });
  return name;
}

function floatOutput(graph: Graph, name: string): string {
  const tensor = tensorOf(graph, name);
  if (!isInteger(tensor)) return name;
  const integer = renamed(graph, tensor, "quantized");
  graph.nodes.push({ op: "dequantize", name: `${name} dequantize`, inputs: [integer], outputs: [name], attributes: {} });
  return name;
}

function renamed(graph: Graph, tensor: Tensor, suffix: string): string {
  const integer = freshName(graph, `${tensor.name} ${suffix}`), swap = (n: string) => (n === tensor.name ? integer : n);
  graph.nodes = graph.nodes.map((n) => ({ ...n, inputs: n.inputs.map(swap), outputs: n.outputs.map(swap) }) as Node);
  graph.states = graph.states.map((s) => ({ ...s, input: swap(s.input), output: swap(s.output) }));
  graph.tensors.set(integer, { ...tensor, name: integer });
  graph.tensors.set(tensor.name, { name: tensor.name, dtype: "float32", shape: tensor.shape });
  return integer;
}
