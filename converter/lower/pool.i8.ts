/** maxPool2d, averagePool2d and reduceMean of int8 and int16. */
import { OctavoError } from "../ir/error.ts";
import { stridesOf } from "../ir/eval/strides.ts";
import { bytesOf, sizeOf, type Node, type Tensor } from "../ir/graph.ts";
import { noClamp } from "../ir/ops.ts";
import type { LoweringContext, Operand, Params } from "./context.ts";
import { reduce } from "./lines.ts";
import { integerBounds, perTensorOf, quantizeMultiplier } from "./multipliers.ts";
import { stridedFields } from "./strided.ts";

export function pool(node: Node<"maxPool2d" | "averagePool2d">, c: LoweringContext): void {
  const { attributes: a } = node, [x, y] = [node.inputs[0]!, node.outputs[0]!], from = perTensorOf(c.tensor(x)), to = perTensorOf(c.tensor(y));
  const same = from.scale === to.scale && from.zeroPoint === to.zeroPoint, countIncludePad = node.op === "averagePool2d" && node.attributes.countIncludePad;
  if (node.op === "maxPool2d" && !same) throw new OctavoError("ERR_OCTAVO_DTYPE", "input and output have different scales, expected one.");
  const [N, H, W, C] = c.tensor(x).shape as [number, number, number, number], [, OH, OW] = c.tensor(y).shape as [number, number, number, number];
  const wide = c.tensor(x).dtype === "int16";
  if (wide && (!same || countIncludePad)) throw new OctavoError("ERR_OCTAVO_DTYPE", "an average of int16 has another scale than its input, or counts padding; expected neither.");
  const exact = c.rounding === "tflite" && same && !countIncludePad, mean = exact ? "averagePool2dI8Tflite" : "averagePool2dI8", stored = c.tensor(x).quantization!.unsigned ? -128 : 0;
  c.call(wide ? `${node.op}I16` : node.op === "maxPool2d" ? "maxPool2dI8" : mean, {
    ...windowOf(a, [N, H, W, C], OH, OW), x: c.at(x), y: c.at(y), padBottom: a.pad[2]!, padRight: a.pad[3]!, countIncludePad: Number(countIncludePad),
    zx: exact ? stored : from.zeroPoint, zy: exact ? stored : to.zeroPoint, ...integerBounds(c.tensor(y), a.clamp), scale: from.scale / to.scale, m: 0, r: 1,
  }, ["y"], sizeOf(c.tensor(y).shape) * a.kernel[0]! * a.kernel[1]!);
}

const windowOf = (a: Node<"maxPool2d">["attributes"], [N, H, W, C]: number[], OH: number, OW: number): Params => ({
  N: N!, H: H!, W: W!, C: C!, OH, OW, KH: a.kernel[0]!, KW: a.kernel[1]!, strideH: a.stride[0]!, strideW: a.stride[1]!,
  dilationH: a.dilation[0]!, dilationW: a.dilation[1]!, padTop: a.pad[0]!, padLeft: a.pad[1]!,
});

/** The mean over neighbouring axes is one window over [outer, n, 1, inner]; other axes are brought together first. */
export function mean(node: Node<"reduceMean">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], from = perTensorOf(c.tensor(x)), to = perTensorOf(c.tensor(y)), { shape } = c.tensor(x);
  const axes = node.attributes.axes.filter((a) => shape[a] !== 1).sort((a, b) => a - b), first = axes[0] ?? 0, n = sizeOf(axes.map((a) => shape[a]!));
  const together = axes.every((a, i) => a === first + i), outer = together ? sizeOf(shape.slice(0, first)) : 1, inner = sizeOf(shape) / n / outer;
  const bytes = bytesOf(c.tensor(x).dtype), exact = c.rounding === "tflite" ? meanFactor(from.scale / to.scale, n) : undefined;
  if (exact && exact.g > 1 && hasExactSums(c.tensor(x), n)) return rescaledSums(node, c, exact);
  c.call(bytes === 2 ? "meanI16Tflite" : exact?.g === 1 ? "meanI8Tflite" : "averagePool2dI8", {
    ...windowOf({ kernel: [n, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], clamp: noClamp }, [outer, n, 1, inner], 1, 1), x: together ? c.at(x) : axesInFront(c, x, axes), y: c.at(y),
    padBottom: 0, padRight: 0, countIncludePad: 0, zx: from.zeroPoint, zy: to.zeroPoint, ...integerBounds(c.tensor(y), noClamp), scale: from.scale / to.scale, m: exact?.m ?? 0, r: exact?.r ?? 1,
  }, ["y"], sizeOf(shape));
}

/** x with the axes in front. */
export function axesInFront(c: LoweringContext, x: string, axes: readonly number[]): Operand {
  const { shape } = c.tensor(x), perm = [...axes, ...shape.map((_, a) => a).filter((a) => !axes.includes(a))], strides = stridesOf(shape);
  const bytes = bytesOf(c.tensor(x).dtype), y = c.scratch(bytes * sizeOf(shape)), to = perm.map((a) => shape[a]!);
  c.call("copy", { x: c.at(x), y, bytes, ...stridedFields(to, { x: perm.map((a) => strides[a]!), y: stridesOf(to) }) }, ["y"]);
  return y;
}

interface Factor { m: number; r: number; g: number }

/** The multiplier over n, 2^(30 − its right shift) and 2^left. Source: TFLite reference/reduce.h QuantizedMeanOrSum. */
function meanFactor(real: number, n: number): Factor {
  const { multiplier, shift } = quantizeMultiplier(real), by = Math.min(Math.floor(Math.log2(n)), 32, 31 + shift), right = by - shift;
  return right > 30 ? { m: 0, r: 1, g: 1 } : { m: Math.floor((multiplier * 2 ** by) / n), r: 2 ** (30 - Math.max(0, right)), g: 2 ** Math.max(0, -right) };
}

/** Whether n elements less their zero point add up exactly in float32. */
const hasExactSums = (x: Tensor, n: number): boolean => n * (x.dtype === "int8" ? 255 : 32768) <= 2 ** 24;

/** A mean whose factor shifts left: the sums as int32, rescaled. */
function rescaledSums(node: Node<"reduceMean">, c: LoweringContext, { m, r, g }: Factor): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], from = c.tensor(x), to = c.tensor(y), n = sizeOf(to.shape);
  const real = c.temporary(from.shape), sums = c.temporary(to.shape), words = c.scratch(4 * n), whole = { flip: 0, scale: 1 };
  c.call("dequantize", { x: c.at(x), y: c.at(real), n: sizeOf(from.shape), bytes: bytesOf(from.dtype), zero: perTensorOf(from).zeroPoint, ...whole }, ["y"]);
  reduce({ ...node, op: "reduceSum", inputs: [real], outputs: [sums] }, c);
  c.call("quantize", { x: c.at(sums), y: words, n, bytes: 4, zero: 0, ...whole }, ["y"]);
  c.call("rescale", { x: words, y: c.at(y), n, from: 4, to: bytesOf(to.dtype), zx: 0, zy: perTensorOf(to).zeroPoint, ...integerBounds(to, noClamp), m1: m, r1: r, g1: g, m2: m, r2: r, g2: g }, ["y"]);
}
