/**
 * Reverse-mode differentiation: appends to a forward graph the nodes that compute the gradient of one result with regard to
 * every parameter, and add it up. One rule per operator; the walk is from the last node to the first.
 */
import { modelError, OctavoError } from "../ir/error.ts";
import type { GraphBuilder } from "../ir/builder.ts";
import type { Node } from "../ir/graph.ts";
import type { OpName } from "../ir/ops.ts";
import { activations } from "./activations.ts";
import { arithmetic } from "./arithmetic.ts";
import { movement } from "./movement.ts";
import { normalization } from "./normalization.ts";
import { products } from "./products.ts";
import { recurrent } from "./recurrent.ts";
import { Tape, type Parameters, type Rule, type Rules } from "./tape.ts";

const rules: Rules = { ...products, ...arithmetic, ...activations, ...movement, ...normalization, ...recurrent };

/**
 * @param seeds gradient of tensors by name: of the predictions, as the loss gives them
 * @param parameters by name, with the tensor of the same size that the gradient is added to
 * @throws OctavoError ERR_OCTAVO_OPERATOR naming every operator on the way that has no derivative
 */
export function differentiate(b: GraphBuilder, seeds: ReadonlyMap<string, string>, parameters: Parameters): void {
  const forward = b.graph.nodes.filter((n) => ![...seeds.values()].some((s) => n.outputs.includes(s)));
  const reached = dependents(forward, parameters.keys()), tape = new Tape(b, parameters, reached);
  refuseUnknown(b, forward.filter((n) => n.inputs.some((i) => reached.has(i))));
  for (const [name, gradient] of seeds) tape.pass(name, () => gradient);
  for (const node of [...forward].reverse()) {
    const dys = node.outputs.map((y) => (y ? tape.of(y) : undefined));
    if (dys.some(Boolean)) apply(node, dys, tape);
  }
}

function apply(node: Node, dys: readonly (string | undefined)[], tape: Tape): void {
  try {
    (rules[node.op] as unknown as Rule<OpName>)(node, dys, tape);
  } catch (e) {
    throw e instanceof OctavoError ? modelError(e.code, tape.b.graph.format, `gradient of node "${node.name}" (${node.op})`, e.message.replace(/\.$/, ""), "Train other layers (--trainable).") : e;
  }
}

/** Tensors that depend on one of `names`, these included. */
export function dependents(nodes: readonly Node[], names: Iterable<string>): Set<string> {
  const reached = new Set(names);
  for (const node of nodes) if (node.inputs.some((i) => reached.has(i))) for (const y of node.outputs) if (y) reached.add(y);
  return reached;
}

function refuseUnknown(b: GraphBuilder, nodes: readonly Node[]): void {
  const unknown = nodes.filter((n) => !rules[n.op]);
  if (!unknown.length) return;
  const names = [...new Set(unknown.map((n) => `${n.op} ("${n.name}")`))].join(", ");
  throw modelError("ERR_OCTAVO_OPERATOR", b.graph.format, `model "${b.graph.name}"`, `no derivative of ${names}, which lies between a trainable layer and the output`, "Train only layers behind it (--trainable).");
}
