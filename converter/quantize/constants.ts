/** Float constants of a graph → its integer constants; equal ones are made once. */
import { freshName, tensorOf, type Graph, type Quantization, type Tensor, type TypedArray } from "../ir/graph.ts";
import { added, meanShift } from "./correct-bias.ts";
import { quantizationOf, quantizeValues, type ActivationType } from "./integers.ts";
import { channelPeaks, leastScaleFor, quantizeBias, quantizeWeights, symmetric, weightScales, type ChannelClip, type WeightBits } from "./weights.ts";

type Constant = Tensor & { data: TypedArray };
export interface ConstantOptions { type: ActivationType; weightBits: WeightBits; clip?: ChannelClip }

export class ConstantQuantizer {
  private readonly graph: Graph;
  private readonly options: ConstantOptions;
  private readonly planned = new Map<string, Quantization>();
  private readonly made = new Map<string, string>();

  constructor(graph: Graph, options: ConstantOptions) {
    this.graph = graph;
    this.options = options;
  }

  /** The quantization that `activation` will use for a constant, where it must be that of other tensors. */
  plan(name: string, quantization: Quantization): void {
    this.planned.set(name, quantization);
  }

  /** A constant that is read like an activation: a summand, a table of embeddings. */
  activation(name: string): string {
    const tensor = this.constant(name), { type } = this.options, quantization = this.planned.get(name) ?? quantizationOf(extentOf(tensor.data), type);
    return this.once(`activation ${name}`, () => ({ ...tensor, name: `${name} ${type}`, dtype: type, data: quantizeValues(tensor.data, quantization, type), quantization }));
  }

  /**
   * Weights [O, …] per output channel; the bias in steps of input scale · weight scale. An absent bias is "".
   * @param means of the input, per channel: what rounding the weights shifts on average is taken out of the bias
   */
  weightsAndBias(input: Quantization, w: string, b: string, means?: Float64Array): [weights: string, bias: string] {
    const { type } = this.options, sx = input.scale[0]!, bias = b ? this.constant(b) : undefined;
    const weights = this.channels(w, 0, leastScaleFor(type === "int8" ? bias?.data : undefined, sx));
    const shift = means && meanShift(this.constant(w), this.constant(weights), means), data = added(bias?.data, shift);
    return [weights, data ? this.bias({ name: b || `${w} bias`, dtype: "float32", shape: [data.length], data }, input, weights) : ""];
  }

  bias(bias: Constant, input: Quantization, weights: string): string {
    const { type } = this.options, sx = input.scale[0]!, given = tensorOf(this.graph, weights).quantization!.scale;
    const sw = given.length === 1 ? new Float32Array(bias.data.length).fill(given[0]!) : given;
    return this.add({ name: `${bias.name} ${type}`, shape: bias.shape, ...quantizeBias(bias.data, sx, sw, type) } as Tensor);
  }

  /** Recurrent weights [D, rows, …]: every row of every gate and direction has a scale. */
  rows(name: string): string {
    return this.channels(name, 1, () => 0);
  }

  table(name: string, data: Int8Array): string {
    return this.add({ name: `${name} table`, dtype: "int8", shape: [256], data });
  }

  private channels(name: string, axis: number, least: (channel: number) => number): string {
    const tensor = this.constant(name), { weightBits, clip } = this.options, peaks = channelPeaks(this.graph, name, axis);
    const scale = weightScales(clip?.(tensor.data, peaks, weightBits) ?? peaks, weightBits, least);
    return this.once(`weights ${name} ${axis} ${scale.join()}`, () => (
      { ...tensor, name: `${name} int8`, dtype: "int8", data: quantizeWeights(tensor.data, scale, weightBits), quantization: symmetric(scale, axis) }));
  }

  private constant(name: string): Constant {
    return tensorOf(this.graph, name) as Constant;
  }

  private once(key: string, make: () => Tensor): string {
    if (!this.made.has(key)) this.made.set(key, this.add(make()));
    return this.made.get(key)!;
  }

  private add(tensor: Tensor): string {
    const name = freshName(this.graph, tensor.name);
    this.graph.tensors.set(name, { ...tensor, name });
    return name;
  }
}

/** Least and greatest value, zero included. */
export function extentOf(data: TypedArray): [low: number, high: number] {
  let low = 0, high = 0;
  for (const v of data) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return [low, high];
}
