/** Looks over a model before it is read: what of it matters, and what of that is not supported. */
import { modelError } from "../../ir/error.ts";
import { endsOf } from "../cut.ts";
import { domainOf, operatorOf, whyNot } from "./operators.ts";
import type { FunctionProto, GraphProto, NodeProto } from "./proto.ts";

/** Nodes behind those that they read: some tools leave casts at the end of the list. In a circle the order stays as it is. */
export function inOrder(nodes: readonly NodeProto[]): NodeProto[] {
  const writers = new Map(nodes.flatMap((n) => (n.output ?? []).map((o) => [o, n] as const))), sorted = new Set<NodeProto>(), open = new Set<NodeProto>();
  for (const first of nodes) for (const stack = [first]; stack.length;) {
    const node = stack.at(-1)!, waits = open.has(node) ? [] : [...reads(node)].flatMap((name) => writers.get(name) ?? []).filter((w) => !open.has(w) && w !== node);
    open.add(node);
    for (const w of waits.reverse()) stack.push(w);
    if (!waits.length) sorted.add(stack.pop()!);
  }
  return [...sorted];
}

/** The graph with the named tensors, or what the named nodes give, as its outputs. */
export function endingAt(graph: GraphProto, cut: readonly string[] | undefined): GraphProto {
  if (!cut) return graph;
  const nodes = graph.node ?? [], written = new Set(nodes.flatMap((n) => n.output ?? []).filter(Boolean));
  const found = (name: string) => (written.has(name) ? [name] : (nodes.find((n) => n.name === name)?.output ?? []).filter(Boolean));
  return { ...graph, output: endsOf("onnx", cut, found).map((name) => ({ name })) };
}

/** Nodes that an output depends on. */
export function liveNodes(graph: GraphProto): NodeProto[] {
  const wanted = new Set((graph.output ?? []).map((o) => o.name ?? "")), live: NodeProto[] = [];
  for (const node of (graph.node ?? []).toReversed()) {
    if (!node.output?.some((o) => o && wanted.has(o))) continue;
    live.push(node);
    for (const name of reads(node)) wanted.add(name);
  }
  return live.reverse();
}

/** Names that a node reads, its bodies included. */
function* reads(node: NodeProto): Generator<string> {
  yield* node.input ?? [];
  for (const body of bodiesOf(node)) {
    for (const inner of body.node ?? []) yield* reads(inner);
    for (const output of body.output ?? []) yield output.name ?? "";
  }
}

const bodiesOf = (node: NodeProto): GraphProto[] => (node.attribute ?? []).flatMap((a) => (a.g ? [a.g] : []));

/** An operator of the table, or a function of the model. */
export const isKnown = (node: NodeProto, functions: ReadonlyMap<string, FunctionProto>): boolean =>
  operatorOf(domainOf(node.domain), node.opType ?? "") !== undefined || functions.has(`${domainOf(node.domain)}:${node.opType ?? ""}:${node.overload ?? ""}`);

/** @throws OctavoError that names all operators that are not supported, how often they occur and what to do */
export function refuseUnsupported(nodes: NodeProto[], functions: ReadonlyMap<string, FunctionProto>): void {
  const found = new Map<string, number>(), entered = new Set<FunctionProto>();
  const visit = (node: NodeProto): void => {
    const domain = domainOf(node.domain), op = node.opType ?? "", f = functions.get(`${domain}:${op}:${node.overload ?? ""}`);
    for (const body of bodiesOf(node)) (body.node ?? []).forEach(visit);
    if (operatorOf(domain, op)) return;
    if (!f) found.set(domain ? `${domain}.${op}` : op, (found.get(domain ? `${domain}.${op}` : op) ?? 0) + 1);
    else if (!entered.has(f)) {
      entered.add(f);
      (f.node ?? []).forEach(visit);
    }
  };
  nodes.forEach(visit);
  if (!found.size) return;
  const list = [...found].map(([op, count]) => `${op} ×${count}${whyNot(op) && ` (${whyNot(op)})`}`).join(", ");
  throw modelError("ERR_OCTAVO_OPERATOR", "onnx", "model", `${found.size} ${found.size === 1 ? "operator is" : "operators are"} not supported: ${list}`,
    "End the model before them (--cut TENSOR) and do that part in your code, or export it with operators of the list in docs/onnx.md.");
}
