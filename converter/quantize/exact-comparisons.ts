/**
 * Operands of comparisons in TFLite's integers: each value times 256, rounded. What lies closer together than that is equal.
 * Source: TFLite comparisons.cc, reference/comparisons.h ComparisonWithScaling.
 */
import { freshName, tensorOf, type Graph, type Node, type Tensor } from "../ir/graph.ts";

const comparisons = new Set<string>(["equal", "greater", "greaterOrEqual", "less", "lessOrEqual"]);
const STEPS = 256;

/** Where both are int8 of a scale below 1: TFLite's arithmetic leaves larger ones undefined. */
export function exactComparisons(graph: Graph): void {
  const isExact = (t: Tensor) => t.dtype === "int8" && t.quantization?.scale.length === 1 && t.quantization.scale[0]! < 1;
  graph.nodes = graph.nodes.flatMap((node) => {
    if (!comparisons.has(node.op) || !node.inputs.every((name) => isExact(tensorOf(graph, name)))) return [node];
    const before: Node[] = [], inputs = node.inputs.map((name) => scaled(graph, name, before));
    return [...before, { ...node, inputs } as Node];
  });
}

/** First 256 times as many steps, then steps of 1/256: so the factor is the scale itself, and is rounded as TFLite rounds it. */
function scaled(graph: Graph, x: string, before: Node[]): string {
  const [scale] = tensorOf(graph, x).quantization!.scale;
  return [scale! / STEPS, 1 / STEPS].reduce((from, to) => {
    const name = freshName(graph, `${x} in ${STEPS}ths`);
    graph.tensors.set(name, { name, dtype: "int32", shape: tensorOf(graph, x).shape, quantization: { scale: Float32Array.of(to), zeroPoint: Int32Array.of(0), axis: 0 } });
    before.push({ op: "requantize", name, inputs: [from], outputs: [name], attributes: {} });
    return name;
  }, x);
}
