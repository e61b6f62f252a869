/** softmax and logSoftmax of int8: exponentials by table. */
import { around } from "../ir/eval/strides.ts";
import type { Node } from "../ir/graph.ts";
import type { LoweringContext } from "./context.ts";
import { softmax16 } from "./functions.i16.ts";
import { expOnNegative, roundedHigh, saturated } from "./gemmlowp.ts";
import { perTensorOf, quantizeMultiplier } from "./multipliers.ts";

export function softmax(node: Node<"softmax" | "logSoftmax">, c: LoweringContext): void {
  if (node.op === "softmax" && c.tensor(node.inputs[0]!).dtype === "int16") return softmax16(node, c);
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], from = perTensorOf(c.tensor(x)), to = perTensorOf(c.tensor(y));
  const { outer, size, inner } = around(c.tensor(x).shape, node.attributes.axis);
  const exact = c.rounding === "tflite" && node.op === "softmax" && to.scale === 1 / 256 && to.zeroPoint === -128;
  c.call(exact ? "softmaxI8Tflite" : node.op === "softmax" ? "softmaxI8" : "logSoftmaxI8", {
    x: c.at(x), e: c.constant(exact ? fixedExponentials(from.scale) : exponentials(from.scale)), y: c.at(y),
    outer, n: size, inner, zy: to.zeroPoint, scale: to.scale, step: from.scale / to.scale,
  }, ["y"]);
}

/** e^(−d · scale) */
const exponentials = (scale: number) => Float32Array.from({ length: 256 }, (_, d) => Math.exp(-d * scale));

const INTEGER_BITS = 5;

/** The same in Q0.31 by gemmlowp; 0 beyond its range. Source: TFLite softmax.cc, reference/softmax.h. */
function fixedExponentials(scale: number): Int32Array {
  const { multiplier, shift } = quantizeMultiplier(Math.min(scale * 2 ** (31 - INTEGER_BITS), 2 ** 31 - 1));
  const farthest = Math.floor(((2 ** INTEGER_BITS - 1) * 2 ** (31 - INTEGER_BITS)) / 2 ** shift);
  return Int32Array.from({ length: 256 }, (_, d) => (d > farthest ? 0 : expOnNegative(roundedHigh(saturated(-d * 2 ** shift), multiplier), INTEGER_BITS)));
}
