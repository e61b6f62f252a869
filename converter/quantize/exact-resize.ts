/**
 * dequantize → rows → columns → quantize becomes two resamplings of integers: TFLite weighs both axes in 1024ths and rounds
 * once. Between them stand sums in int32, 1024 steps of x each.
 */
import { consumersOf, freshName, tensorOf, type Graph, type Node, type Tensor } from "../ir/graph.ts";
import { resizeUnsigned } from "./exact-resize-unsigned.ts";
import { sameQuantization } from "./match-scales.ts";

const ONE = 1024;
/** Axes resized in one model, of unsigned integers: each pair becomes 22 nodes. */
const MOST_UNSIGNED = 64;

/** Two axes of x, one after the other, to y in the same integers. */
export interface Resize { rows: Node<"resample">; columns: Node<"resample">; x: string; y: string }

export function exactResize(graph: Graph): void {
  const all = graph.nodes.filter((n): n is Node<"resample"> => n.op === "resample");
  for (const rows of all) {
    const from = graph.nodes.find((n) => n.op === "dequantize" && n.outputs[0] === rows.inputs[0]), columns = onlyReader(graph, rows.outputs[0]!), to = columns && onlyReader(graph, columns.outputs[0]!);
    if (!from || columns?.op !== "resample" || to?.op !== "quantize" || ![rows, columns].every((n) => n.attributes.taps === 2)) continue;
    const x = tensorOf(graph, from.inputs[0]!), y = tensorOf(graph, to.outputs[0]!), resize: Resize = { rows, columns, x: x.name, y: y.name };
    if (!sameQuantization(x, y)) continue;
    const replaced = x.dtype === "int8" && x.quantization!.unsigned && all.length <= MOST_UNSIGNED ? resizeUnsigned(graph, resize) : [rows, columns].every(isFine) ? resizeSigned(graph, resize) : undefined;
    if (replaced) graph.nodes = graph.nodes.flatMap((n) => (n === to ? replaced : n === rows || n === columns ? [] : [n]));
  }
}

function resizeSigned(graph: Graph, { rows, columns, x, y }: Resize): Node[] {
  const { scale, zeroPoint } = tensorOf(graph, x).quantization!, name = freshName(graph, `${y} rows`);
  const sums: Tensor = { name, dtype: "int32", shape: tensorOf(graph, rows.outputs[0]!).shape, quantization: { scale: scale.map((s) => s / ONE), zeroPoint: zeroPoint.map((z) => z * ONE), axis: 0 } };
  graph.tensors.set(name, sums);
  return [{ ...rows, inputs: [x], outputs: [name] } as Node, { ...columns, inputs: [name], outputs: [y] } as Node];
}

const isFine = (node: Node<"resample">): boolean => node.attributes.weights.every((w) => Number.isInteger(w * ONE));

function onlyReader(graph: Graph, name: string): Node | undefined {
  const readers = consumersOf(graph, name);
  return readers.length === 1 && !graph.outputs.includes(name) ? readers[0] : undefined;
}

export const isIntegerResize = (node: Node, graph: Graph): boolean => node.op === "resample" && tensorOf(graph, node.inputs[0]!).dtype !== "float32";
