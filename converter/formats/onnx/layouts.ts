/** Which inputs and outputs of rank 4 are images, and in which order of axes: as spatial operators see them. */
import type { Graph, Node } from "../../ir/graph.ts";

type Layout = "nchw" | "nhwc";
const spatial = new Set(["conv2d", "convTranspose2d", "maxPool2d", "averagePool2d"]);
/** Operators whose output has the axes of their inputs. */
const changesAxes = new Set(["transpose", "reshape", "gather", "gatherNd", "matmul", "dense", "lstm", "gru", "rnn", "expand", "tile"]);

const turned = (layout: Layout | undefined, perm: number[], forwards: boolean): Layout | undefined => {
  const moves = perm.join() === "0,2,3,1" ? ["nchw", "nhwc"] : perm.join() === "0,3,1,2" ? ["nhwc", "nchw"] : [];
  return layout && (forwards ? moves[0] === layout : moves[1] === layout) ? (moves[forwards ? 1 : 0] as Layout) : undefined;
};

/** Fills `graph.layouts`. Knowledge flows back and forth until nothing new is learnt. */
export function nameLayouts(graph: Graph): void {
  const known = new Map<string, Layout>();
  const rank4 = (name: string) => graph.tensors.get(name)?.shape.length === 4;
  const learn = (name: string, layout: Layout | undefined) => { if (layout && name && rank4(name) && !known.has(name)) known.set(name, layout); };
  for (let before = -1; known.size !== before; ) {
    before = known.size;
    for (let i = graph.nodes.length - 1; i >= 0; i--) backward(graph.nodes[i]!, known, learn);
    for (const node of graph.nodes) forward(node, known, learn);
  }
  for (const name of [...graph.inputs, ...graph.outputs]) if (known.has(name)) graph.layouts[name] = known.get(name)!;
}

type Learn = (name: string, layout: Layout | undefined) => void;

function backward(node: Node, known: Map<string, Layout>, learn: Learn): void {
  const out = known.get(node.outputs[0] ?? "");
  if (spatial.has(node.op)) learn(node.inputs[0]!, "nhwc");
  else if (node.op === "transpose") learn(node.inputs[0]!, turned(out, node.attributes.perm, false));
  else if (!changesAxes.has(node.op)) for (const input of node.inputs) learn(input, out);
}

function forward(node: Node, known: Map<string, Layout>, learn: Learn): void {
  if (spatial.has(node.op)) learn(node.outputs[0]!, "nhwc");
  else if (node.op === "transpose") learn(node.outputs[0]!, turned(known.get(node.inputs[0]!), node.attributes.perm, true));
  else if (!changesAxes.has(node.op)) for (const output of node.outputs) learn(output, node.inputs.map((i) => known.get(i)).find(Boolean));
}
