/**
 * Integers that stand for real numbers, real = scale · (q − zeroPoint). QLinear operators are their float forms between
 * `dequantize` and `quantize`; constants keep their integers. Where scales are activations the arithmetic is written out.
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf, tensorOf, type DType, type Quantization } from "../../ir/graph.ts";
import { noClamp } from "../../ir/ops.ts";
import { convolve } from "./convolution.ts";
import { matMul } from "./linear.ts";
import { narrowTypeOf, noteElementType } from "./narrow.ts";
import type { Operators, OnnxNode } from "./node.ts";
import { averagePool } from "./pooling.ts";
import { elementTypes, integerRange } from "./tensor.ts";
import {
  add, affine, axesOf, axisOf, binary, cast, concat, constantValue, damaged, div, dtypeOf, expand, misfit, mul, range, rankOf, reduce, reshape,
  scalar, sliceAxis, sub, toFloat, transpose, unary, where,
} from "./write.ts";

const range8: Partial<Record<DType, [number, number]>> = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767], uint16: [0, 65535], int32: [-(2 ** 31), 2 ** 31 - 1] };

/** Scale, zero point and where they lie; `quantization` where both are constants per tensor or per axis. */
interface Parameters { scale: string; zero: string; axis: number; block: number; quantization?: Quantization }

function parametersOf(g: GraphBuilder, x: string, scale: string, zero: string, axis: number, block = 0): Parameters {
  const shape = g.shape(x), scales = constantValue(g, scale), zeros = zero ? constantValue(g, zero) : undefined, count = sizeOf(g.shape(scale));
  const at = count === 1 ? 0 : axisOf(g, axis, shape.length), blocked = block > 0 && rankOf(g, scale) === shape.length && shape.length > 0;
  if (zero && sizeOf(g.shape(zero)) !== count) misfit(g, `found ${count} scales and ${sizeOf(g.shape(zero))} zero points`);
  if (!blocked && count !== 1 && count !== shape[at]) misfit(g, `found ${count} scales for an axis of ${shape[at]}`);
  const known = scales && (!zero || zeros) && !blocked;
  if (scales?.some((s) => !(s > 0 && s < Infinity))) return { scale, zero, axis: at, block: blocked ? block : 0 };
  const quantization = { scale: Float32Array.from(scales ?? []), zeroPoint: zeros ? Int32Array.from(zeros) : new Int32Array(count), axis: at };
  return { scale, zero, axis: at, block: blocked ? block : 0, ...(known && { quantization }) };
}

/** Parameters that are known here, along axis 0. */
const fixed = (g: GraphBuilder, scale: Float32Array, zeroPoint: Int32Array): Parameters => ({
  scale: g.constant("scale", "float32", [scale.length], scale), zero: g.constant("zero", "int32", [zeroPoint.length], zeroPoint), axis: 0, block: 0,
  quantization: { scale, zeroPoint, axis: 0 },
});

/** A parameter tensor in the shape that broadcasts over x: blocks are repeated, a vector stands at its axis. */
function spread(g: GraphBuilder, t: string, x: string, p: Parameters): string {
  const shape = g.shape(x);
  if (sizeOf(g.shape(t)) === 1) return reshape(g, t, []);
  if (!p.block) return reshape(g, t, shape.map((d, a) => (a === p.axis ? d : 1)));
  const blocks = g.shape(t), before = blocks.slice(0, p.axis + 1), after = blocks.slice(p.axis + 1);
  const repeated = expand(g, reshape(g, t, [...before, 1, ...after]), [...before, p.block, ...after]);
  const whole = reshape(g, repeated, blocks.map((d, a) => (a === p.axis ? d * p.block : d)));
  return sliceAxis(g, whole, p.axis, 0, shape[p.axis]!);
}

function quantizeLinear(n: OnnxNode, g: GraphBuilder): string {
  const x = toFloat(g, n.input(0)), zero = n.optional(2), p = parametersOf(g, x, n.input(1), zero, n.int("axis", 1), n.int("block_size", 0));
  const narrow = narrowTypeOf(g, zero) ?? (n.has("output_dtype") ? n.int("output_dtype") : 0);
  const dtype = zero ? dtypeOf(g, zero) : (elementTypes[narrow]?.dtype ?? "uint8"), limits = narrow ? integerRange(narrow) : range8[dtype];
  if (!limits)
    return g.fail(`its output type is ${elementTypes[narrow]?.name ?? dtype}, expected an integer`, "Quantize to int8 or uint8.", "ERR_OCTAVO_DTYPE");
  const y = quantizeTo(g, x, p, dtype, limits);
  noteElementType(g, y, narrow);
  return y;
}

/** clamp(round(x / scale) + zero) */
function quantizeTo(g: GraphBuilder, x: string, p: Parameters, dtype: DType, limits: [number, number]): string {
  const whole = range8[dtype]!;
  if (p.quantization && limits[0] === whole[0] && limits[1] === whole[1])
    return g.add("quantize", [x], {}, [], { dtype, quantization: p.quantization });
  const steps = unary(g, "round", div(g, x, spread(g, toFloat(g, p.scale), x, p)));
  const shifted = p.zero ? add(g, steps, spread(g, toFloat(g, p.zero), x, p)) : steps;
  return cast(g, unary(g, "clip", shifted, ...limits), dtype);
}

const dequantizeLinear = (n: OnnxNode, g: GraphBuilder): string =>
  dequantizeBy(g, n.input(0), parametersOf(g, n.input(0), n.input(1), n.optional(2), n.int("axis", 1), n.int("block_size", 0)));

/** (q − zero) · scale. A constant or a model's input carries its quantization itself. */
function dequantizeBy(g: GraphBuilder, q: string, p: Parameters): string {
  const t = tensorOf(g.graph, q);
  if (p.quantization && t.dtype in range8) {
    if (t.data && !t.quantization) return g.add("dequantize", [g.constant(q, t.dtype, t.shape, t.data, p.quantization)], {});
    if (!t.quantization && g.graph.inputs.includes(q) && !g.graph.nodes.some((node) => node.inputs.includes(q))) t.quantization = p.quantization;
    if (t.quantization && sameQuantization(t.quantization, p.quantization)) return g.add("dequantize", [q], {});
  }
  const stored = toFloat(g, rawInteger(g, q)), shifted = p.zero ? sub(g, stored, spread(g, toFloat(g, p.zero), q, p)) : stored;
  return mul(g, shifted, spread(g, p.scale, q, p));
}

export const sameQuantization = (a: Quantization, b: Quantization): boolean =>
  a.scale.length === b.scale.length && (a.scale.length === 1 || a.axis === b.axis) && a.scale.every((s, i) => s === b.scale[i]) && a.zeroPoint.every((z, i) => z === b.zeroPoint[i]);

/** The stored integers of a quantized tensor, for operators that compute with them. */
export function rawInteger(g: GraphBuilder, x: string): string {
  const { quantization: q, dtype, shape } = tensorOf(g.graph, x);
  if (!q) return x;
  const along = q.scale.length === 1 ? [] : shape.map((d, a) => (a === q.axis ? d : 1));
  const scale = g.constant("scale", "float32", along, q.scale), zero = g.constant("zero", "float32", along, Float32Array.from(q.zeroPoint));
  return cast(g, add(g, unary(g, "round", div(g, g.add("dequantize", [x], {}), scale)), zero), dtype);
}

/** x, scale and zero point at three inputs from `i` on, as a real tensor. */
const realAt = (n: OnnxNode, g: GraphBuilder, i: number, axis = 0): string =>
  dequantizeBy(g, n.input(i), parametersOf(g, n.input(i), n.input(i + 1), n.optional(i + 2), axis));

/** y quantized by scale and zero point at two inputs from `i` on; the type is the zero point's, or that of `like`. */
function quantizedBy(n: OnnxNode, g: GraphBuilder, y: string, i: number, like: string, axis = 0): string {
  const dtype = n.optional(i + 1) ? dtypeOf(g, n.input(i + 1)) : dtypeOf(g, like);
  return quantizeTo(g, y, parametersOf(g, y, n.input(i), n.optional(i + 1), axis), dtype, range8[dtype] ?? g.fail(`its output type is ${dtype}, expected an integer`, "", "ERR_OCTAVO_DTYPE"));
}

/** The int32 bias has scale x · w and zero point 0. */
function biasOf(n: OnnxNode, g: GraphBuilder, bias: number, xScale: number, wScale: number): string {
  const b = n.optional(bias), x = constantValue(g, n.input(xScale)), w = constantValue(g, n.input(wScale)), t = b ? tensorOf(g.graph, b) : undefined;
  if (!t) return "";
  if (!t.data || !x || !w) return mul(g, toFloat(g, b), mul(g, reshape(g, n.input(xScale), []), n.input(wScale)));
  return dequantizeBy(g, b, fixed(g, Float32Array.from(w, (s) => s * x[0]!), new Int32Array(w.length)));
}

function qLinearConv(n: OnnxNode, g: GraphBuilder): string {
  const y = convolve(n, g, realAt(n, g, 0), realAt(n, g, 3), biasOf(n, g, 8, 1, 4));
  return quantizedBy(n, g, y, 6, n.input(0));
}

/** Scales may be per row of a and per column of b. */
function qLinearMatMul(n: OnnxNode, g: GraphBuilder): string {
  const y = matMul(g, realAt(n, g, 0, -2), realAt(n, g, 3, -1));
  return quantizedBy(n, g, y, 6, n.input(0), -2);
}

/** com.microsoft QGemm: alpha · a · b + c, quantized where scale and zero point of y are given. */
function qGemm(n: OnnxNode, g: GraphBuilder): string {
  const a = realAt(n, g, 0, 0), b = realAt(n, g, 3, n.int("transB", 0) ? 0 : 1), alpha = n.float("alpha", 1);
  const left = n.int("transA", 0) ? transpose(g, a, [1, 0]) : a;
  const product = n.int("transB", 0) ? g.add("dense", [left, b], { clamp: noClamp }) : matMul(g, left, b);
  const scaled = alpha === 1 ? product : affine(g, product, alpha, 0), bias = biasOf(n, g, 6, 1, 4);
  const y = bias ? add(g, scaled, alpha === 1 ? bias : affine(g, bias, alpha, 0)) : scaled;
  return n.optional(7) ? quantizedBy(n, g, y, 7, n.input(0)) : y;
}

/** Integers minus their zero point, as floats: exact up to 2^24. Weights stay what they are, with a scale of 1. */
function centred(n: OnnxNode, g: GraphBuilder, q: number, zero: number, axis: number): string {
  const x = n.input(q), z = n.optional(zero);
  const data = tensorOf(g.graph, x).data, zeros = z ? constantValue(g, z) : new Int32Array(1);
  if (data && zeros && zeros.length === 1) {
    return dequantizeBy(g, x, fixed(g, Float32Array.of(1), Int32Array.from(zeros)));
  }
  const stored = toFloat(g, x);
  if (!z) return stored;
  const rank = rankOf(g, x), single = sizeOf(g.shape(z)) === 1, at = single ? 0 : axisOf(g, axis, rank);
  return sub(g, stored, reshape(g, toFloat(g, z), single ? [] : g.shape(x).map((d, a) => (a === at ? d : 1))));
}

const convInteger = (n: OnnxNode, g: GraphBuilder): string => cast(g, convolve(n, g, centred(n, g, 0, 2, 0), centred(n, g, 1, 3, 0), ""), "int32");
const matMulInteger = (n: OnnxNode, g: GraphBuilder): string => cast(g, matMul(g, centred(n, g, 0, 2, -2), centred(n, g, 1, 3, -1)), "int32");

/** uint8 over the range of x and 0. */
function dynamicQuantizeLinear(n: OnnxNode, g: GraphBuilder): string[] {
  const x = n.input(0), axes = range(rankOf(g, x));
  const high = unary(g, "clip", reduce(g, "reduceMax", x, axes, false), 0, Infinity);
  const low = unary(g, "clip", reduce(g, "reduceMin", x, axes, false), -Infinity, 0);
  const width = sub(g, high, low), safe = where(g, binary(g, "equal", width, scalar(g, 0)), scalar(g, 1), width);
  const scale = div(g, safe, scalar(g, 255)), zero = unary(g, "round", unary(g, "clip", unary(g, "neg", div(g, low, scale)), 0, 255));
  const y = unary(g, "clip", add(g, unary(g, "round", div(g, x, scale)), zero), 0, 255);
  return [cast(g, y, "uint8"), scale, cast(g, zero, "uint8")];
}

/** com.microsoft: a · b with integer weights and activations that are quantized as they come; here they stay float. */
function dynamicQuantizeMatMul(n: OnnxNode, g: GraphBuilder): string {
  const b = dequantizeBy(g, n.input(1), parametersOf(g, n.input(1), n.input(2), n.optional(3), -1)), y = matMul(g, n.input(0), b);
  return n.optional(4) ? add(g, y, n.input(4)) : y;
}

/** com.microsoft: inputs a, b, their scales, their zero points, bias. */
function matMulIntegerToFloat(n: OnnxNode, g: GraphBuilder): string {
  const real = (x: number, axis: number) => dequantizeBy(g, n.input(x), parametersOf(g, n.input(x), n.input(x + 2), n.optional(x + 4), axis));
  const y = matMul(g, real(0, -2), real(1, -1));
  return n.optional(6) ? add(g, y, n.input(6)) : y;
}

const qLinearBinary = (op: "add" | "mul") => (n: OnnxNode, g: GraphBuilder): string => quantizedBy(n, g, binary(g, op, realAt(n, g, 0), realAt(n, g, 3)), 6, n.input(0));

/** x with its parameters at 0 … 2, those of y at 3 and 4. */
const qLinearUnary = (write: (n: OnnxNode, g: GraphBuilder, x: string) => string) => (n: OnnxNode, g: GraphBuilder): string =>
  quantizedBy(n, g, write(n, g, realAt(n, g, 0)), 3, n.input(0));

/** Some tools keep images channels-last in these: they are turned around the operator. */
function channelsLastOr(n: OnnxNode, g: GraphBuilder, x: string, write: (x: string) => string): string {
  if (!n.int("channels_last", 0)) return write(x);
  const rank = rankOf(g, x), inner = range(rank).slice(1, -1);
  return transpose(g, write(transpose(g, x, [0, rank - 1, ...inner])), [0, ...range(rank).slice(2), 1]);
}

const globalMean = (g: GraphBuilder, x: string): string => reduce(g, "reduceMean", x, range(rankOf(g, x)).slice(2), true);

function qLinearReduceMean(n: OnnxNode, g: GraphBuilder, x: string): string {
  const rank = rankOf(g, x);
  return reduce(g, "reduceMean", x, axesOf(g, n.ints("axes") ?? range(rank), rank), n.int("keepdims", 1) !== 0);
}

/** Parameters of y come first, then each input with its own. */
function qLinearConcat(n: OnnxNode, g: GraphBuilder): string {
  const parts = range(Math.floor((n.inputs.length - 2) / 3)).map((i) => realAt(n, g, 2 + 3 * i));
  if (!parts.length) damaged(g, "it joins nothing");
  return quantizedBy(n, g, concat(g, parts, axisOf(g, n.int("axis"), rankOf(g, parts[0]!))), 0, n.input(2));
}

export const quantized: Operators = {
  QuantizeLinear: quantizeLinear, DequantizeLinear: dequantizeLinear, DynamicQuantizeLinear: dynamicQuantizeLinear,
  QLinearConv: qLinearConv, QLinearMatMul: qLinearMatMul, ConvInteger: convInteger, MatMulInteger: matMulInteger,
};

export const quantizedContrib: Operators = {
  QuantizeLinear: quantizeLinear, DequantizeLinear: dequantizeLinear, QLinearConv: qLinearConv,
  QLinearAdd: qLinearBinary("add"), QLinearMul: qLinearBinary("mul"), QGemm: qGemm, QLinearConcat: qLinearConcat,
  QLinearLeakyRelu: qLinearUnary((n, g, x) => unary(g, "leakyRelu", x, n.float("alpha", 0.01))),
  QLinearSigmoid: qLinearUnary((_, g, x) => unary(g, "sigmoid", x)),
  QLinearSoftmax: qLinearUnary((n, g, x) => g.add("softmax", [x], { axis: axisOf(g, n.int("axis", -1), rankOf(g, x)) })),
  QLinearAveragePool: qLinearUnary((n, g, x) => channelsLastOr(n, g, x, (t) => averagePool(n, g, t))),
  QLinearGlobalAveragePool: qLinearUnary((n, g, x) => channelsLastOr(n, g, x, (t) => globalMean(g, t))),
  QLinearReduceMean: qLinearUnary(qLinearReduceMean),
  DynamicQuantizeMatMul: dynamicQuantizeMatMul, MatMulIntegerToFloat: matMulIntegerToFloat,
};

/** Operators that take a quantized tensor as it is: they move values, or compare them within one tensor. */
export const keepsQuantization: ReadonlySet<string> = new Set([
  ...Object.keys(quantized), ...Object.keys(quantizedContrib), "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Split", "Slice", "Gather",
  "Pad", "Expand", "Tile", "MaxPool", "DepthToSpace", "SpaceToDepth", "Shape", "Size", "Concat",
]);
