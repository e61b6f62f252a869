/**
 * Pointwise regions: where a tensor is a function of one other tensor, element by element (x · sigmoid(x), a chain of
 * activations, arithmetic with scalars), an int8 model needs no integers between them: one table of 256 entries holds
 * the whole function, rounded once.
 */
import { evaluate } from "../ir/eval.ts";
import { consumersIn, isConstant, sizeOf, tensorOf, type Graph, type Node, type Tensor, type TypedArray } from "../ir/graph.ts";
import { binaryOps, unaryOps } from "../ir/ops.ts";
import type { Bounds } from "./integers.ts";

/** y is `nodes` applied to `source`. */
export interface Pointwise { source: string; nodes: Node[] }
/** By the name of y: the tensors that other nodes, or the user, read. */
export type Tables = Map<string, Pointwise>;

const pointwiseOps = new Set<string>([...unaryOps, ...binaryOps]);

/** The regions among `candidates`; what lies inside of a region only is absent. */
export function findTables(graph: Graph, candidates: ReadonlySet<Node>): Tables {
  const ends: Ends = new Map(), consumers = consumersIn(graph), positions = new Map(graph.nodes.map((n, i) => [n, i]));
  for (const node of graph.nodes) {
    const source = candidates.has(node) ? sourceOf(graph, node, ends) : undefined;
    if (source !== undefined) ends.set(node.outputs[0]!, { source, node });
  }
  const read = new Set([...graph.outputs, ...graph.states.map((s) => s.output)]);
  const outside = (name: string) => read.has(name) || consumers(name).some((c) => !ends.has(c.outputs[0]!));
  const nodes = (end: Node) => regionOf(end, ends).sort((a, b) => positions.get(a)! - positions.get(b)!);
  return new Map([...ends].filter(([name]) => outside(name)).map(([name, { source, node }]) => [name, { source, nodes: nodes(node) }]));
}

/** By the name of y: what it is a function of, and the last node of that function. */
type Ends = Map<string, { source: string; node: Node }>;

function sourceOf(graph: Graph, node: Node, known: Ends): string | undefined {
  if (!pointwiseOps.has(node.op) || tensorOf(graph, node.outputs[0]!).dtype !== "float32") return undefined;
  const [constants, others] = [true, false].map((wanted) => node.inputs.filter((i) => isConstant(graph, i) === wanted)) as [string[], string[]];
  if (constants.some((i) => sizeOf(tensorOf(graph, i).shape) !== 1)) return undefined;
  const [source, ...more] = new Set(others.map((i) => known.get(i)?.source ?? i));
  return source !== undefined && !more.length && sameElements(graph, source, node.outputs[0]!) ? source : undefined;
}

/** All nodes between the source and `end`. */
function regionOf(end: Node, ends: Ends): Node[] {
  const found = new Set([end]);
  for (const node of found) node.inputs.forEach((i) => ends.has(i) && found.add(ends.get(i)!.node));
  return [...found];
}

/** Broadcasting with scalars of a higher rank may add axes of size 1, no more. */
const sameElements = (graph: Graph, a: string, b: string) =>
  tensorOf(graph, a).dtype === "float32" && sizeOf(tensorOf(graph, a).shape) === sizeOf(tensorOf(graph, b).shape);

/** f(x) for a vector of x. */
export function applyPointwise(graph: Graph, { source, nodes }: Pointwise, x: Float32Array): TypedArray {
  const tensors = new Map<string, Tensor>(), vector = (name: string) => tensors.set(name, { name, dtype: "float32", shape: [x.length] });
  vector(source);
  for (const node of nodes) {
    node.outputs.forEach(vector);
    for (const input of node.inputs) if (isConstant(graph, input)) tensors.set(input, { ...tensorOf(graph, input), shape: [] });
  }
  const part: Graph = { ...graph, tensors, nodes, inputs: [source], outputs: [nodes.at(-1)!.outputs[0]!], states: [], layouts: {} };
  return evaluate(part, new Map([[source, x]])).get(part.outputs[0]!)!;
}

/** Points at which a function is looked at to find where it stops changing. */
const POINTS = 2048;

/**
 * The part of a tensor's [low, high] that matters: where only tables read it, its outer ends in which every one of them stays
 * within half a step of its value at the new end (hard-swish below −3, a sigmoid beyond ±6) are left out.
 */
export function usefulRanges(graph: Graph, tables: Tables, steps: number): (name: string, bounds: Bounds) => Bounds {
  const consumers = consumersIn(graph), bySource = new Map<string, Pointwise[]>();
  for (const t of tables.values()) bySource.set(t.source, bySource.get(t.source) ?? []).get(t.source)!.push(t);
  return (name, bounds) => {
    const read = bySource.get(name) ?? [], inside = new Set(read.flatMap((t) => t.nodes));
    const others = graph.outputs.includes(name) || consumers(name).some((c) => !inside.has(c));
    return read.length && !others ? usefulRange(graph, read, bounds, steps) : bounds;
  };
}

function usefulRange(graph: Graph, read: readonly Pointwise[], [low, high]: Bounds, steps: number): Bounds {
  if (high <= low) return [low, high];
  const x = Float32Array.from({ length: POINTS }, (_, i) => low + ((high - low) * i) / (POINTS - 1));
  const flat = read.map((t) => flatEnds(applyPointwise(graph, t, x), steps));
  const from = Math.min(...flat.map(([f]) => f)), to = Math.max(...flat.map(([, t]) => t));
  return from < to ? [Math.min(0, x[from]!), Math.max(0, x[to]!)] : [low, high];
}

/** First and last index of the part of y that is not flat. */
function flatEnds(y: TypedArray, steps: number): [number, number] {
  const [least, greatest] = extent(y), tolerance = (greatest - least) / steps / 2;
  return [endOfFlat(y, 0, 1, tolerance), endOfFlat(y, y.length - 1, -1, tolerance)];
}

/** The furthest index from which all values back to the start lie within the tolerance of it. */
function endOfFlat(y: TypedArray, start: number, direction: 1 | -1, tolerance: number): number {
  let least = y[start]!, greatest = y[start]!, end = start;
  for (let i = start; i >= 0 && i < y.length; i += direction) {
    least = Math.min(least, y[i]!);
    greatest = Math.max(greatest, y[i]!);
    if (!(greatest - least <= 2 * tolerance)) break;
    if (greatest - y[i]! <= tolerance && y[i]! - least <= tolerance) end = i;
  }
  return end;
}

function extent(y: TypedArray): Bounds {
  let least = Infinity, greatest = -Infinity;
  for (const v of y) {
    if (v < least) least = v;
    if (v > greatest) greatest = v;
  }
  return [least, greatest];
}
