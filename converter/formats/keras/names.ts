/** Tensors and nodes are named after the layer that wrote them: its output has its name, what comes before "layer/op". */
import { freshName, type Graph, type Node } from "../../ir/graph.ts";
import type { Context } from "./layer.ts";

/**
 * Renames what the nodes from `before` on have written.
 * @param path of the layer
 * @returns the new names of `results`
 */
export function nameOutputs({ g, masks }: Context, before: number, path: string, results: string[]): string[] {
  const { graph } = g, nodes = graph.nodes.slice(before), written = new Set(nodes.flatMap((n) => n.outputs)), renamed = new Map<string, string>();
  const rename = (from: string, stem: string) => {
    if (!written.has(from) || renamed.has(from) || from === path) return;
    const to = freshName(graph, stem), tensor = graph.tensors.get(from)!, mask = masks.get(from);
    graph.tensors.delete(from);
    graph.tensors.set(to, { ...tensor, name: to });
    if (mask) masks.set(to, mask);
    renamed.set(from, to);
  };
  results.forEach((result) => rename(result, path));
  for (const node of nodes) for (const output of node.outputs) if (output && !output.startsWith(`${path}/`)) rename(output, `${path}/${node.op}`);
  for (const node of nodes) applyNames(graph, node, renamed);
  for (const mask of new Set(masks.values())) if (mask.made !== undefined) mask.made = renamed.get(mask.made) ?? mask.made;
  for (const state of graph.states) state.output = renamed.get(state.output) ?? state.output;
  return results.map((r) => renamed.get(r) ?? r);
}

function applyNames(graph: Graph, node: Node, renamed: ReadonlyMap<string, string>): void {
  const name = (tensor: string) => renamed.get(tensor) ?? tensor;
  node.inputs = node.inputs.map(name);
  node.outputs = node.outputs.map(name);
  const stem = node.outputs.find(Boolean) ?? node.name, taken = (n: string) => graph.nodes.some((other) => other !== node && other.name === n);
  let i = 0;
  while (taken(i ? `${stem}_${i}` : stem)) i++;
  node.name = i ? `${stem}_${i}` : stem;
}
