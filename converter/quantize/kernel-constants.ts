/** Constants of imported integer layers in the form that the kernels want: a scale per output channel, recurrent biases in float. */
import { freshName, sizeOf, tensorOf, type Graph, type Node, type Quantization } from "../ir/graph.ts";
import { dequantizeConstant, isQuantized } from "./float-islands.ts";

const channelAxis: Partial<Record<Node["op"], number>> = { conv2d: 0, convTranspose2d: 0, dense: 0, lstm: 1, gru: 1, rnn: 1 };

/** Rewrites `graph`, whose integer layers are those with integer weights. */
export function shapeConstants(graph: Graph): void {
  for (const node of graph.nodes) {
    const axis = channelAxis[node.op];
    if (axis === undefined || !isQuantized(tensorOf(graph, node.inputs[1]!))) continue;
    const isRecurrent = axis === 1;
    node.inputs[1] = perChannel(graph, node.inputs[1]!, axis);
    if (isRecurrent) node.inputs[2] = perChannel(graph, node.inputs[2]!, axis);
    const bias = isRecurrent ? 3 : 2;
    if (node.inputs[bias]) node.inputs[bias] = isRecurrent ? asFloat(graph, node.inputs[bias]) : perChannel(graph, node.inputs[bias], 0);
  }
}

/** One scale per index of the axis and of those before it. */
function perChannel(graph: Graph, name: string, axis: number): string {
  const tensor = tensorOf(graph, name), channels = sizeOf(tensor.shape.slice(0, axis + 1));
  if (!tensor.data || !tensor.quantization || tensor.quantization.scale.length === channels) return name;
  return put(graph, { ...tensor, quantization: spread(tensor.quantization, channels, axis) }, `${name} per channel`);
}

function spread({ scale, zeroPoint }: Quantization, channels: number, axis: number): Quantization {
  const at = <T extends Float32Array | Int32Array>(values: T) => (_: number, c: number) => values[c % values.length]!;
  return { scale: new Float32Array(channels).map(at(scale)), zeroPoint: new Int32Array(channels).map(at(zeroPoint)), axis };
}

function asFloat(graph: Graph, name: string): string {
  const tensor = tensorOf(graph, name);
  if (!tensor.data || !isQuantized(tensor)) return name;
  const { quantization: _, ...plain } = tensor;
  return put(graph, { ...plain, dtype: "float32", data: dequantizeConstant(tensor) }, `${name} float`);
}

function put(graph: Graph, tensor: Parameters<Graph["tensors"]["set"]>[1], stem: string): string {
  const name = freshName(graph, stem);
  graph.tensors.set(name, { ...tensor, name });
  return name;
}
