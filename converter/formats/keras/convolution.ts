/** Convolutions. Keras' kernels are [kh,kw,C/groups,O]; depthwise ones [kh,kw,C,M], transposed ones [kh,kw,O,C]. */
import { noClamp } from "../../ir/ops.ts";
import { activate } from "./activation.ts";
import { constantOf, single, variablesOf, type Layer, type LayerFunction } from "./layer.ts";
import { asImage, dimsOf, twoOf, windowOf, type Window } from "./spatial.ts";
import type { Weight } from "./variables.ts";

export const convolutions: Record<string, LayerFunction> = {
  Conv1D: conv, Conv2D: conv, Convolution1D: conv, Convolution2D: conv,
  DepthwiseConv1D: depthwise, DepthwiseConv2D: depthwise,
  SeparableConv1D: separable, SeparableConv2D: separable, SeparableConvolution2D: separable,
  Conv1DTranspose: transposed, Conv2DTranspose: transposed,
};

const ones = (n: number): number[] => new Array<number>(n).fill(1);
const strideOf = (l: Layer, dims: number) => l.config.ints("strides", dims, ones(dims));
const dilationOf = (l: Layer, dims: number) => l.config.ints("dilation_rate", dims, ones(dims));
const geometry = ({ stride, dilation, pad }: Window) => ({ stride, dilation, pad });

/** A kernel with its axes in the order `perm` of [h,w,in,out]; one spatial axis gets a height of 1. */
function kernelOf(l: Layer, w: Weight, perm: number[]): string {
  const image = w.shape.length === 3 ? { ...w, shape: [1, ...w.shape] } : w;
  return constantOf(l, image, perm);
}

const biasOf = (l: Layer, bias: Weight | undefined): string[] => (bias ? [constantOf(l, bias)] : []);

function conv(l: Layer, inputs: string[]): string {
  const dims = dimsOf(l), filters = l.config.int("filters", undefined, 1), groups = l.config.int("groups", 1, 1);
  const useBias = l.config.bool("use_bias", true);
  const { kernel, bias } = variablesOf(l, { kernel: [...l.config.ints("kernel_size", dims), -1, filters], bias: useBias && [filters] });
  return activate(l, asImage(l, single(l, inputs), dims, (x) => {
    const window = windowOf(l, x, dims, "kernel_size", strideOf(l, dims), dilationOf(l, dims));
    return l.g.add("conv2d", [x, kernelOf(l, kernel, [3, 0, 1, 2]), ...biasOf(l, bias)], { ...geometry(window), groups, clamp: noClamp });
  }));
}

/** Output channel c · M + m is input channel c under kernel [:,:,c,m]. */
function depthwiseConv(l: Layer, x: string, kernel: Weight, bias: Weight | undefined, dims: 1 | 2): string {
  const window = windowOf(l, x, dims, "kernel_size", strideOf(l, dims), dilationOf(l, dims));
  const [C, M] = kernel.shape.slice(-2) as [number, number], image = kernel.shape.length === 3 ? { ...kernel, shape: [1, ...kernel.shape] } : kernel;
  const w = constantOf(l, image, [2, 3, 0, 1], [C * M, ...twoOf(kernel.shape.slice(0, -2)), 1]);
  return l.g.add("conv2d", [x, w, ...biasOf(l, bias)], { ...geometry(window), groups: C, clamp: noClamp });
}

function depthwise(l: Layer, inputs: string[]): string {
  const dims = dimsOf(l), multiplier = l.config.int("depth_multiplier", 1, 1), useBias = l.config.bool("use_bias", true);
  const { depthwise_kernel: kernel, bias } = variablesOf(l,
    { depthwise_kernel: [...l.config.ints("kernel_size", dims), -1, multiplier], bias: useBias && [-1] });
  return activate(l, asImage(l, single(l, inputs), dims, (x) => depthwiseConv(l, x, kernel, bias, dims)));
}

function separable(l: Layer, inputs: string[]): string {
  const dims = dimsOf(l), filters = l.config.int("filters", undefined, 1), multiplier = l.config.int("depth_multiplier", 1, 1);
  const useBias = l.config.bool("use_bias", true);
  const { depthwise_kernel: depth, pointwise_kernel: point, bias } = variablesOf(l, {
    depthwise_kernel: [...l.config.ints("kernel_size", dims), -1, multiplier], pointwise_kernel: [...ones(dims), -1, filters],
    bias: useBias && [filters],
  });
  return activate(l, asImage(l, single(l, inputs), dims, (x) =>
    l.g.add("conv2d", [depthwiseConv(l, x, depth, undefined, dims), kernelOf(l, point, [3, 0, 1, 2]), ...biasOf(l, bias)],
    { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1, clamp: noClamp })));
}

function transposed(l: Layer, inputs: string[]): string {
  const dims = dimsOf(l), filters = l.config.int("filters", undefined, 1), useBias = l.config.bool("use_bias", true);
  const { kernel, bias } = variablesOf(l, { kernel: [...l.config.ints("kernel_size", dims), filters, -1], bias: useBias && [filters] });
  return activate(l, asImage(l, single(l, inputs), dims, (x) => {
    const crop = transposedGeometry(l, l.g.shape(x).slice(1, 3), dims);
    return l.g.add("convTranspose2d", [x, kernelOf(l, kernel, [2, 0, 1, 3]), ...biasOf(l, bias)], { ...crop, groups: 1, clamp: noClamp });
  }));
}

/**
 * Keras' output sizes (deconv_output_length): "same" sizes · stride, "valid" sizes · stride + max(k − stride, 0), others with
 * output_padding. The full result is cropped as a "same" convolution would pad, half before; what is missing is added after.
 */
function transposedGeometry(l: Layer, sizes: number[], dims: 1 | 2) {
  const stride = twoOf(strideOf(l, dims)), dilation = twoOf(dilationOf(l, dims)), size = twoOf(l.config.ints("kernel_size", dims));
  const same = l.config.choice("padding", "valid", ["valid", "same"]) === "same";
  const extra = l.config.has("output_padding")
    ? (dims === 1 ? [0, ...l.config.ints("output_padding", 1, undefined, 0)] : l.config.ints("output_padding", 2, undefined, 0)) : undefined;
  const span = size.map((k, i) => (k - 1) * dilation[i]! + 1), full = sizes.map((d, i) => (d - 1) * stride[i]! + span[i]!);
  const wanted = sizes.map((d, i) => {
    if (extra && !(dims === 1 && i === 0)) return full[i]! + extra[i]! - (same ? 2 * Math.floor(span[i]! / 2) : 0);
    return same ? d * stride[i]! : d * stride[i]! + Math.max(span[i]! - stride[i]!, 0);
  });
  const total = full.map((f, i) => Math.max(0, f - wanted[i]!)), before = total.map((t) => (same ? Math.floor(t / 2) : 0));
  return { stride, dilation, pad: [...before, ...total.map((t, i) => t - before[i]!)],
    outputPadding: wanted.map((w, i) => Math.max(0, w - full[i]!)) };
}
