/** Names that tell: what an operator or layer of the source wrote is called after it. */
import type { GraphBuilder } from "../ir/builder.ts";
import { freshName, type Node } from "../ir/graph.ts";

/** Tensors that nodes have written since there were `before` of them. */
export const writtenSince = (g: GraphBuilder, before: number): Set<string> => new Set(g.graph.nodes.slice(before).flatMap((n: Node) => n.outputs.filter(Boolean)));

/** Gives a tensor and its node a name close to `stem`; returns it. */
export function nameResult(g: GraphBuilder, from: string, stem: string): string {
  if (from === stem || !stem) return from;
  const to = freshName(g.graph, stem);
  g.rename(from, to, false);
  g.nameNode(to);
  for (const state of g.graph.states) if (state.output === from) state.output = to;
  return to;
}
