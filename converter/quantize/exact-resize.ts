/**
 * dequantize → rows → columns → quantize becomes two resamplings of integers: TFLite weighs both axes in 1024ths and rounds
 * once. Between them stand sums in int32, 1024 steps of x each.
 */
import { consumersOf, freshName, tensorOf, type Graph, type Node, type Tensor } from "../ir/graph.ts";
import { sameQuantization } from "./match-scales.ts";

const ONE = 1024;

export function exactResize(graph: Graph): void {
  for (const rows of graph.nodes.filter((n) => n.op === "resample")) {
    const from = graph.nodes.find((n) => n.op === "dequantize" && n.outputs[0] === rows.inputs[0]), columns = onlyReader(graph, rows.outputs[0]!), to = columns && onlyReader(graph, columns.outputs[0]!);
    if (!from || columns?.op !== "resample" || to?.op !== "quantize" || ![rows, columns].every((n) => isFine(n as Node<"resample">))) continue;
    const x = tensorOf(graph, from.inputs[0]!), y = tensorOf(graph, to.outputs[0]!), { scale, zeroPoint } = x.quantization!;
    if (!sameQuantization(x, y) || !["int8", "int16"].includes(x.dtype)) continue;
    const sums: Tensor = { name: freshName(graph, `${y.name} rows`), dtype: "int32", shape: tensorOf(graph, rows.outputs[0]!).shape, quantization: { scale: scale.map((s) => s / ONE), zeroPoint: zeroPoint.map((z) => z * ONE), axis: 0 } };
    graph.tensors.set(sums.name, sums);
    const replaced: Node[] = [{ ...rows, inputs: [x.name], outputs: [sums.name] } as Node, { ...columns, inputs: [sums.name], outputs: [y.name] } as Node];
    graph.nodes = graph.nodes.flatMap((n) => (n === to ? replaced : n === rows || n === columns ? [] : [n]));
  }
}

const isFine = (node: Node<"resample">): boolean => node.attributes.taps === 2 && node.attributes.weights.every((w) => Number.isInteger(w * ONE));

function onlyReader(graph: Graph, name: string): Node | undefined {
  const readers = consumersOf(graph, name);
  return readers.length === 1 && !graph.outputs.includes(name) ? readers[0] : undefined;
}

export const isIntegerResize = (node: Node, graph: Graph): boolean => node.op === "resample" && tensorOf(graph, node.inputs[0]!).dtype !== "float32";
