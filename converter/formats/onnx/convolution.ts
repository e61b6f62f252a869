/** Convolutions of one to three spatial axes, and the streaming one. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf } from "../../ir/graph.ts";
import { noClamp } from "../../ir/ops.ts";
import type { Operators, OnnxNode } from "./node.ts";
import { asImage, channelsFirst, channelsLast, geometryOf, halves, outputSize, permuteWeights, spatialRank, window2d, type Geometry } from "./spatial.ts";
import { add, concat, filled, misfit, padWith, range, rankOf, reshape, sliceAxis, transpose, unary } from "./write.ts";

/** Conv with x, w [O,C/groups,…] and an optional bias given as tensors. */
export function convolve(n: OnnxNode, g: GraphBuilder, x: string, w: string, bias: string): string {
  const rank = spatialRank(g, x), weights = g.shape(w), sizes = g.shape(x).slice(2), groups = n.int("group", 1);
  if (weights.length !== rank + 2) misfit(g, `weights have shape [${weights.join(",")}], expected [O,C/groups] and ${rank} spatial axes`);
  checkGroups(g, groups, g.shape(x)[1]!, weights[1]! * groups, weights[0]!);
  checkBias(g, bias, weights[0]!);
  const window = geometryOf(n, g, sizes, weights.slice(2));
  if (outputSize(sizes, window).some((d) => d < 1)) misfit(g, `a kernel of [${window.kernel.join(",")}] does not fit into [${sizes.join(",")}]`);
  if (rank === 3) return convolve3d(g, x, w, bias, window, groups);
  const inputs = [imageWeights(g, w), ...(bias ? [bias] : [])];
  return asImage(g, x, (image) => g.add("conv2d", [image, ...inputs], { ...window2d(window), groups, clamp: noClamp }));
}

/** w [O,C/groups,KH,KW] or [O,C/groups,K] → [O,KH,KW,C/groups] */
const imageWeights = (g: GraphBuilder, w: string): string => (rankOf(g, w) === 3 ? permuteWeights(g, w, [0, 2, 1], 1) : permuteWeights(g, w, [0, 2, 3, 1]));

function checkGroups(g: GraphBuilder, groups: number, channels: number, expected: number, outputs: number): void {
  if (!(groups >= 1) || channels !== expected || outputs % groups) {
    misfit(g, `${channels} input and ${outputs} output channels do not fit weights for ${expected} in ${groups} groups`);
  }
}

function checkBias(g: GraphBuilder, bias: string, outputs: number): void {
  if (bias && g.shape(bias).join() !== String(outputs)) misfit(g, `the bias has shape [${g.shape(bias).join(",")}], expected [${outputs}]`);
}

/** y[d] = Σk conv2d(x[d · stride + k · dilation], w[:,:,k]): one two-dimensional convolution per depth of the kernel. */
function convolve3d(g: GraphBuilder, x: string, w: string, bias: string, window: Geometry, groups: number): string {
  const depth = outputSize(g.shape(x).slice(2), window)[0]!, last = channelsLast(g, x);
  const padded = padWith(g, last, [0, window.before[0]!, 0, 0, 0], [0, window.after[0]!, 0, 0, 0], 0), [N, , H, W, C] = g.shape(padded) as number[];
  const terms = range(window.kernel[0]!).map((k) => {
    const planes = sliceAxis(g, padded, 1, k * window.dilation[0]!, depth, window.stride[0]!);
    const image = reshape(g, planes, [N! * depth, H!, W!, C!]), weights = imageWeights(g, kernelPlane(g, w, k));
    return g.add("conv2d", [image, weights, ...(bias && k === 0 ? [bias] : [])], { ...window2d(window), groups, clamp: noClamp });
  });
  return fromPlanes(g, terms.reduce((a, b) => add(g, a, b)), N!);
}

/** w [O,C,K,…] → w[:,:,k] [O,C,…] */
const kernelPlane = (g: GraphBuilder, w: string, k: number): string => {
  const shape = g.shape(w);
  return reshape(g, sliceAxis(g, w, 2, k, 1), [...shape.slice(0, 2), ...shape.slice(3)]);
};

/** [N·D,H,W,C] → [N,C,D,H,W] */
const fromPlanes = (g: GraphBuilder, planes: string, N: number): string => {
  const [ND, H, W, C] = g.shape(planes) as [number, number, number, number];
  return channelsFirst(g, reshape(g, planes, [N, ND / N, H, W, C]));
};

interface Transposed extends Geometry { outputPadding: number[] }

/** Padding that gives the wanted output: total = stride · (in − 1) + outputPadding + extent − out. */
function transposedGeometry(n: OnnxNode, g: GraphBuilder, sizes: number[], kernel: number[]): Transposed {
  const mode = n.string("auto_pad", "NOTSET"), same = mode === "SAME_UPPER" || mode === "SAME_LOWER";
  const window = geometryOf(n, g, sizes, kernel), outputPadding = n.ints("output_padding") ?? sizes.map(() => 0);
  const target = n.ints("output_shape")?.slice(-sizes.length) ?? (same ? sizes.map((d, i) => d * window.stride[i]!) : undefined);
  if (outputPadding.length !== sizes.length || outputPadding.some((p) => p < 0))
    misfit(g, `output_padding is [${outputPadding.join(",")}], expected ${sizes.length} numbers`);
  if (!target) return { ...window, outputPadding };
  const total = sizes.map((d, i) => window.stride[i]! * (d - 1) + outputPadding[i]! + window.dilation[i]! * (kernel[i]! - 1) + 1 - target[i]!);
  const pads = halves(total.map((t) => Math.max(0, t)), mode === "SAME_UPPER");
  return { ...window, ...pads, outputPadding: outputPadding.map((p, i) => p + Math.max(0, -total[i]!)) };
}

function convTranspose(n: OnnxNode, g: GraphBuilder): string {
  const x = n.input(0), w = n.input(1), bias = n.optional(2), rank = spatialRank(g, x), weights = g.shape(w), groups = n.int("group", 1);
  if (weights.length !== rank + 2) misfit(g, `weights have shape [${weights.join(",")}], expected [C,O/groups] and ${rank} spatial axes`);
  checkGroups(g, groups, g.shape(x)[1]!, weights[0]!, weights[1]! * groups);
  checkBias(g, bias, weights[1]! * groups);
  const window = transposedGeometry(n, g, g.shape(x).slice(2), weights.slice(2));
  if (rank === 3) return convTranspose3d(g, x, w, bias, window, groups);
  const kernel = outputsFirst(g, w, groups);
  return asImage(g, x, (image) => transposed2d(g, image, kernel, bias, window, groups));
}

const transposed2d = (g: GraphBuilder, image: string, kernel: string, bias: string, window: Transposed, groups: number): string =>
  g.add("convTranspose2d", [image, kernel, ...(bias ? [bias] : [])],
    { ...window2d(window), groups, outputPadding: window.outputPadding.length === 1 ? [0, window.outputPadding[0]!] : window.outputPadding.slice(-2), clamp: noClamp });

/** w [C,O/groups,KH,KW] or [C,O/groups,K] → [O,KH,KW,C/groups] */
function outputsFirst(g: GraphBuilder, w: string, groups: number): string {
  const [C, Og, ...kernel] = g.shape(w) as [number, number, ...number[]];
  const [KH, KW] = kernel.length === 1 ? [1, kernel[0]!] : (kernel as [number, number]);
  if (groups === 1) return kernel.length === 1 ? permuteWeights(g, w, [1, 2, 0], 1) : permuteWeights(g, w, [1, 2, 3, 0]);
  const grouped = reshape(g, w, [groups, C / groups, Og, KH, KW]);
  return reshape(g, transpose(g, grouped, [0, 2, 3, 4, 1]), [groups * Og, KH, KW, C / groups]);
}

/** Every depth k of the kernel spreads the input's planes to d · stride + k · dilation; the sum is cropped. */
function convTranspose3d(g: GraphBuilder, x: string, w: string, bias: string, window: Transposed, groups: number): string {
  const last = channelsLast(g, x), [N, D, H, W, C] = g.shape(last) as [number, number, number, number, number];
  const image = reshape(g, last, [N * D, H, W, C]), K = window.kernel[0]!, [stride, dilation] = [window.stride[0]!, window.dilation[0]!];
  const terms = range(K).map((k) => {
    const planes = transposed2d(g, image, outputsFirst(g, kernelPlane(g, w, k), groups), "", window, groups);
    const [, OH, OW, O] = g.shape(planes) as number[];
    const spread = spreadAxis(g, reshape(g, planes, [N, D, OH!, OW!, O!]), stride);
    return padWith(g, spread, [0, k * dilation, 0, 0, 0], [0, (K - 1 - k) * dilation + window.outputPadding[0]!, 0, 0, 0], 0);
  });
  const sum = terms.reduce((a, b) => add(g, a, b)), depth = g.shape(sum)[1]! - window.before[0]! - window.after[0]!;
  if (depth < 1) misfit(g, "the padding leaves nothing of the output");
  const cropped = sliceAxis(g, sum, 1, window.before[0]!, depth);
  return channelsFirst(g, bias ? add(g, cropped, bias) : cropped);
}

/** Zeros between the planes of axis 1: D → stride · (D − 1) + 1. */
function spreadAxis(g: GraphBuilder, x: string, stride: number): string {
  if (stride === 1) return x;
  const [N, D, ...rest] = g.shape(x) as [number, number, ...number[]], zero = [0, 0, ...rest.map(() => 0)];
  const apart = padWith(g, reshape(g, x, [N, D, 1, ...rest]), [...zero, 0], [0, 0, stride - 1, ...rest.map(() => 0)], 0);
  return sliceAxis(g, reshape(g, apart, [N, D * stride, ...rest]), 1, 0, (D - 1) * stride + 1);
}

/** Depthwise convolution of [past, x] along time; the new state is its last K − 1 steps. x [N,C,L] · w [C,1,K] */
function causalConv(n: OnnxNode, g: GraphBuilder): string[] {
  const x = n.input(0), w = n.input(1), [N, C] = g.shape(x) as [number, number, number], past = g.shape(w)[2]! - 1;
  const state = n.optional(3) || filled(g, "float32", [N, C, past], 0);
  const whole = past === 0 ? x : concat(g, [state, x], 2), total = g.shape(whole)[2]!;
  if (rankOf(g, x) !== 3 || sizeOf(g.shape(state)) !== N * C * past) misfit(g, "expected input [N,C,L] and state [N,C,K−1]");
  const activation = n.string("activation", "none");
  if (!["none", "silu", "swish"].includes(activation)) g.fail(`activation is "${activation}", expected none, silu or swish`);
  const weights = imageWeights(g, w), inputs = [weights, ...(n.optional(2) ? [n.input(2)] : [])];
  const y = asImage(g, whole, (image) => g.add("conv2d", [image, ...inputs], { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: C, clamp: noClamp }));
  const present = () => sliceAxis(g, whole, 2, total - past, past);
  return [activation === "none" ? y : unary(g, "swish", y, 1), n.wants(1) ? present() : ""];
}

export const convolution: Operators = {
  Conv: (n, g) => convolve(n, g, n.input(0), n.input(1), n.optional(2)),
  ConvTranspose: convTranspose,
  CausalConvWithState: causalConv,
};
