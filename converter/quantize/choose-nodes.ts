/** Which nodes of a float graph are worth integers. */
import { isConstant, tensorOf, type Graph, type Node } from "../ir/graph.ts";
import type { Ranges } from "./calibrate.ts";
import { hasIntegerKernel, integerTensors, isHeavy } from "./integer-ops.ts";
import type { ActivationType } from "./integers.ts";
import { findTables, type Tables } from "./pointwise.ts";

const linear = new Set<string>(["affine", "add", "sub", "mul", "div", "neg"]);

/**
 * Nodes with an integer kernel (or inside of a table), known ranges and integer company: a group of such nodes without
 * any matrix product that stands beside a float operator stays float, since it would cost two conversions and precision.
 * Scaling the input of the model stays float too: it is rounded once, after.
 */
export function chooseIntegerNodes(graph: Graph, ranges: Ranges, type: ActivationType, keepFloat: ReadonlySet<string>): Set<Node> {
  const free = new Set(graph.nodes.filter((n) => !keepFloat.has(n.name)));
  const tables: Tables = type === "int8" ? findTables(graph, free) : new Map();
  const inTables = new Set([...tables.values()].flatMap((t) => t.nodes));
  const scaling = new Set([...tables.values()].filter((t) => graph.inputs.includes(t.source) && t.nodes.every((n) => linear.has(n.op))).flatMap((t) => t.nodes));
  const known = (name: string) => isConstant(graph, name) || (tensorOf(graph, name).dtype === "float32" && ranges.has(name));
  const able = (node: Node) => free.has(node) && !scaling.has(node) &&
    (inTables.has(node) || (hasIntegerKernel(node, graph, type) && integerTensors(node).every(known)));
  return inCompany(graph, new Set(graph.nodes.filter(able)));
}

/** Drops connected groups without a heavy node that touch a node outside of all groups. */
function inCompany(graph: Graph, able: ReadonlySet<Node>): Set<Node> {
  const neighbours = adjacency(graph), chosen = new Set<Node>(), seen = new Set<Node>();
  for (const start of able) {
    if (seen.has(start)) continue;
    const group = reach(start, neighbours, able);
    group.forEach((n) => seen.add(n));
    const alone = group.every((n) => !isHeavy(n)) && group.some((n) => [...neighbours.get(n)!].some((m) => !able.has(m)));
    if (!alone) group.forEach((n) => chosen.add(n));
  }
  return chosen;
}

function adjacency(graph: Graph): Map<Node, Set<Node>> {
  const producers = new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const neighbours = new Map(graph.nodes.map((n) => [n, new Set<Node>()]));
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      const producer = input ? producers.get(input) : undefined;
      if (!producer) continue;
      neighbours.get(node)!.add(producer);
      neighbours.get(producer)!.add(node);
    }
  }
  return neighbours;
}

function reach(start: Node, neighbours: Map<Node, Set<Node>>, within: ReadonlySet<Node>): Node[] {
  const found = new Set([start]), waiting = [start];
  while (waiting.length) {
    for (const next of neighbours.get(waiting.pop()!)!) {
      if (!within.has(next) || found.has(next)) continue;
      found.add(next);
      waiting.push(next);
    }
  }
  return [...found];
}
