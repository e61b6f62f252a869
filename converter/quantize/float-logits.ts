/**
 * The results of the last dense layer stay unrounded where only the function that makes the model's answer of them reads them:
 * logits have steps of a tenth or a fifth, and half of one moves a probability by several of its own steps.
 */
import { consumersOf, tensorOf, type Graph, type Node, type Tensor } from "../ir/graph.ts";
import type { Clamp } from "../ir/ops.ts";

const answers = new Set<string>(["softmax", "logSoftmax", "sigmoid"]);
const views = new Set<string>(["reshape", "transpose"]);
const borders = new Set<string>(["requantize", "dequantize"]);

/** Rewrites `graph` before its float islands are found. */
export function floatLogits(graph: Graph): void {
  graph.nodes = graph.nodes.map((node) => {
    const logits = isIntegerDense(graph, node) ? untilAnswer(graph, node.outputs[0]!) : undefined;
    if (!logits) return node;
    const clamp = rangeOf(tensorOf(graph, node.outputs[0]!));
    for (const name of logits) {
      const { quantization: _, ...tensor } = tensorOf(graph, name);
      graph.tensors.set(name, { ...tensor, dtype: "float32" });
    }
    return { ...node, attributes: { clamp } } as Node;
  });
}

/** What the file's integers can say: beyond it they saturate. */
const rangeOf = ({ quantization }: Tensor): Clamp => [-128, 127].map((q) => quantization!.scale[0]! * (q - quantization!.zeroPoint[0]!)) as Clamp;

function isIntegerDense(graph: Graph, node: Node): node is Node<"dense"> {
  if (node.op !== "dense" || node.attributes.clamp.some(Number.isFinite)) return false;
  const [x, w, y] = [node.inputs[0]!, node.inputs[1]!, node.outputs[0]!].map((name) => tensorOf(graph, name));
  return [x, w, y].every((t) => t!.dtype === "int8" && t!.quantization) && w!.data !== undefined && w!.quantization!.zeroPoint.every((z) => z === 0);
}

/** The tensors from `y` to the function whose result is the model's; undefined where something else reads one of them. */
function untilAnswer(graph: Graph, y: string): string[] | undefined {
  const [reader, ...others] = consumersOf(graph, y);
  if (!reader || others.length || isEnd(graph, y)) return undefined;
  if (answers.has(reader.op)) return onlyLeaves(graph, reader.outputs[0]!) ? [y] : undefined;
  const rest = views.has(reader.op) ? untilAnswer(graph, reader.outputs[0]!) : undefined;
  return rest && [y, ...rest];
}

const onlyLeaves = (graph: Graph, name: string): boolean =>
  consumersOf(graph, name).every((n) => (views.has(n.op) || borders.has(n.op)) && onlyLeaves(graph, n.outputs[0]!));

const isEnd = (graph: Graph, name: string): boolean => graph.outputs.includes(name) || graph.states.some((s) => s.output === name);

/** Whether it multiplies integers and gives real numbers. */
export const givesLogits = (node: Node, graph: Graph): boolean =>
  (node.op === "dense" || node.op === "conv2d") && tensorOf(graph, node.outputs[0]!).dtype === "float32" && tensorOf(graph, node.inputs[0]!).dtype === "int8" && tensorOf(graph, node.inputs[1]!).dtype === "int8";
