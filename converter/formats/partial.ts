/** Reading what can be read of a model that cannot be converted: for a look at it. */
import { OctavoError } from "../ir/error.ts";
import type { GraphBuilder } from "../ir/builder.ts";
import { freshName, type DType, type Quantization } from "../ir/graph.ts";
import type { ReadOptions } from "./reader.ts";

/**
 * Does `read`. Where the caller only looks at the model, what it refuses is handed to the caller, and the graph is as before.
 * @returns whether it was read
 */
export function attempt(g: GraphBuilder, { refused }: ReadOptions, read: () => void): boolean {
  const { nodes } = g.graph, before = nodes.length, { where } = g;
  try {
    read();
    return true;
  } catch (e) {
    if (!refused || !(e instanceof OctavoError)) throw e;
    refused(e);
    g.isPartial = true;
    nodes.length = Math.min(nodes.length, before);
    g.where = where;
    return false;
  }
}

/** An input that stands for what a refused part would have given. */
export const placeholder = (g: GraphBuilder, name: string, dtype: DType, shape: number[], quantization?: Quantization): string =>
  g.input(freshName(g.graph, name || "refused"), dtype, shape, "", quantization);

/** What nobody reads any more stands for the outputs that are missing: so that the parts before a refused one stay. */
export function addEnds(g: GraphBuilder): void {
  if (!g.isPartial) return;
  const { graph } = g, read = new Set([...graph.nodes.flatMap((n) => n.inputs), ...graph.outputs]);
  for (const node of graph.nodes) for (const y of node.outputs) if (y && !read.has(y)) graph.outputs.push(y);
}
