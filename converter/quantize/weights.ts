/** Weights and biases of an integer model. */
import { modelError } from "../ir/error.ts";
import { sizeOf, tensorOf, type Graph, type Quantization, type Tensor, type TypedArray } from "../ir/graph.ts";
import { clampRound, SMALLEST_SCALE, type ActivationType } from "./integers.ts";

export type WeightBits = 8 | 7;
/** Peaks per channel to quantize with, at most the given ones: what lies beyond is clipped. */
export type ChannelClip = (data: TypedArray, peaks: Float32Array, bits: WeightBits) => Float32Array;
/** Symmetric without the least integer, so that pairs of products fit into 16 bits; 7 bits: exact relaxed dot products (kernels.md). */
export const weightLimit = (bits: WeightBits): number => (bits === 8 ? 127 : 63);

/** |bias| stays below: with at most 16384 products of 255 · 127 a sum stays below 2^30. */
const BIAS_LIMIT = 2 ** 29;
const BIAS_LIMIT_16 = 2 ** 47;

/** Greatest magnitude per index of `axis`; axes before it count as one with it: the rows [D,4H] of recurrent weights. */
export function channelPeaks(graph: Graph, name: string, axis: number): Float32Array {
  const { data, shape } = tensorOf(graph, name) as Tensor & { data: TypedArray };
  const channels = sizeOf(shape.slice(0, axis + 1)), inner = data.length / channels, peaks = new Float32Array(channels);
  for (let i = 0; i < data.length; i++) {
    const c = Math.floor(i / inner), magnitude = Math.abs(data[i]!);
    if (!(magnitude < Infinity)) refuse(graph, name, i, data[i]!);
    if (magnitude > peaks[c]!) peaks[c] = magnitude;
  }
  return peaks;
}

function refuse(graph: Graph, name: string, index: number, value: number): never {
  const problem = `element ${index} is ${value}, expected finite numbers`, remedy = "Export the model again from a checkpoint that did not diverge.";
  throw modelError("ERR_OCTAVO_NAN", graph.format, `weights "${name}"`, problem, remedy);
}

/** One scale per channel from its largest weight, at least `least`. */
export const weightScales = (peaks: Float32Array, bits: WeightBits, least: (channel: number) => number): Float32Array =>
  peaks.map((peak, c) => Math.max(peak / weightLimit(bits), least(c), SMALLEST_SCALE));

/** Smallest weight scale with which the channel's bias stays below BIAS_LIMIT. */
export const leastScaleFor = (bias: TypedArray | undefined, inputScale: number) => (channel: number): number =>
  bias ? Math.abs(bias[channel]!) / (inputScale * BIAS_LIMIT * 0.999) : 0;

/** @param scale one per run of size / scale.length weights */
export function quantizeWeights(data: TypedArray, scale: Float32Array, bits: WeightBits): Int8Array {
  const limit = weightLimit(bits), inner = data.length / scale.length, out = new Int8Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = clampRound(data[i]! / scale[Math.floor(i / inner)]!, -limit, limit);
  return out;
}

/** b / (sx · sw[c]): int32, or int64 next to int16 activations. */
export function quantizeBias(bias: TypedArray, inputScale: number, weights: Float32Array, type: ActivationType): Pick<Tensor, "dtype" | "data" | "quantization"> {
  const limit = (type === "int8" ? BIAS_LIMIT : BIAS_LIMIT_16) - 1;
  const q = Array.from(bias, (b, c) => clampRound(b / (inputScale * weights[c]!), -limit, limit));
  return {
    dtype: type === "int8" ? "int32" : "int64",
    data: type === "int8" ? Int32Array.from(q) : Float64Array.from(q),
    quantization: symmetric(weights.map((s) => s * inputScale), 0),
  };
}

export const symmetric = (scale: Float32Array, axis: number): Quantization => ({ scale, zeroPoint: new Int32Array(scale.length), axis });
