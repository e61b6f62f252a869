/** Pooling over windows and over everything. */
import { noClamp } from "../../ir/ops.ts";
import { mul, reduce, binary, range, reshape } from "../onnx/write.ts";
import { maskOf } from "./masking.ts";
import { ranked, single, type Layer, type LayerFunction } from "./layer.ts";
import { asImage, dimsOf, isChannelsFirst, windowOf } from "./spatial.ts";

export const poolings: Record<string, LayerFunction> = {
  MaxPooling1D: pool, MaxPooling2D: pool, MaxPool1D: pool, MaxPool2D: pool, AveragePooling1D: pool, AveragePooling2D: pool, AvgPool1D: pool,
  AvgPool2D: pool,
  GlobalMaxPooling1D: global, GlobalMaxPooling2D: global, GlobalAveragePooling1D: global, GlobalAveragePooling2D: global,
  GlobalMaxPool1D: global, GlobalMaxPool2D: global, GlobalAvgPool1D: global, GlobalAvgPool2D: global,
};

/** Averages count only what lies inside. */
function pool(l: Layer, inputs: string[]): string {
  const dims = dimsOf(l), size = l.config.ints("pool_size", dims, new Array<number>(dims).fill(2)), stride = l.config.ints("strides", dims, size);
  return asImage(l, single(l, inputs), dims, (x) => {
    const { kernel, dilation, pad, stride: s } = windowOf(l, x, dims, "pool_size", stride, size.map(() => 1));
    const window = { kernel, stride: s, dilation, pad, clamp: noClamp };
    return l.className.startsWith("Max") ? l.g.add("maxPool2d", [x], window) : l.g.add("averagePool2d", [x], { ...window, countIncludePad: false });
  });
}

function global(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), rank = ranked(l, x, dimsOf(l) + 2).length, axes = isChannelsFirst(l) ? range(rank).slice(2) : range(rank).slice(1, -1);
  const keepDims = l.config.bool("keepdims", false);
  if (l.className.includes("Max")) return reduce(l.g, "reduceMax", x, axes, keepDims);
  const mask = rank === 3 ? maskOf(l, x) : undefined;
  return mask !== undefined ? maskedMean(l, x, mask, axes, keepDims) : reduce(l.g, "reduceMean", x, axes, keepDims);
}

/** Σ m · x / Σ m over the steps. */
function maskedMean(l: Layer, x: string, mask: string, axes: number[], keepDims: boolean): string {
  const [N, T] = l.g.shape(mask) as [number, number], m = reshape(l.g, mask, axes[0] === 1 ? [N, T, 1] : [N, 1, T]);
  return binary(l.g, "div", reduce(l.g, "reduceSum", mul(l.g, x, m), axes, keepDims), reduce(l.g, "reduceSum", m, axes, keepDims));
}
