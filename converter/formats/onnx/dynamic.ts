/**
 * Dynamic quantization, as onnxruntime's quantizer writes it: activations become integers as they come, are multiplied
 * with integer weights and scaled back,
 *   DynamicQuantizeLinear(x) → q, s, z · MatMulInteger | ConvInteger(q, W, z, Wz) · Cast · Mul(·, Mul(s, Ws)).
 * The model behind it is the float one with integer weights: x · DequantizeLinear(W, Ws, Wz). How activations are
 * quantized is the converter's business, so the pattern is read as that.
 */
import type { GraphProto, NodeProto } from "./proto.ts";

const floatOf: Record<string, { op: string; axis: number }> = { MatMulInteger: { op: "MatMul", axis: 1 }, ConvInteger: { op: "Conv", axis: 0 } };

/** The nodes of a graph with the pattern replaced; what is not exactly it stays. */
export function withoutDynamicQuantization(graph: GraphProto): NodeProto[] {
  const nodes = graph.node ?? [], producers = new Map(nodes.flatMap((n) => (n.output ?? []).map((o) => [o, n] as const)));
  if (!nodes.some((n) => n.opType === "DynamicQuantizeLinear")) return nodes;
  return nodes.flatMap((node) => replaced(node, (name) => producers.get(name ?? "")) ?? [node]);
}

type Producer = (name: string | undefined) => NodeProto | undefined;

/** The two nodes that the last Mul of the pattern stands for. */
function replaced(node: NodeProto, producer: Producer): NodeProto[] | undefined {
  if (node.opType !== "Mul" || node.input?.length !== 2) return undefined;
  const [a, b] = node.input as [string, string];
  return matched(node, a, b, producer) ?? matched(node, b, a, producer);
}

function matched(node: NodeProto, product: string, scales: string, producer: Producer): NodeProto[] | undefined {
  const cast = producer(product), integer = cast?.opType === "Cast" ? producer(cast.input?.[0]) : undefined, form = floatOf[integer?.opType ?? ""];
  const quantize = producer(integer?.input?.[0]), weightScale = otherFactor(producer(scales), quantize?.output?.[1]);
  if (!integer || !form || quantize?.opType !== "DynamicQuantizeLinear" || !quantize.input?.length || !weightScale || integer.input?.[2] !== quantize.output?.[2])
    return undefined;
  const weights = `${node.output?.[0]} weights`, zero = integer.input?.[3];
  return [
    { opType: "DequantizeLinear", name: weights, input: [integer.input![1]!, weightScale, ...(zero ? [zero] : [])], output: [weights], attribute: [{ name: "axis", i: form.axis, type: 2 }] },
    { opType: form.op, name: integer.name ?? "", input: [quantize.input[0]!, weights], output: node.output ?? [], attribute: integer.attribute ?? [] },
  ];
}

/** The other input of a Mul that has `factor` as one. */
function otherFactor(node: NodeProto | undefined, factor: string | undefined): string | undefined {
  if (node?.opType !== "Mul" || !factor || !node.input?.includes(factor)) return undefined;
  return node.input.find((name) => name !== factor);
}
