/**
 * Frozen layers behind a trained one: their weights stay as inference holds them, and become floats in scratch where a
 * product of the training step reads them, once for each reader.
 */
import { freshName, type Graph, type Node } from "../ir/graph.ts";
import type { LoweringContext, LoweringOptions } from "../lower/context.ts";
import type { TrainingPlan } from "./plan.ts";
import type { Inference } from "./programs.ts";
import { storedLayer } from "./places.ts";
import { unpackFrozen } from "./storage.ts";

/** Float weights that forward products read lie in the file as inference packs them: the same bytes. */
const packsAlike = (node: Node): boolean => node.op === "dense" || node.op === "conv2d";

export function frozenAsStored({ graph, frozen }: TrainingPlan, inference: Inference): { graph: Graph; stored: NonNullable<LoweringOptions["stored"]> } {
  const tensors = new Map(graph.tensors), copy: Graph = { ...graph, tensors, nodes: [] };
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => {
      const held = frozen.get(name);
      if (!held || (!held.scale && packsAlike(node))) return name;
      const { layer, role, direction, shape } = held.parameter, y = freshName(copy, `${name} stored`);
      tensors.set(y, { name: y, dtype: "float32", shape });
      copy.nodes.push({ op: "storedWeights", name: y, inputs: [], outputs: [y], attributes: { layer, role, direction, shape } });
      return y;
    });
    copy.nodes.push({ ...node, inputs } as Node);
  }
  return { graph: copy, stored: (node, c) => writeStored(node, c, frozen, inference) };
}

function writeStored({ attributes: { layer, role, direction }, outputs: [y] }: Node<"storedWeights">, c: LoweringContext, frozen: TrainingPlan["frozen"], { graph, program }: Inference): void {
  const stored = storedLayer(graph, program, layer, [], frozen.values());
  unpackFrozen(stored, stored.frozen.find(({ parameter: p }) => p.role === role && p.direction === direction)!, c.at(y!), c);
}
