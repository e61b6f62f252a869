/** Concatenation by placement: where the parts of a result lie one after another, they are computed right into it. */
import { bytesOf, sizeOf, tensorOf, type Graph, type Node } from "../ir/graph.ts";
import type { Alias } from "./context.ts";

/** The raw integers of inputs and outputs are read where they lie, in whole words. */
const ALIGNMENT = 4;

/** Places of tensors inside of the results of `concat`, by name. */
export function placements(graph: Graph): Map<string, Alias> {
  const placed = new Map<string, Alias>(), producers = producersOf(graph), fixed = new Set([...graph.inputs, ...graph.outputs, ...graph.states.flatMap((s) => [s.input, s.output])]);
  for (const node of graph.nodes) {
    if (node.op !== "concat") continue;
    const y = node.outputs[0]!, { shape, dtype } = tensorOf(graph, y), { axis } = node.attributes;
    if (sizeOf(shape.slice(0, axis)) !== 1) continue;
    let offset = 0;
    for (const x of node.inputs) {
      const owner = ownerOf(x, producers);
      if (owner && offset % ALIGNMENT === 0 && !fixed.has(owner) && !fixed.has(x) && !placed.has(owner)) placed.set(owner, { of: y, offset });
      offset += sizeOf(tensorOf(graph, x).shape) * bytesOf(dtype);
    }
  }
  return placed;
}

const producersOf = (graph: Graph) => new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));

/** The tensor that is computed where `name` only renames its bytes; undefined for inputs and constants. */
function ownerOf(name: string, producers: ReadonlyMap<string, Node>): string | undefined {
  let node = producers.get(name);
  while (node?.op === "reshape") {
    name = node.inputs[0]!;
    node = producers.get(name);
  }
  return node && name;
}
