/**
 * Graphs that come quantized: int8, uint8 or int16 TFLite, and ONNX with quantize and dequantize nodes around float
 * operators. Scales, zero points, weights and biases are taken as they are.
 */
import { isConstant, tensorOf, type Graph, type Node } from "../ir/graph.ts";
import { copyGraph, dropUnused, resizeByGather } from "./copy.ts";
import { exactHybrid } from "./exact-hybrid.ts";
import { exactComparisons } from "./exact-comparisons.ts";
import { exactL2 } from "./exact-l2.ts";
import { exactPools } from "./exact-pools.ts";
import { exactResize, isIntegerResize } from "./exact-resize.ts";
import { dequantizeConstant, floatIslands } from "./float-islands.ts";
import { floatLogits, givesLogits } from "./float-logits.ts";
import { fuseQdq } from "./fuse-qdq.ts";
import { fitsZeroPoints, hasIntegerKernel, integerTensors, isIntegerLstm, isIntegerSvdf } from "./integer-ops.ts";
import { shapeConstants } from "./kernel-constants.ts";
import { matchScales } from "./match-scales.ts";
import { shiftUnsigned } from "./shift-unsigned.ts";
import { mergeTables } from "./tables.ts";

export interface ImportOptions {
  /**
   * For kernels that follow TFLite's reference to the bit: functions of one tensor stay the operators they are, and
   * recurrent layers keep the integers of their biases and states.
   */
  exact?: boolean;
  /** Of what a device will train: every layer keeps the integers that its update writes. */
  trainable?: boolean;
}

export function importQuantized(source: Graph, { exact = false, trainable = false }: ImportOptions = {}): Graph {
  const graph = copyGraph(source);
  if (exact) exactHybrid(graph);
  resizeByGather(graph);
  shiftUnsigned(graph);
  fuseQdq(graph);
  foldDequantized(graph);
  if (!exact && !trainable) floatLogits(graph);
  if (exact) exactForms(graph);
  floatIslands(graph, { isInteger: (n) => runsOnIntegers(graph, n, exact), direct: false, isWhole: (n) => exact && (isIntegerLstm(n, graph) || isIntegerSvdf(n, graph) || isIntegerResize(n, graph)) });
  matchScales(graph, exact);
  if (!exact) shapeConstants(graph);
  if (!exact) mergeTables(graph);
  dropUnused(graph);
  return graph;
}

/** What one of our operators computes and TFLite's reference kernels round otherwise, in several. */
function exactForms(graph: Graph): void {
  exactComparisons(graph);
  exactL2(graph);
  exactPools(graph);
  exactResize(graph);
}

function runsOnIntegers(graph: Graph, node: Node, exact: boolean): boolean {
  const tensors = integerTensors(node).map((name) => tensorOf(graph, name)), type = tensors.some((t) => t.dtype === "int16") ? "int16" : "int8";
  if (node.op === "quantize" || node.op === "dequantize" || node.op === "requantize" || givesLogits(node, graph)) return true;
  return tensors.every((t) => t.quantization && t.dtype === type) && fitsZeroPoints(node, tensors) && hasIntegerKernel(node, graph, type, exact);
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
