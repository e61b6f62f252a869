/** Which nodes of a float graph are worth integers. */
import { isConstant, tensorOf, type Graph, type Node } from "../ir/graph.ts";
import type { Ranges } from "./calibrate.ts";
import { counts } from "./counts.ts";
import { activationInputs, hasIntegerKernel, integerTensors, isHeavy } from "./integer-ops.ts";
import { inputScaling } from "./input-scaling.ts";
import type { ActivationType } from "./integers.ts";
import { findTables, type Tables } from "./pointwise.ts";
import { reach } from "./reach.ts";
import { spectra } from "./spectra.ts";

/**
 * Nodes with an integer kernel (or inside of a table), known ranges and integer company: a group of such nodes without
 * any matrix product that stands beside a float operator stays float, since it would cost two conversions and precision.
 * Scaling the input of the model stays float too: it is rounded once, after. So do spectra, and what must be exact.
 */
export function chooseIntegerNodes(graph: Graph, ranges: Ranges, type: ActivationType, keepFloat: ReadonlySet<string>): Set<Node> {
  const spectrum = type === "int8" ? spectra(graph) : new Set<Node>(), exact = counts(graph);
  const free = new Set(graph.nodes.filter((n) => !keepFloat.has(n.name) && !spectrum.has(n) && !exact.has(n)));
  const tables: Tables = type === "int8" ? findTables(graph, free) : new Map();
  const inTables = new Set([...tables.values()].flatMap((t) => t.nodes));
  const { scaling } = inputScaling(graph);
  const known = (name: string) => isConstant(graph, name) || (tensorOf(graph, name).dtype === "float32" && ranges.has(name));
  const able = (node: Node) => free.has(node) && !scaling.has(node) &&
    (inTables.has(node) || (hasIntegerKernel(node, graph, type) && integerTensors(node).every(known)));
  return inCompany(graph, new Set(graph.nodes.filter(able)));
}

/** Drops connected groups without a heavy node that touch something float: a node outside of all groups, or a state that stays float. */
function inCompany(graph: Graph, able: ReadonlySet<Node>): Set<Node> {
  const { joined, floats } = adjacency(graph, able), chosen = new Set<Node>(), seen = new Set<Node>();
  for (const start of able) {
    if (seen.has(start)) continue;
    const group = [...reach(start, (n) => joined.get(n)!)];
    group.forEach((n) => seen.add(n));
    const alone = group.every((n) => !isHeavy(n)) && group.some((n) => floats.has(n));
    if (!alone) group.forEach((n) => chosen.add(n));
  }
  return chosen;
}

/** Neighbours by a tensor that both would hold in integers, and the nodes with a neighbour by another one. */
function adjacency(graph: Graph, able: ReadonlySet<Node>): { joined: Map<Node, Node[]>; floats: Set<Node> } {
  const producers = new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const joined = new Map([...able].map((n) => [n, [] as Node[]])), floats = new Set<Node>();
  for (const node of graph.nodes) {
    node.inputs.forEach((input, i) => {
      const producer = input ? producers.get(input) : undefined;
      if (!producer) return;
      if (able.has(node) && able.has(producer) && input === producer.outputs[0] && activationInputs(node).includes(i)) {
        joined.get(node)!.push(producer);
        joined.get(producer)!.push(node);
      } else [node, producer].forEach((n) => floats.add(n));
    });
  }
  return { joined, floats };
}
