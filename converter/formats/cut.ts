/** A model that ends earlier than its file says: at the tensors, or layers, that the caller names. */
import { modelError } from "../ir/error.ts";
import { tensorOf, type Graph } from "../ir/graph.ts";
import type { ReadOptions } from "./reader.ts";

/**
 * @param found the tensors that a name stands for: its own, or those that a layer of that name gives; empty where there is none
 * @throws OctavoError ERR_OCTAVO_SHAPE for a name that the model does not have
 */
export function endsOf(format: string, names: readonly string[], found: (name: string) => readonly string[]): string[] {
  return [...new Set(names.flatMap((name) => {
    const tensors = found(name);
    if (tensors.length) return tensors;
    throw modelError("ERR_OCTAVO_SHAPE", format, "model", `it has no tensor or layer "${name}" to end with`, "`octavo inspect` lists its layers.");
  }))];
}

/** For readers that have the whole graph first. */
export function cutGraph(graph: Graph, { cut }: ReadOptions): Graph {
  if (!cut) return graph;
  const outputs = endsOf(graph.format, cut, (name) => {
    const writer = graph.nodes.find((n) => n.outputs.includes(name)) ?? graph.nodes.find((n) => n.name === name);
    return writer?.outputs.includes(name) ? [name] : (writer?.outputs.filter(Boolean) ?? []);
  });
  const images = Object.values(graph.layouts)[0], isImage = (name: string) => images !== undefined && tensorOf(graph, name).shape.length === 4;
  return { ...graph, outputs, layouts: Object.fromEntries([...graph.inputs, ...outputs].filter(isImage).map((name) => [name, graph.layouts[name] ?? images!])) };
}
