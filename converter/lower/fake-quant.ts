/** fakeQuant, fakeQuantRows → their kernels; withChannels → copies into its operand. */
import { sizeOf, type Node } from "../ir/graph.ts";
import { accumulatorOf } from "./accumulator.ts";
import type { LoweringContext } from "./context.ts";
import { copyStrided, copyTensor } from "./move.ts";
import { runsIn } from "../ir/runs.ts";

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

export function withChannels(node: Node<"withChannels">, c: LoweringContext): void {
  const [x, own] = node.inputs as [string, string], y = node.outputs[0]!, { channels } = node.attributes, C = c.tensor(x).shape.at(-1)!, n = channels.length, rows = sizeOf(c.tensor(x).shape) / C;
  c.inherit(y, x);
  if (!c.lies(y, x, 0)) copyTensor(c, x, y);
  for (const { first, count, at } of runsIn(channels)) copyStrided(c, [rows, count], 4, { at: c.at(own), start: at, strides: [n, 1] }, { at: c.at(y), start: first, strides: [C, 1] });
}
