/**
 * Inputs whose features differ in range (rain that is nearly always 0, then 40 deviations) waste the integers of a common
 * scale. Dividing feature c by s[c] in float, before it is rounded, and multiplying the weights' columns by s[c] changes
 * nothing in real numbers. s balances both, as in Xiao et al., "SmoothQuant" (2022): s[c] = max|x[c]|^α / max|w[c]|^(1 − α).
 */
import { freshName, isConstant, sizeOf, tensorOf, type Graph, type Node, type Tensor, type TypedArray } from "../ir/graph.ts";
import type { Channels, Range, Ranges } from "./calibrate.ts";
import { inputScaling } from "./input-scaling.ts";
import type { ActivationType } from "./integers.ts";
import { weightLimit, type WeightBits } from "./weights.ts";

const alphas = [1, 0.75, 0.5, 0.25];
/** A scale per feature costs a pass over the input: worth a third of the noise. */
const WORTH = 0.7;

/** Weights as seen from the features: `channel` of each, and the run of `row` weights that share a scale. */
interface Weights { data: TypedArray; row: number; channel: (i: number) => number }

/** Rewrites `graph`; returns the ranges with those of the scaled inputs. */
export function equalizeInputs(graph: Graph, ranges: Ranges, type: ActivationType, bits: WeightBits): Ranges {
  const all: Ranges = new Map(ranges), { tensors } = inputScaling(graph);
  if (type !== "int8") return all;
  for (const node of [...graph.nodes]) {
    const range = reads(graph, node, tensors) ? ranges.get(node.inputs[0]!) : undefined;
    const scale = range?.channels && bestScale(weightsOf(graph, node), range.channels, bits);
    if (scale) apply(graph, node, scale, range, all);
  }
  return all;
}

const reads = (graph: Graph, node: Node, tensors: ReadonlySet<string>) =>
  ["conv2d", "dense", "lstm", "gru", "rnn"].includes(node.op) && tensors.has(node.inputs[0]!) && isConstant(graph, node.inputs[1]!);

function weightsOf(graph: Graph, node: Node): Weights {
  const { shape, data } = tensorOf(graph, node.inputs[1]!) as Tensor & { data: TypedArray }, inner = shape.at(-1)!;
  const axis = node.op === "conv2d" || node.op === "dense" ? 0 : 1, row = sizeOf(shape.slice(axis + 1));
  const perGroup = node.op === "conv2d" ? shape[0]! / node.attributes.groups : Infinity;
  return { data, row, channel: (i) => Math.floor(Math.floor(i / row) / perGroup) * inner + (i % inner) };
}

/** The scale with the least expected noise, where it is worth it. */
function bestScale(w: Weights, x: Channels, bits: WeightBits): Float64Array | undefined {
  const peaks = x.max.map((max, c) => Math.max(max, -x.min[c]!)), columns = columnPeaks(w, peaks.length);
  const even = new Float64Array(peaks.length).fill(1), before = noise(w, x, even, bits);
  let least = before * WORTH, best: Float64Array | undefined;
  for (const alpha of alphas) {
    const scale = peaks.map((peak, c) => (peak && columns[c] ? peak ** alpha / columns[c] ** (1 - alpha) : 1)), after = noise(w, x, scale, bits);
    if (after < least) [least, best] = [after, scale];
  }
  return best;
}

function columnPeaks({ data, channel }: Weights, C: number): Float64Array {
  const peaks = new Float64Array(C);
  for (let i = 0; i < data.length; i++) peaks[channel(i)] = Math.max(peaks[channel(i)]!, Math.abs(data[i]!));
  return peaks;
}

/** Squared error of all outputs: (step² / 12) · w² of the rounded input, and of the rounded weights with x². */
function noise({ data, row, channel }: Weights, x: Channels, scale: Float64Array, bits: WeightBits): number {
  const span = scale.reduce((m, s, c) => Math.max(m, x.max[c]! / s), 0) - scale.reduce((m, s, c) => Math.min(m, x.min[c]! / s), 0);
  let ofInput = 0, ofWeights = 0;
  for (let from = 0; from < data.length; from += row) {
    let peak = 0, signal = 0;
    for (let i = from; i < from + row; i++) {
      const c = channel(i), w = data[i]! * scale[c]!;
      peak = Math.max(peak, Math.abs(w));
      ofInput += w * w;
      signal += x.squares[c]! / (scale[c]! * scale[c]!);
    }
    ofWeights += signal * (peak / weightLimit(bits)) ** 2;
  }
  return (ofInput * (span / 255) ** 2 + ofWeights) / 12;
}

function apply(graph: Graph, node: Node, scale: Float64Array, range: Range, ranges: Ranges): void {
  const x = tensorOf(graph, node.inputs[0]!), w = tensorOf(graph, node.inputs[1]!) as Tensor & { data: TypedArray }, { channel } = weightsOf(graph, node);
  const factors = put(graph, `${x.name} factors`, { dtype: "float32", shape: [scale.length], data: Float32Array.from(scale, (s) => 1 / s) });
  const scaled = put(graph, `${x.name} scaled`, { dtype: "float32", shape: x.shape });
  graph.nodes.splice(graph.nodes.indexOf(node), 0, { op: "mul", name: scaled, inputs: [x.name, factors], outputs: [scaled], attributes: { clamp: [-Infinity, Infinity] } });
  const weights = put(graph, w.name, { dtype: "float32", shape: w.shape, data: Float32Array.from(w.data, (v, i) => v * scale[channel(i)]!) });
  [node.inputs[0], node.inputs[1]] = [scaled, weights];
  ranges.set(scaled, scaledRange(range, scale));
}

function put(graph: Graph, stem: string, tensor: Omit<Tensor, "name">): string {
  const name = freshName(graph, stem);
  graph.tensors.set(name, { name, ...tensor });
  return name;
}

function scaledRange({ histogram, channels }: Range, scale: Float64Array): Range {
  const by = (values: Float64Array, power: number) => values.map((v, c) => v / scale[c]! ** power), { means, squares, min, max } = channels!;
  const all: Channels = { means: by(means, 1), squares: by(squares, 2), min: by(min, 1), max: by(max, 1) };
  return { low: Math.min(...all.min), high: Math.max(...all.max), histogram, channels: all };
}
