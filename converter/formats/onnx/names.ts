/** Renaming of tensors while a graph is under construction: the file's names go to the tensors that they name. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { tensorOf } from "../../ir/graph.ts";

/**
 * Gives a tensor another name, everywhere it is read. Readers stand behind their producer, so that the search ends there.
 * @param constantSearch whether nodes may already read it though no node writes it
 */
export function renameTensor(g: GraphBuilder, from: string, to: string, constantSearch: boolean): void {
  const { tensors, nodes } = g.graph, tensor = tensorOf(g.graph, from);
  if (from === to) return;
  tensors.delete(from);
  tensor.name = to;
  tensors.set(to, tensor);
  if (tensor.data && !constantSearch) return;
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!, writes = node.outputs.includes(from);
    node.inputs = node.inputs.map((name) => (name === from ? to : name));
    if (!writes) continue;
    node.outputs = node.outputs.map((name) => (name === from ? to : name));
    return;
  }
}

/** A name for `stem` that no tensor has; far along a run of names it does not count from the start again. */
export function unusedName(g: GraphBuilder, stem: string, counters: Map<string, number>): string {
  if (!g.graph.tensors.has(stem)) return stem;
  let i = counters.get(stem) ?? 1;
  while (g.graph.tensors.has(`${stem}_${i}`)) i++;
  counters.set(stem, i + 1);
  return `${stem}_${i}`;
}
