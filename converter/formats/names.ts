/** Names that tell: what an operator or layer of the source wrote is called after it. */
import type { GraphBuilder } from "../ir/builder.ts";
import { modelError } from "../ir/error.ts";
import { freshName, type Node } from "../ir/graph.ts";
import type { ReadOptions } from "./reader.ts";

/** Shapes and values for inputs that do not exist are mistakes of the caller. */
export function checkInputNames(format: string, inputs: readonly string[], { inputShapes = {}, constants = {} }: ReadOptions): void {
  for (const name of [...Object.keys(inputShapes), ...Object.keys(constants)]) {
    if (!inputs.includes(name))
      throw modelError("ERR_OCTAVO_SHAPE", format, "model", `it has no input "${name}", expected one of ${inputs.map((i) => `"${i}"`).join(", ")}`);
  }
}

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
