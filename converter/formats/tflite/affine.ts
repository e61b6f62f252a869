/** Parts of a graph that are affine: y = W · v + b of a few inputs, found by structure, measured by evaluation. */
import { evaluate } from "../../ir/eval.ts";
import { isConstant, sizeOf, tensorOf, type Graph, type Node, type TypedArray } from "../../ir/graph.ts";

export const producersOf = (graph: Graph): Map<string, Node> => new Map(graph.nodes.flatMap((n) => n.outputs.filter(Boolean).map((o): [string, Node] => [o, n])));

/** Rows of weights per source, and what remains when all sources are zero. */
export interface Affine { weights: Map<string, Float32Array>; bias: Float32Array }

const moves = new Set(["reshape", "transpose", "slice", "concat", "affine", "expand"]);
const unclamped = (n: Node) => !("clamp" in n.attributes) || (n.attributes.clamp as number[]).every((c) => !Number.isFinite(c));

/** Whether the result depends on its inputs in the first power only; `fixed` are those that do not vary. */
function isLinear(n: Node, fixed: boolean[]): boolean {
  if (moves.has(n.op) || fixed.every(Boolean)) return true;
  if ((n.op === "add" || n.op === "sub") && unclamped(n)) return true;
  return (n.op === "mul" || n.op === "matmul" || n.op === "dense") && unclamped(n) && fixed.filter((f) => !f).length === 1 && !(n.op === "dense" && fixed[0]);
}

/** Tensors that depend on constants only. */
function fixedIn(graph: Graph): Set<string> {
  const fixed = new Set<string>();
  for (const n of graph.nodes) if (n.inputs.every((i) => !i || fixed.has(i) || isConstant(graph, i))) n.outputs.forEach((o) => fixed.add(o));
  return fixed;
}

/** Nodes between `sources` and `name`, in graph order; undefined where one is not linear or depends on something else. */
function linearNodes(graph: Graph, producers: Map<string, Node>, name: string, sources: ReadonlySet<string>): Node[] | undefined {
  const found = new Set<Node>(), wanted = [name], fixed = fixedIn(graph);
  for (const w of wanted) {
    if (!w || sources.has(w) || isConstant(graph, w)) continue;
    const node = producers.get(w);
    if (!node || !isLinear(node, node.inputs.map((i) => !i || (!sources.has(i) && (fixed.has(i) || isConstant(graph, i)))))) return undefined;
    if (!found.has(node)) wanted.push(...node.inputs);
    found.add(node);
  }
  return graph.nodes.filter((n) => found.has(n));
}

/** Most multiplications worth spending on one measurement. */
const affordable = 2 ** 28;

/**
 * `name` [N,H] as an affine function of `sources` [N,K], the same for every row: the first row is measured, one unit
 * vector after the other.
 */
export function affineOf(graph: Graph, producers: Map<string, Node>, name: string, sources: string[]): Affine | undefined {
  const nodes = linearNodes(graph, producers, name, new Set(sources));
  const N = tensorOf(graph, sources[0]!).shape[0]!, H = sizeOf(tensorOf(graph, name).shape) / N;
  const columns = sources.map((s) => sizeOf(tensorOf(graph, s).shape) / N);
  if (!nodes || !Number.isInteger(H) || columns.some((K) => !Number.isInteger(K))) return undefined;
  const steps = columns.reduce((a, K) => a + K, 1), work = nodes.reduce((a, n) => a + sizeOf(tensorOf(graph, n.inputs[1] || n.inputs[0]!).shape), 1);
  if (steps * work * N > affordable) return undefined;
  const values = new Map<string, TypedArray>(sources.map((s) => [s, new Float32Array(sizeOf(tensorOf(graph, s).shape))]));
  const keep = new Set([name]), result = () => (sources.includes(name) ? values : evaluate(graph, values, { nodes, keep })).get(name)!;
  const measure = () => Float32Array.from(result()).subarray(0, H);
  const bias = measure(), weights = new Map<string, Float32Array>();
  sources.forEach((s, i) => {
    const K = columns[i]!, v = values.get(s)!, w = new Float32Array(H * K);
    for (let k = 0; k < K; k++) {
      v[k] = 1;
      measure().forEach((y, h) => { w[h * K + k] = y - bias[h]!; });
      v[k] = 0;
    }
    weights.set(s, w);
  });
  return { weights, bias };
}
