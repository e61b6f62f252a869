/** accumulate, clampGrad → their kernels. */
import { sizeOf, type Node } from "../ir/graph.ts";
import { accumulatorOf } from "./accumulator.ts";
import type { LoweringContext } from "./context.ts";

export function accumulate(node: Node<"accumulate">, c: LoweringContext): void {
  const [acc, g] = node.inputs as [string, string], y = node.outputs[0]!;
  c.call("accumulate", { acc: accumulatorOf(c, acc, y), g: c.at(g), n: sizeOf(c.tensor(y).shape) }, ["acc"]);
}

export function clampGrad(node: Node<"clampGrad">, c: LoweringContext): void {
  const [v, dy] = node.inputs as [string, string], dx = node.outputs[0]!, { min, max } = node.attributes;
  c.inherit(dx, dy);
  c.call("clampGrad", { v: c.at(v), dy: c.at(dy), dx: c.at(dx), n: sizeOf(c.tensor(dx).shape), min, max }, ["dx"]);
}
