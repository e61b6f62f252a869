/**
 * Layers of float activations and int8 weights as TFLite computes them: each row of x, or each sample of an image, becomes
 * int8 in every run, and the sums of integers are scaled back.
 *   y = b + (Σ w · q − z · Σ w) · scale · sw, rounded after each of these steps in float32
 * Source: TFLite fully_connected.cc, conv.cc, depthwise_conv.cc, batch_matmul.cc, portable_tensor_utils.cc.
 */
import { noClamp } from "../ir/ops.ts";
import { sizeOf, tensorOf, type Graph, type Node, type Tensor } from "../ir/graph.ts";
import { dequantizeConstant } from "./float-islands.ts";
import { dynamicIntegers, type Integers } from "./dynamic-integers.ts";
import { plain, Writer } from "./writer.ts";

type Layer = Node<"dense"> | Node<"conv2d"> | Node<"convTranspose2d">;

/** So many products of int8 add up exactly in float32, and so many with 9 bits on one side. */
const MOST_EXACT = 1024, MOST_EXACT_LESS_ZERO = 512;
/** Of sums in int32; columns of the zero point are as many as those of x at most. */
const LONGEST_SUM = 16384;
const MOST = 127;

/** Rewrites `graph`: what is too long a sum becomes the float layer. */
export function exactHybrid(graph: Graph): void {
  const isLayer = (node: Node): node is Layer => ["dense", "conv2d", "convTranspose2d"].includes(node.op);
  if (!graph.nodes.some((n) => isLayer(n) && n.attributes.hybrid)) return;
  graph.nodes = graph.nodes.flatMap((node) => {
    if (!isLayer(node)) return [node];
    return (node.attributes.hybrid ? written(graph, node) : biasLast(graph, node)) ?? [asFloat(graph, node)];
  });
}

/** Float layers beside them add their bias to the whole sum. Source: TFLite reference/conv.h, fully_connected.h. */
function biasLast(graph: Graph, node: Layer): Node[] {
  const [x, weights, bias] = node.inputs as [string, string, string?], y = node.outputs[0]!;
  if (!bias || tensorOf(graph, y).dtype !== "float32" || tensorOf(graph, weights).dtype !== "float32") return [node];
  const w = new Writer(graph, "hybrid"), sums = product(w, node, x, weights, { ...node.attributes, clamp: noClamp });
  w.binary("add", sums, bias, node.attributes.clamp);
  return w.finish(y);
}

function asFloat(graph: Graph, node: Layer): Node {
  const { hybrid: _, ...attributes } = node.attributes, w = new Writer(graph, "hybrid"), weights = tensorOf(graph, node.inputs[1]!);
  return { ...node, inputs: [node.inputs[0]!, w.constant(dequantizeConstant(weights), weights.shape), ...node.inputs.slice(2)], attributes } as Node;
}

function written(graph: Graph, node: Layer): Node[] | undefined {
  const [x, weights, bias] = node.inputs as [string, string, string?], w = new Writer(graph, "hybrid"), tensor = tensorOf(graph, weights), rank = w.shape(x).length;
  const grouped = node.op === "conv2d" && node.attributes.groups > 1, inFloat = grouped || node.op === "convTranspose2d", length = sizeOf(tensor.shape.slice(1));
  if (length > (grouped ? MOST_EXACT_LESS_ZERO : LONGEST_SUM / 2)) return undefined;
  const axes = node.op === "dense" ? [rank - 1] : [1, 2, 3], q = dynamicIntegers(w, padded(w, node, x, inFloat), axes, node.attributes.hybrid !== "symmetric");
  const sums = inFloat ? floatSums(w, node, q, tensor) : wholeSums(w, node, q, tensor);
  scaled(w, node, sums, q.scale, tensor, bias);
  return w.finish(node.outputs[0]!);
}

/** A convolution of integers has no padding of its own. */
function padded(w: Writer, node: Layer, x: string, inFloat: boolean): string {
  if (node.op === "dense" || inFloat || !node.attributes.pad.some(Boolean)) return x;
  const [top, left, bottom, right] = node.attributes.pad as [number, number, number, number], before = [0, top, left, 0], after = [0, bottom, right, 0];
  return w.add("pad", [x], { before, after, mode: "constant", value: 0 }, w.shape(x).map((d, a) => d + before[a]! + after[a]!));
}

/** Of few products each: in float, the zero point taken from x, so that padding is zeros. */
function floatSums(w: Writer, node: Layer, { q, zero }: Integers, weights: Tensor): string {
  const real = w.add("dequantize", [q], {}, w.shape(q)), { hybrid: _, ...attributes } = node.attributes;
  return product(w, node, zero ? w.binary("sub", real, zero) : real, w.constant(Float32Array.from(weights.data!), weights.shape), { ...attributes, clamp: noClamp });
}

/** Integers times integers. A zero point takes z · Σ w from the sum: as float where both are exact, else as columns of z. */
function wholeSums(w: Writer, node: Layer, { q, zero }: Integers, weights: Tensor): string {
  const { hybrid: _, ...attributes } = node.attributes, at = { ...attributes, ...(node.op === "conv2d" && { pad: [0, 0, 0, 0] }), clamp: noClamp }, sums = rowSums(weights);
  const integers = (data: Int8Array, shape: number[]) => w.constant(data, shape, "int8", plain());
  if (!zero || sizeOf(weights.shape.slice(1)) <= MOST_EXACT) {
    const all = product(w, node, q, integers(weights.data as Int8Array, weights.shape), at);
    return zero ? w.binary("sub", all, w.binary("mul", zero, w.constant(Float32Array.from(sums), [sums.length]))) : all;
  }
  const { data, shape, columns } = withColumns(weights), z = w.add("quantize", [zero], {}, w.shape(zero), "int8", plain()), like = [...w.shape(q).slice(0, -1), columns];
  const joined = w.add("concat", [q, w.add("expand", [z], { shape: like }, like, "int8", plain())], { axis: like.length - 1 }, [...like.slice(0, -1), shape.at(-1)!], "int8", plain());
  return product(w, node, joined, integers(data, shape), at);
}

/** Under the layer's own name. */
function product(w: Writer, node: Layer, x: string, weights: string, attributes: object): string {
  return w.add(node.op, [x, weights], attributes as never, w.shape(node.outputs[0]!), "float32", undefined, `${node.name} sums`);
}

/** [O] */
function rowSums({ data, shape }: Tensor): number[] {
  const K = sizeOf(shape.slice(1));
  return Array.from({ length: shape[0]! }, (_, o) => (data as Int8Array).subarray(o * K, (o + 1) * K).reduce((a, b) => a + b, 0));
}

/** Weights [...,C] with as many channels more as the negative sum over C of every tap needs. */
function withColumns({ data, shape }: Tensor): { data: Int8Array; shape: number[]; columns: number } {
  const C = shape.at(-1)!, taps = sizeOf(shape) / C, sums = rowSums({ data, shape: [taps, C] } as Tensor);
  const columns = Math.ceil(sums.reduce((most, s) => Math.max(most, Math.abs(s)), 1) / MOST), wide = C + columns;
  const all = new Int8Array(taps * wide);
  sums.forEach((sum, t) => {
    all.set((data as Int8Array).subarray(t * C, (t + 1) * C), t * wide);
    for (let k = 0, left = -sum; left !== 0; k++) {
      const part = Math.max(-MOST, Math.min(MOST, left));
      all[t * wide + C + k] = part;
      left -= part;
    }
  });
  return { data: all, shape: [...shape.slice(0, -1), wide], columns };
}

/** Sums by the scale of x and those of the weights, in the order of TFLite's kernels. */
function scaled(w: Writer, node: Layer, sums: string, scale: string, { quantization: q }: Tensor, bias: string | undefined): void {
  const { clamp, hybrid } = node.attributes, last = bias ? undefined : clamp, own = w.constant(q!.scale, [q!.scale.length]);
  const product = hybrid === "byChannel" ? w.binary("mul", w.binary("mul", sums, own), scale, last) : w.binary("mul", sums, w.binary("mul", scale, own), last);
  if (bias) w.binary("add", product, bias, clamp);
}
