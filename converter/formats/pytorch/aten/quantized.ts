/**
 * quantized_decomposed: what PyTorch's quantizer (PT2E, torchao) leaves around operators. Static scales become those of
 * the graph; scales that are chosen from the data as they come (dynamic) are left to calibration.
 */
import type { GraphBuilder } from "../../../ir/builder.ts";
import { tensorOf, type DType, type Quantization } from "../../../ir/graph.ts";
import { axisOf, constantValue, rankOf, unary } from "../../onnx/write.ts";
import type { AtenNode, Operator } from "../aten-node.ts";
import { elementTypes, scalarTypes } from "../tensors.ts";

const ranges: Partial<Record<DType, [number, number]>> = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767], int32: [-(2 ** 31), 2 ** 31 - 1] };

function typeOf(n: AtenNode, g: GraphBuilder): DType {
  const dtype = elementTypes[scalarTypes[n.int("dtype", 2)] ?? ""]?.dtype;
  return dtype && ranges[dtype] ? dtype : g.fail(`it quantizes to ${dtype ?? "an unknown type"}, expected int8, uint8, int16 or int32`, "Quantize to int8.");
}

/** A number, or a constant of one element. */
function scalarOf(n: AtenNode, g: GraphBuilder, name: string): number {
  if (typeof n.get(name) === "number") return n.number(name);
  const known = constantValue(g, n.tensor(name));
  return known?.length === 1 ? known[0]! : g.fail(`its ${name} is computed, expected a constant`, "Export the model again.");
}

const perTensor = (n: AtenNode, g: GraphBuilder): Quantization =>
  positive(g, { scale: Float32Array.of(scalarOf(n, g, "scale")), zeroPoint: Int32Array.of(n.has("zero_point") ? scalarOf(n, g, "zero_point") : 0), axis: 0 });

function perChannel(n: AtenNode, g: GraphBuilder): Quantization {
  const known = (name: string) => constantValue(g, n.tensor(name)) ?? g.fail(`its ${name} are computed, expected constants`, "Export the model again."), scale = Float32Array.from(known("scales"));
  const zeroPoint = n.has("zero_points") ? Int32Array.from(known("zero_points")) : new Int32Array(scale.length), axis = axisOf(g, n.int("axis", 0), rankOf(g, n.tensor("input")));
  if (scale.length !== zeroPoint.length || scale.length !== g.shape(n.tensor("input"))[axis]) g.fail(`it has ${scale.length} scales for [${g.shape(n.tensor("input")).join(",")}]`, "", "ERR_OCTAVO_SHAPE");
  return positive(g, { scale, zeroPoint, axis });
}

const positive = (g: GraphBuilder, q: Quantization): Quantization =>
  q.scale.every((s) => s > 0 && s < Infinity) ? q : g.fail(`its scales are [${[...q.scale].slice(0, 4).join(",")}], expected numbers above 0`, "Export the model again.", "ERR_OCTAVO_FORMAT");

/** A range that is narrower than the type bounds the real values before. */
function quantize(n: AtenNode, g: GraphBuilder, quantization: Quantization): string {
  const dtype = typeOf(n, g), [least, most] = ranges[dtype]!, [low, high] = [n.number("quant_min", least), n.number("quant_max", most)], s = quantization.scale[0]!, z = quantization.zeroPoint[0]!;
  const narrow = low > least || high < most;
  if (narrow && quantization.scale.length > 1) g.fail(`its range is ${low} to ${high}, expected ${least} to ${most}`, "Quantize activations per tensor.");
  const x = narrow ? unary(g, "clip", n.tensor("input"), (low - z) * s, (high - z) * s) : n.tensor("input");
  return g.add("quantize", [x], {}, [], { dtype, quantization });
}

/** The integers of a constant get the scales that its dequantization names. */
function dequantize(n: AtenNode, g: GraphBuilder, quantization: Quantization): string {
  const q = n.tensor("input"), t = tensorOf(g.graph, q);
  if (t.dtype === "float32") return q;
  if (!t.data) return g.add("dequantize", [q], {});
  return g.add("dequantize", [g.constant(t.name, t.dtype, t.shape, t.data, quantization)], {});
}

/** The form for tensors, with numbers in their place: those of choose_qparams. The values pass as they are. */
const isDynamic = (n: AtenNode): boolean => n.target.endsWith(".tensor") && typeof n.get("scale") === "number";

export const quantizations: Record<string, Operator> = {
  choose_qparams: () => [1, 0], choose_qparams_symmetric: () => [1, 0],
  quantize_per_tensor: (n, g) => (isDynamic(n) ? n.tensor("input") : quantize(n, g, perTensor(n, g))),
  dequantize_per_tensor: (n, g) => (isDynamic(n) ? n.tensor("input") : dequantize(n, g, perTensor(n, g))),
  quantize_per_channel: (n, g) => quantize(n, g, perChannel(n, g)),
  dequantize_per_channel: (n, g) => dequantize(n, g, perChannel(n, g)),
};
