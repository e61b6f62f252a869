/** Gradients of pools → their kernels. */
import { sizeOf, type Node } from "../ir/graph.ts";
import type { LoweringContext } from "./context.ts";
import { windowFields } from "./conv.ts";

export function maxPool2dGrad(node: Node<"maxPool2dGrad">, c: LoweringContext): void {
  const [x, y, dy] = node.inputs as [string, string, string], dx = node.outputs[0]!, { kernel } = node.attributes, windows = c.tensor(y).shape;
  c.call("maxPool2dGrad", { ...windowFields({ ...node.attributes, x: c.tensor(x).shape, output: windows.slice(1, 3) }), x: c.at(x), y: c.at(y), dy: c.at(dy), dx: c.at(dx) }, ["dx"], sizeOf(windows) * sizeOf(kernel));
}

export function averagePool2dGrad(node: Node<"averagePool2dGrad">, c: LoweringContext): void {
  const dy = node.inputs[0]!, dx = node.outputs[0]!, { kernel, pad, countIncludePad } = node.attributes, windows = c.tensor(dy).shape;
  c.call("averagePool2dGrad", {
    ...windowFields({ ...node.attributes, x: c.tensor(dx).shape, output: windows.slice(1, 3) }), dy: c.at(dy), dx: c.at(dx), padBottom: pad[2]!, padRight: pad[3]!, countIncludePad: Number(countIncludePad),
  }, ["dx"], sizeOf(windows) * sizeOf(kernel));
}
