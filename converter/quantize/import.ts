/**
 * Graphs that come quantized: int8, uint8 or int16 TFLite, and ONNX with quantize and dequantize nodes around float
 * operators. Scales, zero points, weights and biases are taken as they are.
 */
import { isConstant, tensorOf, type Graph, type Node } from "../ir/graph.ts";
import { copyGraph, dropUnused } from "./copy.ts";
import { dequantizeConstant, floatIslands } from "./float-islands.ts";
import { fuseQdq } from "./fuse-qdq.ts";
import { hasIntegerKernel, integerTensors } from "./integer-ops.ts";
import { matchScales } from "./match-scales.ts";
import { shiftUnsigned } from "./shift-unsigned.ts";
import { mergeTables } from "./tables.ts";

export interface ImportOptions {
  /** Functions of one tensor become tables. TFLite's exact rules, which differ by operator, want them left as they are. */
  tables?: boolean;
}

export function importQuantized(source: Graph, { tables = true }: ImportOptions = {}): Graph {
  const graph = copyGraph(source);
  shiftUnsigned(graph);
  fuseQdq(graph);
  foldDequantized(graph);
  floatIslands(graph, { isInteger: (n) => runsOnIntegers(graph, n), direct: false });
  matchScales(graph);
  if (tables) mergeTables(graph);
  dropUnused(graph);
  return graph;
}

function runsOnIntegers(graph: Graph, node: Node): boolean {
  const tensors = integerTensors(node).map((name) => tensorOf(graph, name)), type = tensors.some((t) => t.dtype === "int16") ? "int16" : "int8";
  if (node.op === "quantize" || node.op === "dequantize" || node.op === "requantize") return true;
  return tensors.every((t) => t.quantization && t.dtype === type) && hasIntegerKernel(node, graph, type);
}

/** Constants that float operators read are float in the file. */
export function foldDequantized(graph: Graph): void {
  graph.nodes = graph.nodes.filter((node) => {
    if (node.op !== "dequantize" || !isConstant(graph, node.inputs[0]!)) return true;
    const float = tensorOf(graph, node.outputs[0]!);
    graph.tensors.set(float.name, { ...float, data: dequantizeConstant(tensorOf(graph, node.inputs[0]!)) });
    return false;
  });
}
