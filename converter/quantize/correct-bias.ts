/**
 * Bias correction, after Nagel et al., "Data-free quantization through weight equalization and bias correction" (2019):
 * rounded weights w' shift an output by Σ (w' − w) · E[x] on average; the bias takes that back.
 */
import type { Tensor, TypedArray } from "../ir/graph.ts";
import { dequantizeConstant } from "./float-islands.ts";

type Constant = Tensor & { data: TypedArray };

/**
 * Σ (w − w') · E[x] per output channel, borders not told apart.
 * @param w [O, …, C/groups]
 * @param means E[x] per channel of x, [C]
 */
export function meanShift(w: Constant, rounded: Constant, means: Float64Array): Float32Array {
  const O = w.shape[0]!, K = w.data.length / O, perGroup = w.shape.at(-1)!, groups = means.length / perGroup, real = dequantizeConstant(rounded);
  return Float32Array.from({ length: O }, (_, o) => {
    const channel = Math.floor(o / (O / groups)) * perGroup;
    let sum = 0;
    for (let k = 0; k < K; k++) sum += (w.data[o * K + k]! - real[o * K + k]!) * means[channel + (k % perGroup)]!;
    return sum;
  });
}

/** a + b, either of which may be absent. */
export function added(a: TypedArray | undefined, b: Float32Array | undefined): TypedArray | undefined {
  return a && b ? Float32Array.from(a, (v, i) => v + b[i]!) : (a ?? b);
}
