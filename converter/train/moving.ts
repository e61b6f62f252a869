/**
 * Activations whose scales may move while a model is trained: a product writes them that is trained, if only in some channels, and
 * nobody else but wholly trained products reads them, or what hands them out as floats. `commit` derives what these hold from the
 * scale anew. Zero points stay.
 */
import { isQuantized } from "../ir/eval/quantize.ts";
import { tensorOf, type Graph, type Node, type Tensor } from "../ir/graph.ts";
import { noClamp, type Clamp } from "../ir/ops.ts";
import { integerBounds } from "../lower/multipliers.ts";
import { channelsOf, parameterName, type Choice } from "./parameters.ts";

/** By the name of the parameter that holds the scale: the tensors that have it, that of the product first. */
export type Moving = ReadonlyMap<string, string[]>;

const products = new Set<string>(["conv2d", "dense"]);
/** Their integers are those of their operand. */
const movers = new Set<string>(["reshape", "transpose", "maxPool2d"]);

/** @param choice layers that are trained */
export function movingScales(graph: Graph, choice: Choice): Moving {
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) for (const x of node.inputs) readers.set(x, [...(readers.get(x) ?? []), node]);
  const trained = (n: Node) => products.has(n.op) && choice.has(n.name);
  return new Map(graph.nodes.filter((n) => trained(n) && canMove(graph, n)).flatMap((n): [string, string[]][] => {
    const tensors = [n.outputs[0]!], all: Node[] = [];
    for (const x of tensors) for (const reader of readers.get(x) ?? []) {
      all.push(reader);
      if (moves(graph, reader, x)) tensors.push(reader.outputs[0]!);
    }
    const free = all.every((r) => r.op === "dequantize" || tensors.includes(r.outputs[0]!) || (trained(r) && !channelsOf(choice, r.name) && tensors.includes(r.inputs[0]!)));
    return free ? [[parameterName(n.name, "activation", 0), tensors]] : [];
  }));
}

/** Its integers reach from the zero point or the least one to the greatest, whatever the scale. */
function canMove(graph: Graph, { outputs, attributes }: Node): boolean {
  const y = tensorOf(graph, outputs[0]!), { clamp = noClamp } = attributes as { clamp?: Clamp };
  if (!isQuantized(y) || y.dtype !== "int8" || y.quantization.scale.length !== 1) return false;
  return (clamp[0] === 0 || clamp[0] === -Infinity) && integerBounds(y, clamp).hi === 127 && y.quantization.zeroPoint[0]! < 127;
}

function moves(graph: Graph, node: Node, x: string): boolean {
  const [from, to] = [tensorOf(graph, x), tensorOf(graph, node.outputs[0]!)], { clamp = noClamp } = node.attributes as { clamp?: Clamp };
  return movers.has(node.op) && clamp.every((v) => !Number.isFinite(v)) && gridOf(from) === gridOf(to);
}

const gridOf = ({ dtype, quantization: q }: Tensor): string => `${dtype} ${q?.scale.join()} ${q?.zeroPoint.join()}`;
