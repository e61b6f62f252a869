/**
 * A front end that computes spectra: linear layers from the model's input on (short-time Fourier transforms as convolutions, filter
 * banks), squared, and then compressed by a root or a logarithm. Amplitudes of sound span 60 to 100 dB and their squares twice as
 * much, where 255 steps hold 48: all of it stays float, and integers start behind.
 */
import { consumersIn, isConstant, type Graph, type Node } from "../ir/graph.ts";
import { isUnclamped } from "../ir/ops.ts";
import { isHeavy } from "./integer-ops.ts";
import { reach } from "./reach.ts";

const moves = new Set<string>(["reshape", "transpose", "slice", "pad", "concat", "gather", "expand", "tile"]);
const sums = new Set<string>(["add", "sub", "neg", "affine", "reduceSum", "reduceMean", "averagePool2d"]);
const compressing = new Set<string>(["sqrt", "log"]);

/** Nodes of such a front end, from the input to the root or logarithm. */
export function spectra(graph: Graph): ReadonlySet<Node> {
  const linear = linearPart(graph), plain = new Set(graph.nodes.filter((n) => !isSquare(n)).flatMap((n) => n.inputs));
  const squares = graph.nodes.filter((n) => isSquare(n) && linear.has(n.inputs[0]!) && !plain.has(n.inputs[0]!)); // what a normalization divides is read once more
  const found = new Set<Node>(), readers = consumersIn(graph);
  for (const square of squares) {
    const before = reach(linear.get(square.inputs[0]!)!, (n) => n.inputs.flatMap((x) => linear.get(x) ?? []));
    if (![...before].some(isHeavy)) continue;
    const behind = untilCompressed(readers, square);
    if (behind.size) [...before, ...behind].forEach((n) => found.add(n));
  }
  return found;
}

const isSquare = (n: Node): boolean => n.op === "mul" && n.inputs[0] === n.inputs[1];

/** Tensors that depend linearly on the inputs, each with its writer. */
function linearPart(graph: Graph): Map<string, Node> {
  const inputs = new Set(graph.inputs), linear = new Map<string, Node>();
  for (const node of graph.nodes) {
    const variable = node.inputs.filter((x) => x && !isConstant(graph, x));
    if (isLinear(node, variable.length) && variable.every((x) => inputs.has(x) || linear.has(x))) for (const y of node.outputs) linear.set(y, node);
  }
  return linear;
}

const isLinear = (node: Node, variable: number): boolean =>
  moves.has(node.op) || sums.has(node.op) || (variable === 1 && (["mul", "div", "matmul"].includes(node.op) || (isHeavy(node) && isUnclamped(node))));

/** From a square on: what sums, weighs and limits powers, up to the compression; empty where there is none. */
function untilCompressed(readers: ReturnType<typeof consumersIn>, square: Node): Set<Node> {
  const passes = (n: Node) => n === square || moves.has(n.op) || sums.has(n.op) || (isHeavy(n) && isUnclamped(n)) || ["clip", "max", "min", "mul", "div"].includes(n.op);
  const reached = reach(square, (n) => (passes(n) ? n.outputs.flatMap((y) => [...readers(y)]) : [])), ends = [...reached].filter((n) => compressing.has(n.op));
  const writers = new Map([...reached].flatMap((n) => n.outputs.map((y) => [y, n] as const)));
  return new Set(ends.flatMap((end) => [...reach(end, (n) => (n === square ? [] : n.inputs.flatMap((x) => writers.get(x) ?? [])))]));
}
