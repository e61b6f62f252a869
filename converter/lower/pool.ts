/** maxPool2d, averagePool2d → their kernels. */
import { sizeOf, type Node } from "../ir/graph.ts";
import type { LoweringContext } from "./context.ts";
import { windowFields } from "./conv.ts";

export function pool(node: Node<"maxPool2d"> | Node<"averagePool2d">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], { kernel, stride, dilation, pad, clamp: [lo, hi] } = node.attributes, shape = c.tensor(y).shape;
  const countIncludePad = Number(node.op === "averagePool2d" && node.attributes.countIncludePad);
  c.call(`${node.op}F32`, {
    ...windowFields({ x: c.tensor(x).shape, output: shape.slice(1, 3), kernel, stride, dilation, pad }), x: c.at(x), y: c.at(y), padBottom: pad[2]!, padRight: pad[3]!, countIncludePad, lo, hi,
  }, ["y"], sizeOf(shape) * sizeOf(kernel));
}
