/** maxPool2d, averagePool2d and reduceMean of int8. */
import { OctavoError } from "../ir/error.ts";
import { sizeOf, type Node } from "../ir/graph.ts";
import type { LoweringContext, Params } from "./context.ts";
import { integerBounds, perTensorOf } from "./multipliers.ts";

export function pool(node: Node<"maxPool2d" | "averagePool2d">, c: LoweringContext): void {
  const { attributes: a } = node, [x, y] = [node.inputs[0]!, node.outputs[0]!], from = perTensorOf(c.tensor(x)), to = perTensorOf(c.tensor(y));
  const same = from.scale === to.scale && from.zeroPoint === to.zeroPoint, countIncludePad = node.op === "averagePool2d" && node.attributes.countIncludePad;
  if (node.op === "maxPool2d" && !same) throw new OctavoError("ERR_OCTAVO_DTYPE", "input and output have different scales, expected one.");
  const [N, H, W, C] = c.tensor(x).shape as [number, number, number, number], [, OH, OW] = c.tensor(y).shape as [number, number, number, number];
  const mean = c.rounding === "tflite" && same && !countIncludePad ? "averagePool2dI8Tflite" : "averagePool2dI8";
  c.call(node.op === "maxPool2d" ? "maxPool2dI8" : mean, {
    ...windowOf(a, [N, H, W, C], OH, OW), x: c.at(x), y: c.at(y), padBottom: a.pad[2]!, padRight: a.pad[3]!, countIncludePad: Number(countIncludePad),
    zx: from.zeroPoint, zy: to.zeroPoint, ...integerBounds(c.tensor(y), a.clamp), scale: from.scale / to.scale,
  }, ["y"], sizeOf(c.tensor(y).shape) * a.kernel[0]! * a.kernel[1]!);
}

const windowOf = (a: Node<"maxPool2d">["attributes"], [N, H, W, C]: number[], OH: number, OW: number): Params => ({
  N: N!, H: H!, W: W!, C: C!, OH, OW, KH: a.kernel[0]!, KW: a.kernel[1]!, strideH: a.stride[0]!, strideW: a.stride[1]!,
  dilationH: a.dilation[0]!, dilationW: a.dilation[1]!, padTop: a.pad[0]!, padLeft: a.pad[1]!,
});
