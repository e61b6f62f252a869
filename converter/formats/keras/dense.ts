/** Dense layers and embeddings. */
import { noClamp } from "../../ir/ops.ts";
import { affine, cast, dtypeOf, toFloat, binary, rankOf, reduce, scalar, mul } from "../onnx/write.ts";
import { activate } from "./activation.ts";
import { maskWith } from "./masking.ts";
import { quantizable } from "./quantized.ts";
import { constantOf, ranked, single, type Layer, type LayerFunction } from "./layer.ts";

export const denses: Record<string, LayerFunction> = { Dense: dense, Embedding: embedding, Masking: masking };

/** y = x · kernel + bias over the last axis; kernel is [I,O]. */
export function dense(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), units = l.config.int("units", undefined, 1), useBias = l.config.bool("use_bias", true);
  const { kernel, bias } = quantizable(l, { kernel: [l.g.shape(x).at(-1)!, units], bias: useBias && [units] }, "kernel", 1);
  return activate(l, l.g.add("dense", [x, constantOf(l, kernel, [1, 0]), ...(bias ? [constantOf(l, bias)] : [])], { clamp: noClamp }));
}

/** Rows of a table; with mask_zero, index 0 is no step of a sequence. */
function embedding(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), width = l.config.int("output_dim", undefined, 1);
  const { embeddings } = quantizable(l, { embeddings: [-1, width] }, "embeddings", 0);
  const y = l.g.add("gather", [constantOf(l, embeddings), dtypeOf(l.g, x) === "float32" ? cast(l.g, x, "int32") : x], { axis: 0 });
  if (l.config.bool("mask_zero", false) && rankOf(l.g, x) === 2) maskWith(l, y, () => differs(l, x, 0));
  return y;
}

/** Steps whose values all are mask_value become zero and do not count. */
function masking(l: Layer, inputs: string[]): string {
  const x = single(l, inputs), rank = ranked(l, x, 3).length, value = l.config.number("mask_value", 0);
  const mask = (keepDims: boolean) => reduce(l.g, "reduceMax", differs(l, x, value), [rank - 1], keepDims);
  const y = mul(l.g, x, mask(true));
  maskWith(l, y, () => mask(false));
  return y;
}

/** 1 where x is not `value`, else 0. */
const differs = (l: Layer, x: string, value: number): string =>
  affine(l.g, toFloat(l.g, binary(l.g, "equal", toFloat(l.g, x), scalar(l.g, value))), -1, 1);
