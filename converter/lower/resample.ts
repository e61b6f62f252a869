/** resample → resampleF32, of integers resampleTflite: the taps of every output index as tables. */
import { around } from "../ir/eval/strides.ts";
import { bytesOf, sizeOf, type Node } from "../ir/graph.ts";
import type { LoweringContext } from "./context.ts";

/** Rows of integers to sums in 1024ths, columns of those to integers again: see converter/quantize/exact-resize.ts. */
export function resampleIntegers(node: Node<"resample">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], { axis, taps, indices, weights } = node.attributes, { outer, size, inner } = around(c.tensor(x).shape, axis), to = bytesOf(c.tensor(y).dtype);
  c.call("resampleTflite", {
    x: c.at(x), i: c.constant(Int32Array.from(indices)), w: c.constant(Int32Array.from(weights, (w) => w * 1024)), y: c.at(y),
    outer, n: size, out: indices.length / taps, inner, taps, from: bytesOf(c.tensor(x).dtype), to, shift: to === 4 ? 0 : 20,
  }, ["y"], sizeOf(c.tensor(y).shape) * taps);
}

export function resample(node: Node<"resample">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], { axis, taps, indices, weights } = node.attributes, { outer, size, inner } = around(c.tensor(x).shape, axis);
  c.call("resampleF32", {
    x: c.at(x), i: c.constant(Int32Array.from(indices)), w: c.constant(Float32Array.from(weights)), y: c.at(y), outer, n: size, out: indices.length / taps, inner, taps,
  }, ["y"], sizeOf(c.tensor(y).shape) * taps);
}
