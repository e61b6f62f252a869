/**
 * dequantize → operator → quantize becomes the operator on integers, with the scales of the two; operators that only
 * move values let a dequantize pass. Weights and biases that come dequantized stay the integers they were.
 */
import { consumersIn, freshName, isConstant, tensorOf, type Graph, type Node, type Tensor, type TypedArray } from "../ir/graph.ts";
import { ConstantQuantizer } from "./constants.ts";
import { dequantizeConstant, isQuantized } from "./float-islands.ts";
import { recoverGrid } from "./grid.ts";
import { activationInputs, fitsZeroPoints, hasIntegerKernel, keepsScale } from "./integer-ops.ts";
import type { ActivationType } from "./integers.ts";
import { sameQuantization } from "./match-scales.ts";

/** Rewrites `graph`, whose unsigned tensors are signed already. */
export function fuseQdq(graph: Graph): void {
  const fusion = new Fusion(graph);
  for (const node of graph.nodes) fusion.take(node);
  graph.nodes = fusion.nodes;
}

/** Quantizers leave their states and gates in float. */
const recurrent = new Set<string>(["lstm", "gru", "rnn"]);

class Fusion {
  nodes: Node[] = [];
  private readonly graph: Graph;
  private readonly consumers: ReturnType<typeof consumersIn>;
  private readonly constants: Record<ActivationType, ConstantQuantizer>;
  /** The integers behind a dequantized tensor. */
  private readonly integers = new Map<string, string>();
  /** Integer tensors that another one replaces. */
  private readonly renamed = new Map<string, string>();
  /** Integer tensors that a fused operator writes: their quantize is gone. */
  private readonly written = new Set<string>();

  constructor(graph: Graph) {
    this.graph = graph;
    this.consumers = consumersIn(graph);
    const constants = (type: ActivationType) => new ConstantQuantizer(graph, { type, weightBits: 8, clip: recoverGrid });
    this.constants = { int8: constants("int8"), int16: constants("int16") };
  }

  take(original: Node): void {
    const node = { ...original, inputs: original.inputs.map((i) => this.renamed.get(i) ?? i) } as Node;
    if (node.op === "quantize" && this.written.has(node.outputs[0]!)) return;
    if (node.op === "quantize" && this.unwrap(node)) return;
    if (node.op === "dequantize") this.integers.set(node.outputs[0]!, node.inputs[0]!);
    if (!this.fuse(node) && !this.pass(node)) this.nodes.push(node);
  }

  /** quantize(dequantize(q)) is q, or q in other integers. */
  private unwrap(node: Node): boolean {
    const q = this.integers.get(node.inputs[0]!), y = node.outputs[0]!;
    if (!q) return false;
    const same = sameQuantization(tensorOf(this.graph, q), tensorOf(this.graph, y));
    if (same && !this.isEnd(y)) this.renamed.set(y, q);
    else this.nodes.push({ op: "requantize", name: node.name, inputs: [q], outputs: [y], attributes: {} });
    return true;
  }

  /** The operator on integers, where its activations come dequantized and all its readers quantize alike. */
  private fuse(node: Node): boolean {
    const y = this.quantizedAs(node.outputs[0]!), type = y?.dtype as ActivationType;
    if (!y || node.outputs.slice(1).some(Boolean) || recurrent.has(node.op) || !hasIntegerKernel(this.described(node), this.graph, type)) return false;
    const inputs = activationInputs(node).map((i) => this.activation(node.inputs[i]!, type));
    if (!inputs.every((i) => i && tensorOf(this.graph, i).dtype === type) || !inputs.some((i) => !isConstant(this.graph, i!))) return false;
    if (!fitsZeroPoints(node, [y, ...inputs.map((i) => tensorOf(this.graph, i!))])) return false;
    const rewritten = [...node.inputs];
    activationInputs(node).forEach((at, k) => { rewritten[at] = inputs[k]!; });
    if (node.op === "conv2d" || node.op === "convTranspose2d" || node.op === "dense") rewritten.splice(1, 2, ...this.weights(node, tensorOf(this.graph, inputs[0]!), type));
    this.nodes.push({ ...node, inputs: rewritten, outputs: [y.name] } as Node);
    for (const { outputs: [q] } of this.consumers(node.outputs[0]!)) {
      this.written.add(q!);
      if (q !== y.name) this.renamed.set(q!, y.name);
    }
    return true;
  }

  /** The node with the float constants that its conditions look at. */
  private described(node: Node): Node {
    const inputs = node.inputs.map((i) => {
      const q = this.integers.get(i);
      return q && isConstant(this.graph, q) ? q : i;
    });
    return { ...node, inputs } as Node;
  }

  /** The common integers that all readers of a tensor make of it. */
  private quantizedAs(name: string): Tensor | undefined {
    const readers = name ? this.consumers(name) : [], outputs = readers.map((r) => tensorOf(this.graph, r.outputs[0]!));
    if (!readers.length || this.isEnd(name) || readers.some((r) => r.op !== "quantize")) return undefined;
    if (outputs.slice(1).some((o) => !sameQuantization(o, outputs[0]!) || this.isEnd(o.name))) return undefined;
    return outputs[0];
  }

  private activation(name: string, type: ActivationType): string | undefined {
    const q = this.integers.get(name);
    if (q) return tensorOf(this.graph, q).quantization!.scale.length === 1 ? q : undefined;
    const tensor = tensorOf(this.graph, name);
    return tensor.data && tensor.dtype === "float32" ? this.constants[type].activation(name) : undefined;
  }

  private weights(node: Node, x: Tensor, type: ActivationType): [string, string] {
    const [, w, b = ""] = node.inputs as [string, string, string?], given = this.integers.get(w), make = this.constants[type];
    const symmetric = given && isQuantized(tensorOf(this.graph, given)) && tensorOf(this.graph, given).quantization!.zeroPoint.every((z) => z === 0);
    if (!symmetric) return make.weightsAndBias(x.quantization!, this.asFloat(w), b && this.asFloat(b));
    const weights = given, integers = b && this.integers.get(b);
    return [weights, !b ? "" : integers && fits(tensorOf(this.graph, integers), x, tensorOf(this.graph, weights)) ? this.biasFor(integers, type) : this.bias(this.asFloat(b), x, weights, type)];
  }

  /** Sums of int16 activations need 64 bits, and so does what is added to them. */
  private biasFor(name: string, type: ActivationType): string {
    if (type === "int8") return name;
    const tensor = tensorOf(this.graph, name), wide = freshName(this.graph, `${name} int64`);
    this.graph.tensors.set(wide, { ...tensor, name: wide, dtype: "int64", data: Float64Array.from(tensor.data!) });
    return wide;
  }

  private bias(name: string, x: Tensor, weights: string, type: ActivationType): string {
    return this.constants[type].bias(tensorOf(this.graph, name) as Tensor & { data: TypedArray }, x.quantization!, weights);
  }

  /** A float constant of the value of a dequantized one. */
  private asFloat(name: string): string {
    const q = this.integers.get(name);
    if (!q) return name;
    const tensor = tensorOf(this.graph, q), float = freshName(this.graph, `${q} float`);
    this.graph.tensors.set(float, { name: float, dtype: "float32", shape: tensor.shape, data: dequantizeConstant(tensor) });
    return float;
  }

  /** A mover of dequantized values moves the integers; the dequantize follows it. */
  private pass(node: Node): boolean {
    const inputs = activationInputs(node).map((i) => this.integers.get(node.inputs[i]!)), first = inputs[0] && tensorOf(this.graph, inputs[0]);
    if (!first || first.quantization!.scale.length !== 1 || !this.movesOnly(node) || inputs.some((i) => !i || !sameQuantization(tensorOf(this.graph, i), first))) return false;
    if (inputs.every((i) => isConstant(this.graph, i!)) && node.op !== "gather") return false;
    const float = node.outputs[0]!, moved = freshName(this.graph, `${float} ${first.dtype}`), rewritten = [...node.inputs];
    this.graph.tensors.set(moved, { name: moved, dtype: first.dtype, shape: tensorOf(this.graph, float).shape, quantization: first.quantization! });
    activationInputs(node).forEach((at, k) => { rewritten[at] = inputs[k]!; });
    this.nodes.push({ ...node, inputs: rewritten, outputs: [moved] } as Node);
    this.nodes.push({ op: "dequantize", name: `${float} dequantize`, inputs: [moved], outputs: [float], attributes: {} });
    this.integers.set(float, moved);
    return true;
  }

  /** Every result is one of the inputs' values, or a zero. */
  private movesOnly(node: Node): boolean {
    if (!keepsScale(node) || !hasIntegerKernel(this.described(node), this.graph, "int8")) return false;
    if (node.op === "pad") return node.attributes.mode !== "constant" || node.attributes.value === 0;
    return node.op !== "maxPool2d" || node.attributes.clamp.every((v) => Math.abs(v) === Infinity);
  }

  private isEnd(name: string): boolean {
    return this.graph.outputs.includes(name) || this.graph.states.some((s) => s.output === name);
  }
}

/** int32 in steps of input scale · weight scale. */
function fits(bias: Tensor, x: Tensor, weights: Tensor): boolean {
  const sx = x.quantization!.scale[0]!, sb = bias.quantization!.scale;
  return bias.dtype === "int32" && weights.quantization!.scale.every((sw, c) => Math.abs(sb[sb.length === 1 ? 0 : c]! / (sx * sw) - 1) < 1e-5);
}
