/** fakeQuant, fakeQuantRows → their kernels; withRows → a copy into the weights. */
import { sizeOf, type Node } from "../ir/graph.ts";
import { accumulatorOf } from "./accumulator.ts";
import type { LoweringContext } from "./context.ts";
import { copyStrided, copyTensor } from "./move.ts";

export function fakeQuant(node: Node<"fakeQuant">, c: LoweringContext): void {
  const [x, s] = node.inputs as [string, string?], y = node.outputs[0]!, { scale, zeroPoint, lo, hi } = node.attributes;
  c.inherit(y, x);
  const common = { x: c.at(x), y: c.at(y), n: sizeOf(c.tensor(y).shape), lo: lo - zeroPoint, hi: hi - zeroPoint };
  if (s) c.call("fakeQuantBy", { ...common, s: c.at(s) }, ["y"]);
  else c.call("fakeQuant", { ...common, scale }, ["y"]);
}

export function observe(node: Node<"observe">, c: LoweringContext): void {
  const [acc, x] = node.inputs as [string, string], { zeroPoint, lo, hi } = node.attributes;
  c.call("observe", { x: c.at(x), peak: accumulatorOf(c, acc, node.outputs[0]!), n: sizeOf(c.tensor(x).shape), lo: lo - zeroPoint, hi: hi - zeroPoint }, ["peak"]);
}

export function fakeQuantRows(node: Node<"fakeQuantRows">, c: LoweringContext): void {
  const [w, scale] = node.inputs as [string, string], y = node.outputs[0]!, shape = c.tensor(w).shape, O = shape[0]!;
  c.call("fakeQuantRows", { w: c.at(w), scale: c.at(scale), y: c.at(y), O, K: sizeOf(shape) / O, limit: node.attributes.limit }, ["y"]);
}

export function withRows(node: Node<"withRows">, c: LoweringContext): void {
  const [w, rows] = node.inputs as [string, string], y = node.outputs[0]!, { shape } = c.tensor(rows), n = sizeOf(shape), strides = [1];
  c.inherit(y, w);
  if (!c.lies(y, w, 0)) copyTensor(c, w, y);
  copyStrided(c, [n], 4, { at: c.at(rows), strides }, { at: c.at(y), start: node.attributes.first * (n / shape[0]!), strides });
}
