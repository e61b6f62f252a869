/** Graph → kernel calls. One file per operator family; this file is the table and the walk. */
import { modelError } from "../ir/error.ts";
import { tensorOf, type Graph, type Node } from "../ir/graph.ts";
import type { OpName } from "../ir/ops.ts";
import { LoweringContext, type Program, type Rounding } from "./context.ts";
import { dense } from "./dense.ts";
import { recurrent } from "./recurrent.ts";
import { updateStates } from "./states.ts";

export type Lowering<K extends OpName> = (node: Node<K>, c: LoweringContext) => void;

const lowerings: { [K in OpName]?: Lowering<K> } = { dense, lstm: recurrent, gru: recurrent, rnn: recurrent };

/** @throws OctavoError ERR_OCTAVO_OPERATOR naming every operator without a kernel */
export function lower(graph: Graph, rounding: Rounding = "fast"): Program {
  refuseUnknown(graph);
  const context = new LoweringContext(graph, rounding);
  for (const node of graph.nodes) {
    context.begin(node.name);
    (lowerings[node.op] as Lowering<OpName>)(node as never, context);
  }
  updateStates(context);
  return context.program;
}

function refuseUnknown(graph: Graph): void {
  const unknown = graph.nodes.filter((n) => !lowerings[n.op]);
  if (!unknown.length) return;
  const names = [...new Set(unknown.map((n) => `${n.op} (${tensorOf(graph, n.outputs.find(Boolean)!).dtype}, "${n.name}")`))];
  throw modelError("ERR_OCTAVO_OPERATOR", graph.format, `model "${graph.name}"`, `no kernel for ${names.join(", ")}`, "Replace or remove these layers before export.");
}
