/** resample → resampleF32: the taps of every output index as tables. */
import { around } from "../ir/eval/strides.ts";
import { sizeOf, type Node } from "../ir/graph.ts";
import type { LoweringContext } from "./context.ts";

export function resample(node: Node<"resample">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], { axis, taps, indices, weights } = node.attributes, { outer, size, inner } = around(c.tensor(x).shape, axis);
  c.call("resampleF32", {
    x: c.at(x), i: c.constant(Int32Array.from(indices)), w: c.constant(Float32Array.from(weights)), y: c.at(y), outer, n: size, out: indices.length / taps, inner, taps,
  }, ["y"], sizeOf(c.tensor(y).shape) * taps);
}
