/** Averages that count their padding: TFLite rounds those of the padded tensor, and so the padding stands before them again. */
import { freshName, isConstant, tensorOf, type Graph, type Node } from "../ir/graph.ts";

export function exactPools(graph: Graph): void {
  graph.nodes = graph.nodes.flatMap((node) => {
    const x = tensorOf(graph, node.inputs[0] || node.outputs[0]!);
    return node.op === "averagePool2d" && node.attributes.countIncludePad && x.quantization && !isConstant(graph, x.name) ? padded(graph, node) : [node];
  });
}

function padded(graph: Graph, node: Node<"averagePool2d">): Node[] {
  const x = tensorOf(graph, node.inputs[0]!), [top, left, bottom, right] = node.attributes.pad as [number, number, number, number], name = freshName(graph, `${x.name} padded`);
  const before = [0, top, left, 0], after = [0, bottom, right, 0];
  graph.tensors.set(name, { ...x, name, shape: x.shape.map((d, a) => d + before[a]! + after[a]!) });
  const pool: Node = { ...node, inputs: [name], attributes: { ...node.attributes, pad: [0, 0, 0, 0], countIncludePad: false } };
  return [{ op: "pad", name, inputs: [x.name], outputs: [name], attributes: { before, after, mode: "constant", value: 0 } }, pool];
}
