/**
 * Arithmetic on whole numbers that ends in an integer type: places and lengths, computed from masks and token ids. It must be exact,
 * and 255 steps are not.
 */
import { isConstant, tensorOf, type Graph, type Node } from "../ir/graph.ts";

/** Nodes on the way from truth values and integers to a cast back to integers. */
export function counts(graph: Graph): ReadonlySet<Node> {
  const whole = wholeNumbers(graph), writers = new Map(graph.nodes.flatMap((n) => n.outputs.map((y) => [y, n] as const)));
  const found = new Set<Node>(), waiting = graph.nodes.filter((n) => n.op === "cast" && isInteger(n.attributes.to) && whole.has(n.inputs[0]!));
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    for (const x of node.inputs) if (whole.has(x) && writers.has(x)) waiting.push(writers.get(x)!);
  }
  return found;
}

const isInteger = (dtype: string): boolean => dtype !== "float32" && dtype !== "bool";

/** Tensors that depend on the model's numbers by integers and truth values alone. */
function wholeNumbers(graph: Graph): ReadonlySet<string> {
  const whole = new Set<string>(), isWhole = (x: string) => !x || isConstant(graph, x) || tensorOf(graph, x).dtype !== "float32" || whole.has(x);
  for (const node of graph.nodes) for (const y of node.outputs) if (y && (tensorOf(graph, y).dtype !== "float32" || node.inputs.every(isWhole))) whole.add(y);
  return whole;
}
