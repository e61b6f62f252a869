/** gatherGrad → its kernel. */
import { sizeOf, type Node } from "../ir/graph.ts";
import { accumulatorOf } from "./accumulator.ts";
import type { LoweringContext } from "./context.ts";
import { indices } from "./gather.ts";

export function gatherGrad(node: Node<"gatherGrad">, c: LoweringContext): void {
  const [acc, i, dy] = node.inputs as [string, string, string], y = node.outputs[0]!, [V = 0, ...rest] = c.tensor(acc).shape, count = sizeOf(c.tensor(i).shape);
  const to = accumulatorOf(c, acc, y);
  if (count) c.call("gatherGrad", { acc: to, i: indices(c, i), dy: c.at(dy), V, count, E: sizeOf(rest) }, ["acc"], count * sizeOf(rest));
}
