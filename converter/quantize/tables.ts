/** Functions of one int8 tensor → tables of 256 entries; a table of a table is one table. Same bytes, fewer passes. */
import { evaluate } from "../ir/eval.ts";
import { consumersIn, freshName, isConstant, sizeOf, tensorOf, type Graph, type Node, type Tensor, type TypedArray } from "../ir/graph.ts";
import { binaryOps, unaryOps } from "../ir/ops.ts";
import { quantizeValues } from "./integers.ts";
import { applyPointwise, findTables } from "./pointwise.ts";

export function mergeTables(graph: Graph): void {
  tabulateIslands(graph);
  graph.nodes = graph.nodes.map((n) => tabulated(graph, n) ?? n);
  composeTables(graph);
}

const isInt8 = (t: Tensor) => t.dtype === "int8" && t.quantization?.scale.length === 1;
const elementwise = new Set<string>([...unaryOps, ...binaryOps, "requantize"]);

/** A node between int8 tensors whose other inputs are single constants. */
function tabulated(graph: Graph, node: Node): Node | undefined {
  const [x, ...more] = node.inputs.filter((i) => !isConstant(graph, i)), y = tensorOf(graph, node.outputs[0] || node.inputs[0]!);
  if (!elementwise.has(node.op) || !x || more.length || !isInt8(y) || !isInt8(tensorOf(graph, x))) return undefined;
  const constants = node.inputs.filter((i) => i !== x);
  if (constants.some((i) => sizeOf(tensorOf(graph, i).shape) !== 1) || sizeOf(tensorOf(graph, x).shape) !== sizeOf(y.shape)) return undefined;
  return tableNode(graph, node.name, x, y.name, apply(graph, node, x));
}

/** What the node gives for every int8. */
function apply(graph: Graph, node: Node, x: string): Int8Array {
  const y = node.outputs[0]!, tensors = new Map<string, Tensor>();
  for (const name of [x, y]) tensors.set(name, { ...tensorOf(graph, name), shape: [256] });
  for (const i of node.inputs) if (i !== x) tensors.set(i, { ...tensorOf(graph, i), shape: [] });
  const part = { ...graph, tensors, nodes: [node], inputs: [x], outputs: [y], states: [] };
  return evaluate(part, new Map([[x, Int8Array.from({ length: 256 }, (_, i) => i - 128)]])).get(y) as Int8Array;
}

/** dequantize, float functions of it, quantize: a table instead of each such `quantize`. */
function tabulateIslands(graph: Graph): void {
  const producers = new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const regions = findTables(graph, new Set(graph.nodes));
  graph.nodes = graph.nodes.map((node) => {
    const region = node.op === "quantize" ? regions.get(node.inputs[0]!) : undefined, from = region && producers.get(region.source);
    if (!region || from?.op !== "dequantize") return node;
    const x = tensorOf(graph, from.inputs[0]!), y = tensorOf(graph, node.outputs[0]!);
    if (!isInt8(x) || !isInt8(y)) return node;
    const { scale, zeroPoint } = x.quantization!, real = Float32Array.from({ length: 256 }, (_, i) => (i - 128 - zeroPoint[0]!) * scale[0]!);
    return tableNode(graph, node.name, x.name, y.name, quantizeValues(applyPointwise(graph, region, real), y.quantization!, "int8"));
  });
}

/** Where only tables read the result of a table, they read its input. */
function composeTables(graph: Graph): void {
  const producers = new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const ends = new Set([...graph.outputs, ...graph.states.map((s) => s.output)]), consumers = consumersIn(graph);
  graph.nodes = graph.nodes.map((node) => {
    const inner = node.op === "lut" ? producers.get(node.inputs[0]!) : undefined, between = node.inputs[0]!;
    if (inner?.op !== "lut" || ends.has(between) || consumers(between).some((c) => c.op !== "lut")) return node;
    const f = tableOf(graph, inner), g = tableOf(graph, node), both = tableNode(graph, node.name, inner.inputs[0]!, node.outputs[0]!, Int8Array.from(f, (q) => g[q + 128]!));
    producers.set(node.outputs[0]!, both);
    return both;
  });
}

const tableOf = (graph: Graph, node: Node): TypedArray => tensorOf(graph, node.inputs[1]!).data!;

function tableNode(graph: Graph, name: string, x: string, y: string, data: TypedArray): Node {
  const table = freshName(graph, `${name} table`);
  graph.tensors.set(table, { name: table, dtype: "int8", shape: [256], data });
  return { op: "lut", name, inputs: [x, table], outputs: [y], attributes: {} };
}
