/**
 * dequantize → rows → columns → quantize of integers that the source has unsigned: TFLite weighs the stored ones in float, four
 * products and one half in this order. Source: TFLite reference/resize_bilinear.h.
 */
import { tensorOf, type Graph, type Node } from "../ir/graph.ts";
import type { Resize } from "./exact-resize.ts";
import { plain, Writer } from "./writer.ts";

export function resizeUnsigned(graph: Graph, { rows, columns, x, y }: Resize): Node[] {
  const w = new Writer(graph, "resize"), { shape } = tensorOf(graph, y), real = w.add("dequantize", [renamed(w, x)], {}, tensorOf(graph, x).shape);
  const halves = [0, 1].map((t) => picked(w, rows, real, t)), weights = [rows, columns].map((n) => [0, 1].map((t) => weightsOf(w, n, t, shape.length)));
  const product = (t: number, s: number) => w.binary("mul", w.binary("mul", picked(w, columns, halves[t]!, s), weights[0]![t]!), weights[1]![s]!);
  const sum = [product(1, 0), product(0, 1), product(1, 1)].reduce((a, b) => w.binary("add", a, b), product(0, 0));
  renamed(w, w.add("quantize", [w.unary("floor", w.unary("affine", sum, 1, 0.5))], {}, shape, "int8", plain(128)));
  return w.finish(y);
}

/** The same stored integers as themselves, 128 higher. */
function renamed(w: Writer, x: string): string {
  const table = w.constant(Int8Array.from({ length: 256 }, (_, i) => i - 128), [256], "int8");
  return w.add("lut", [x, table], {}, w.shape(x), "int8", plain(128));
}

/** x at tap `t` of every output index. */
function picked(w: Writer, { attributes: { axis, taps, indices } }: Node<"resample">, x: string, t: number): string {
  const at = indices.filter((_, k) => k % taps === t), shape = w.shape(x).map((d, a) => (a === axis ? at.length : d));
  return w.add("gather", [x, w.constant(Float64Array.from(at), [at.length], "int64")], { axis }, shape);
}

function weightsOf(w: Writer, { attributes: { axis, taps, weights } }: Node<"resample">, t: number, rank: number): string {
  const some = Float32Array.from(weights.filter((_, k) => k % taps === t));
  return w.constant(some, Array.from({ length: rank }, (_, a) => (a === axis ? some.length : 1)));
}
