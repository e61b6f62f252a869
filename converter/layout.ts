/** `--layout`: the order of image axes in which the user gives inputs and gets outputs, whatever the source model takes. */
import { freshName, tensorOf, type Graph, type Node } from "./ir/graph.ts";

export type Layout = "nhwc" | "nchw";

/** perm of a transpose: y's axis i is x's axis perm[i]. */
function permutation(rank: number, to: Layout): number[] {
  const spatial = Array.from({ length: rank - 2 }, (_, i) => i);
  return to === "nhwc" ? [0, ...spatial.map((i) => i + 2), 1] : [0, rank - 1, ...spatial.map((i) => i + 1)];
}

/** The same graph with a transpose at every input and output that is an image in the other layout. */
export function withLayout(source: Graph, layout: Layout): Graph {
  const graph: Graph = { ...source, tensors: new Map(source.tensors), nodes: [...source.nodes], states: [...source.states], layouts: { ...source.layouts } };
  const isOther = (name: string) => graph.layouts[name] !== undefined && graph.layouts[name] !== layout && tensorOf(graph, name).shape.length > 2;
  for (const name of [...graph.inputs, ...graph.outputs].filter(isOther)) turn(graph, name, layout);
  return graph;
}

/** The tensor inside gets a fresh name; the one that the user sees keeps its name. */
function turn(graph: Graph, name: string, layout: Layout): void {
  const tensor = tensorOf(graph, name), inside = freshName(graph, `${name} ${graph.layouts[name]}`), swap = (n: string) => (n === name ? inside : n);
  const outwards = permutation(tensor.shape.length, layout), inwards = permutation(tensor.shape.length, layout === "nhwc" ? "nchw" : "nhwc");
  graph.nodes = graph.nodes.map((n) => ({ ...n, inputs: n.inputs.map(swap), outputs: n.outputs.map(swap) }) as Node);
  graph.states = graph.states.map((s) => ({ ...s, input: swap(s.input), output: swap(s.output) }));
  graph.tensors.set(inside, { ...tensor, name: inside });
  graph.tensors.set(name, { ...tensor, shape: outwards.map((axis) => tensor.shape[axis]!) });
  graph.layouts[name] = layout;
  const node = (input: string, output: string, perm: number[]): Node => ({ op: "transpose", name: `${name} to ${layout}`, inputs: [input], outputs: [output], attributes: { perm } });
  if (graph.inputs.includes(name)) graph.nodes.unshift(node(name, inside, inwards));
  else graph.nodes.push(node(inside, name, outwards));
}
