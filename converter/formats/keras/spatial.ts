/** Windows over images and sequences: Keras' padding words, data formats, and one spatial axis written as two. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { channelsFirst, channelsLast, halves } from "../onnx/spatial.ts";
import { reshape } from "../onnx/write.ts";
import { ranked, type Layer } from "./layer.ts";

/** [height, width] each; pad is [top, left, bottom, right]. */
export interface Window { kernel: number[]; stride: number[]; dilation: number[]; pad: number[] }

/** Spatial axes of a layer by its class: Conv1D has one. */
export const dimsOf = (l: Layer): 1 | 2 => (l.className.includes("1D") ? 1 : 2);

/**
 * Applies `write` to x as [N,H,W,C]: a sequence [N,T,C] is an image of height 1.
 * Channels that come first are moved to the end, and back in the result.
 */
export function asImage(l: Layer, x: string, dims: 1 | 2, write: (x: string) => string): string {
  ranked(l, x, dims + 2);
  const first = isChannelsFirst(l), last = first ? channelsLast(l.g, x) : x;
  const y = dims === 2 ? write(last) : flatHeight(l.g, write(addHeight(l.g, last)));
  return first ? channelsFirst(l.g, y) : y;
}

export const isChannelsFirst = (l: Layer): boolean =>
  l.config.choice("data_format", "channels_last", ["channels_last", "channels_first"]) === "channels_first";

export function addHeight(g: GraphBuilder, x: string): string {
  const [N, T, C] = g.shape(x) as [number, number, number];
  return reshape(g, x, [N, 1, T, C]);
}

export function flatHeight(g: GraphBuilder, x: string): string {
  const [N, , T, C] = g.shape(x) as [number, number, number, number];
  return reshape(g, x, [N, T, C]);
}

/** One value per spatial axis as [height, width]. */
export const twoOf = (values: number[]): number[] => (values.length === 1 ? [1, values[0]!] : values);

/** The window of a convolution or pooling layer over x [N,H,W,C]. */
export function windowOf(l: Layer, x: string, dims: 1 | 2, kernelKey: string, stride: number[], dilation: number[]): Window {
  const kernel = twoOf(l.config.ints(kernelKey, dims, kernelKey === "pool_size" ? new Array<number>(dims).fill(2) : undefined));
  const window = { kernel, stride: twoOf(stride), dilation: twoOf(dilation) };
  const mode = l.config.choice("padding", "valid", ["valid", "same", "causal"]);
  return { ...window, pad: padding(mode, l.g.shape(x).slice(1, 3), window) };
}

/** "same": as many windows as strides, the odd element at the end; "causal": only to the left. */
export function padding(mode: "valid" | "same" | "causal", sizes: number[], { kernel, stride, dilation }: Omit<Window, "pad">): number[] {
  const span = kernel.map((k, i) => (k - 1) * dilation[i]!);
  if (mode === "valid") return [0, 0, 0, 0];
  if (mode === "causal") return [0, span[1]!, 0, 0];
  const { before, after } = halves(sizes.map((d, i) => Math.max(0, (Math.ceil(d / stride[i]!) - 1) * stride[i]! + span[i]! + 1 - d)), true);
  return [...before, ...after];
}
