/** Operators that move values have one scale: an input of another one is requantized before them. */
import { freshName, isConstant, tensorOf, type Graph, type Node, type Quantization, type Tensor } from "../ir/graph.ts";
import { activationInputs, keepsScale } from "./integer-ops.ts";
import { dequantizeConstant, isQuantized } from "./float-islands.ts";
import { quantizeValues, type ActivationType } from "./integers.ts";

export function matchScales(graph: Graph): void {
  graph.nodes = graph.nodes.flatMap((node) => {
    const y = keepsScale(node) ? tensorOf(graph, node.outputs[0]!) : undefined;
    if (!y || !isQuantized(y)) return [node];
    const before: Node[] = [], inputs = [...node.inputs];
    for (const i of activationInputs(node)) inputs[i] = matched(graph, tensorOf(graph, inputs[i]!), y, before);
    return [...before, { ...node, inputs } as Node];
  });
}

/** The name of x in the integers of y. */
function matched(graph: Graph, x: Tensor, y: Tensor, before: Node[]): string {
  if (!isQuantized(x) || sameQuantization(x, y)) return x.name;
  const name = freshName(graph, `${x.name} requantized`), like = { name, dtype: y.dtype, shape: x.shape, quantization: y.quantization! };
  if (isConstant(graph, x.name)) graph.tensors.set(name, { ...like, data: quantizeValues(dequantizeConstant(x), y.quantization!, y.dtype as ActivationType) });
  else {
    graph.tensors.set(name, like);
    before.push({ op: "requantize", name: `${name} requantize`, inputs: [x.name], outputs: [name], attributes: {} });
  }
  return name;
}

export const sameQuantization = (a: Tensor, b: Tensor): boolean =>
  a.dtype === b.dtype && sameScales(a.quantization!, b.quantization!);

const sameScales = (a: Quantization, b: Quantization) =>
  a.scale.length === b.scale.length && a.scale.every((s, i) => s === b.scale[i]) && a.zeroPoint.every((z, i) => z === b.zeroPoint[i]);
