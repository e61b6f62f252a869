/** Integers and booleans of the user ↔ the floats that kernels compute with. */
import { sizeOf, type Node } from "../ir/graph.ts";
import { dtypeNumber } from "../write/model-file.ts";
import type { LoweringContext } from "./context.ts";

export function cast(node: Node<"cast">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], from = c.tensor(x), to = c.tensor(y);
  c.call("cast", { x: c.at(x), y: c.at(y), n: sizeOf(to.shape), from: dtypeNumber[from.dtype], to: dtypeNumber[to.dtype] }, ["y"]);
}
