/** quantize, dequantize, requantize and lut. */
import { bytesOf, sizeOf, type Node, type Tensor } from "../ir/graph.ts";
import type { LoweringContext, Params } from "./context.ts";
import { perTensorOf, rounded } from "./multipliers.ts";

export function quantize(node: Node<"quantize">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  c.call(rounded(c, "quantize"), { x: c.at(x), y: c.at(y), ...integersOf(c.tensor(y)) }, ["y"]);
}

export function dequantize(node: Node<"dequantize">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  c.call("dequantize", { x: c.at(x), y: c.at(y), ...integersOf(c.tensor(x)) }, ["y"]);
}

/** Fields of Quantize for the integers of `t`. */
function integersOf(t: Tensor): Params {
  const { scale, zeroPoint } = perTensorOf(t), bytes = bytesOf(t.dtype), flip = t.dtype.startsWith("u") ? 2 ** (8 * bytes - 1) : 0;
  return { n: sizeOf(t.shape), bytes, flip, zero: zeroPoint - flip, scale };
}
