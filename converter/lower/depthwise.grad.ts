/** Gradients of depthwise convolutions. */
import { sizeOf, type Node } from "../ir/graph.ts";
import { accumulatorOf } from "./accumulator.ts";
import type { LoweringContext } from "./context.ts";
import { turnedTaps, windowFields } from "./conv.ts";
import { paddedTo8 } from "./gates.ts";

/** One filter per channel; w [O,KH,KW,C/groups] */
export const isDepthwise = ([O, , , Cg]: readonly number[], groups: number): boolean => Cg === 1 && O === groups;

export function depthwiseWeightGrad(node: Node<"conv2dWeightGrad">, c: LoweringContext): void {
  const [acc, x, dy] = node.inputs as [string, string, string], dw = node.outputs[0]!, kernel = c.tensor(acc).shape.slice(1, 3), output = c.tensor(dy).shape;
  c.call("depthwiseWeightGrad", {
    ...windowFields({ ...node.attributes, x: c.tensor(x).shape, output: output.slice(1, 3), kernel }), x: c.at(x), dy: c.at(dy), dw: accumulatorOf(c, acc, dw), t: c.scratch(4 * sizeOf(kernel) * paddedTo8(output[3]!)),
  }, ["dw"], sizeOf(output) * sizeOf(kernel));
}

/** With stride 1 a depthwise convolution of dy with its taps in reverse. */
export function depthwiseInputGrad(node: Node<"conv2dInputGrad">, c: LoweringContext): void {
  const [dy, w] = node.inputs as [string, string], dx = node.outputs[0]!, { stride, dilation, pad } = node.attributes;
  const [C, ...kernel] = c.tensor(w).shape.slice(0, 3) as [number, number, number], output = c.tensor(dy).shape, image = c.tensor(dx).shape, work = sizeOf(output) * sizeOf(kernel);
  if (stride.some((s) => s > 1)) {
    const fields = windowFields({ x: image, output: output.slice(1, 3), kernel, stride, dilation, pad });
    return c.call("depthwiseInputGrad", { ...fields, dy: c.at(dy), w: turnedTaps(c, w, C, sizeOf(kernel), false), dx: c.at(dx) }, ["dx"], work);
  }
  const fields = windowFields({ x: output, output: image.slice(1, 3), kernel, stride, dilation, pad: [0, 1].map((axis) => dilation[axis]! * (kernel[axis]! - 1) - pad[axis]!) });
  c.call("depthwiseF32", { ...fields, x: c.at(dy), w: turnedTaps(c, w, C, sizeOf(kernel), true), b: c.constant(new Float32Array(C)), y: c.at(dx), lo: -Infinity, hi: Infinity }, ["y"], work);
}
