/** Tensors and nodes are named after the layer that wrote them: its output has its name, what comes before "layer/op". */
import { nameResult, writtenSince } from "../names.ts";
import type { Context } from "./layer.ts";

/**
 * Renames what the nodes from `before` on have written.
 * @param path of the layer
 * @returns the new names of `results`
 */
export function nameOutputs({ g, masks }: Context, before: number, path: string, results: string[]): string[] {
  const written = writtenSince(g, before), renamed = new Map<string, string>();
  const rename = (from: string, stem: string) => {
    if (!written.has(from) || renamed.has(from)) return;
    const to = nameResult(g, from, stem), mask = masks.get(from);
    if (mask) masks.set(to, mask);
    renamed.set(from, to);
  };
  results.forEach((result) => rename(result, path));
  for (const node of g.graph.nodes.slice(before)) for (const output of [...node.outputs]) if (output && !output.startsWith(`${path}/`)
    && ![...renamed.values()].includes(output)) rename(output, `${path}/${node.op}`);
  for (const mask of new Set(masks.values())) if (mask.made !== undefined) mask.made = renamed.get(mask.made) ?? mask.made;
  return results.map((r) => renamed.get(r) ?? r);
}
