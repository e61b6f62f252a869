/**
 * dequantize → rows → columns → quantize of integers that the source has unsigned: TFLite weighs the stored ones in float, four
 * products and one half in this order. Source: TFLite reference/resize_bilinear.h.
 */
import { freshName, tensorOf, type Graph, type Node, type Quantization, type TypedArray } from "../ir/graph.ts";
import { noClamp, type Attributes, type OpName } from "../ir/ops.ts";
import type { Resize } from "./exact-resize.ts";

/** The stored integers themselves, 128 lower. */
const plain: Quantization = { scale: Float32Array.of(1), zeroPoint: Int32Array.of(-128), axis: 0 };

export function resizeUnsigned(graph: Graph, { rows, columns, x, y }: Resize): Node[] {
  const w = new Writer(graph), shape = tensorOf(graph, y).shape, real = w.add("dequantize", [w.renamed(x)], {}, tensorOf(graph, x).shape);
  const halves = [0, 1].map((t) => picked(w, rows, real, t)), weights = [rows, columns].map((n) => [0, 1].map((t) => weightsOf(w, n, t, shape.length)));
  const product = (t: number, s: number) => w.times(w.times(picked(w, columns, halves[t]!, s), weights[0]![t]!), weights[1]![s]!);
  const sum = [product(1, 0), product(0, 1), product(1, 1)].reduce((a, b) => w.add("add", [a, b], { clamp: noClamp }, shape), product(0, 0));
  const whole = w.add("floor", [w.add("affine", [sum], { alpha: 1, beta: 0.5 }, shape)], { alpha: 0, beta: 0 }, shape);
  w.renamed(w.add("quantize", [whole], {}, shape, plain), y);
  return w.nodes;
}

/** x at tap `t` of every output index. */
function picked(w: Writer, { attributes: { axis, taps, indices } }: Node<"resample">, x: string, t: number): string {
  const at = indices.filter((_, k) => k % taps === t), shape = w.shape(x).map((d, a) => (a === axis ? at.length : d));
  return w.add("gather", [x, w.constant(Float64Array.from(at), [at.length], "int64")], { axis }, shape);
}

function weightsOf(w: Writer, { attributes: { axis, taps, weights } }: Node<"resample">, t: number, rank: number): string {
  const some = Float32Array.from(weights.filter((_, k) => k % taps === t));
  return w.constant(some, Array.from({ length: rank }, (_, a) => (a === axis ? some.length : 1)), "float32");
}

class Writer {
  readonly nodes: Node[] = [];
  private readonly graph: Graph;

  constructor(graph: Graph) {
    this.graph = graph;
  }

  shape = (name: string): number[] => tensorOf(this.graph, name).shape;

  constant(data: TypedArray, shape: number[], dtype: "int64" | "float32" | "int8"): string {
    const name = freshName(this.graph, "resize constant");
    this.graph.tensors.set(name, { name, dtype, shape, data });
    return name;
  }

  add<K extends OpName>(op: K, inputs: string[], attributes: Attributes<K>, shape: number[], quantization?: Quantization): string {
    const name = freshName(this.graph, `${inputs[0]} ${op}`);
    this.graph.tensors.set(name, { name, dtype: quantization ? "int8" : "float32", shape, ...(quantization && { quantization }) });
    this.nodes.push({ op, name, inputs, outputs: [name], attributes } as Node);
    return name;
  }

  times(a: string, b: string): string {
    const shape = this.shape(a).map((d, i) => Math.max(d, this.shape(b)[i]!));
    return this.add("mul", [a, b], { clamp: noClamp }, shape);
  }

  /** The same integers, which now mean others: a new tensor of plain ones, or `y`. */
  renamed(x: string, y?: string): string {
    const table = this.constant(Int8Array.from({ length: 256 }, (_, i) => i - 128), [256], "int8");
    if (!y) return this.add("lut", [x, table], {}, this.shape(x), plain);
    this.nodes.push({ op: "lut", name: `${y} lut`, inputs: [x, table], outputs: [y], attributes: {} });
    return y;
  }
}
