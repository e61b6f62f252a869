/** Operators that move values have one scale: an input of another one is requantized before them, unsigned ones of a concatenation as TFLite does it. */
import { freshName, isConstant, tensorOf, type Graph, type Node, type Quantization, type Tensor } from "../ir/graph.ts";
import { activationInputs, keepsScale } from "./integer-ops.ts";
import { dequantizeConstant, isQuantized } from "./float-islands.ts";
import { quantizeValues, type ActivationType } from "./integers.ts";

export function matchScales(graph: Graph, exact: boolean): void {
  graph.nodes = graph.nodes.flatMap((node) => {
    const y = keepsScale(node) ? tensorOf(graph, node.outputs[0]!) : undefined;
    if (!y || !isQuantized(y)) return [node];
    const before: Node[] = [], inputs = [...node.inputs];
    const change = exact && node.op === "concat" && y.quantization!.unsigned ? joined : requantized;
    for (const i of activationInputs(node)) inputs[i] = matched(graph, tensorOf(graph, inputs[i]!), y, before, change);
    return [...before, { ...node, inputs } as Node];
  });
}

/** The name of x in the integers of y. */
function matched(graph: Graph, x: Tensor, y: Tensor, before: Node[], change: typeof requantized): string {
  if (!isQuantized(x) || sameQuantization(x, y)) return x.name;
  const name = freshName(graph, `${x.name} requantized`), like = { name, dtype: y.dtype, shape: x.shape, quantization: y.quantization! };
  if (isConstant(graph, x.name)) graph.tensors.set(name, { ...like, data: quantizeValues(dequantizeConstant(x), y.quantization!, y.dtype as ActivationType) });
  else {
    graph.tensors.set(name, like);
    before.push(change(graph, x, like));
  }
  return name;
}

const requantized = (_: Graph, x: Tensor, y: Tensor): Node => ({ op: "requantize", name: `${y.name} requantize`, inputs: [x.name], outputs: [y.name], attributes: {} });

/** A table of what float32 makes of the unsigned integers. Source: TFLite reference/concatenation.h ConcatenationWithScaling. */
function joined(graph: Graph, x: Tensor, y: Tensor): Node {
  const f = Math.fround, [from, to] = [x.quantization!, y.quantization!], scale = f(from.scale[0]! * f(1 / to.scale[0]!)), bias = f(-(from.zeroPoint[0]! + 128) * scale);
  const away = (v: number) => Math.sign(v) * Math.floor(Math.abs(v) + 0.5), value = (q: number) => away(f(f(q * scale) + bias)) + to.zeroPoint[0]!, name = freshName(graph, `${y.name} table`);
  graph.tensors.set(name, { name, dtype: "int8", shape: [256], data: Int8Array.from({ length: 256 }, (_, q) => Math.max(-128, Math.min(127, value(q)))) });
  return { op: "lut", name: `${y.name} lut`, inputs: [x.name, name], outputs: [y.name], attributes: {} };
}

export const sameQuantization = (a: Tensor, b: Tensor): boolean =>
  a.dtype === b.dtype && sameScales(a.quantization!, b.quantization!);

const sameScales = (a: Quantization, b: Quantization) =>
  a.scale.length === b.scale.length && a.scale.every((s, i) => s === b.scale[i]) && a.zeroPoint.every((z, i) => z === b.zeroPoint[i]);
