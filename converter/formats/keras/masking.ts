/**
 * Recurrent layers over a mask: a step that does not count leaves the state alone and repeats the last output. The steps that
 * count are brought to the front, `lengths` says how many they are, and the outputs are spread over all steps again.
 */
import { allocate } from "../../ir/graph.ts";
import { affine, binary, cast, concat, constant, filled, matmul, mul, range, reduce, reshape, toFloat } from "../onnx/write.ts";
import { tensorsIn, type Layer } from "./layer.ts";

/** Gives a tensor a mask, which is made when somebody needs it. */
export const maskWith = (l: Pick<Layer, "context">, x: string, make: () => string): void => void l.context.masks.set(x, { make });

/** The mask of a tensor, [N,T], or undefined. */
export function maskOf(l: Pick<Layer, "context">, x: string): string | undefined {
  const mask = l.context.masks.get(x);
  return mask && (mask.made ??= mask.make());
}

/** The mask that a recurrent layer reads its steps under: Keras 3 passes on no mask of the input where a state is given too, only one by keyword. */
export function maskOverTime(l: Layer, x: string, initial: readonly string[]): string | undefined {
  const isLost = l.context.keras >= 3 && initial.length > 0 && tensorsIn(l.keywords.mask).length === 0;
  return isLost ? undefined : maskOf(l, x);
}

/** Does `work` under the mask that a layer is called with by keyword, as Keras 3 writes it for its first input. */
export function withGivenMask<T>(l: Layer, inputs: readonly string[], work: () => T): T {
  const [given] = tensorsIn(l.keywords.mask), x = inputs[0]!, own = l.context.masks.get(x);
  if (given === undefined || Array.isArray(l.keywords.mask)) return work();
  maskWith(l, x, () => toFloat(l.g, given));
  const result = work();
  if (own) l.context.masks.set(x, own);
  else l.context.masks.delete(x);
  return result;
}

/** Layers that work on each step for itself hand the mask of their inputs on; of several inputs a step must count in all. */
export function passMask(l: Layer, inputs: readonly string[], outputs: readonly string[]): void {
  const sources = inputs.filter((x) => l.context.masks.has(x)), [first, ...others] = [...new Set(sources.map((x) => l.context.masks.get(x)!))];
  if (!first || !passing.has(l.className)) return;
  const both = others.length ? { make: () => sources.map((x) => maskOf(l, x)!).reduce((a, m) => mul(l.g, a, m)) } : first;
  for (const y of outputs) if (!l.context.masks.has(y)) l.context.masks.set(y, both);
}

const passing = new Set([
  "Dense", "TimeDistributed", "Dropout", "SpatialDropout1D", "GaussianDropout", "AlphaDropout", "GaussianNoise", "ActivityRegularization", "Identity",
  "BatchNormalization", "LayerNormalization", "UnitNormalization", "Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "ThresholdedReLU",
  "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Rescaling", "Normalization",
]);

/** `counted`: how many steps count up to and with each one, [T]. */
export interface Compacted { x: string; lengths: string; counted: string; mask: string }

/** Constants of T · T elements are made. */
const longest = 1024;

/** @param x [T,1,I] · @param mask [1,T] */
export function compacted(l: Layer, x: string, mask: string): Compacted {
  const { g } = l, [T, N] = g.shape(x) as [number, number];
  if (N !== 1 || T > longest) {
    g.fail(`it has a mask over ${N} samples of ${T} steps, expected 1 sample of up to ${longest}`, "Use shorter sequences, or leave the mask out.");
  }
  const triangle = allocate("float32", T * T).map((_, i) => (Math.floor(i / T) <= i % T ? 1 : 0)) as Float32Array;
  const steps = Float32Array.from(range(T));
  const counted = matmul(g, mask, g.constant(`${l.name}/before`, "float32", [T, T], triangle));
  const comesTo = toFloat(g, binary(g, "equal", affine(g, counted, 1, -1), constant(g, `${l.name}/steps`, "float32", steps, [T, 1])));
  const from = matmul(g, mul(g, comesTo, mask), constant(g, `${l.name}/steps`, "float32", steps, [T, 1]));
  const order = cast(g, reshape(g, from, [T]), "int32"), lengths = cast(g, reduce(g, "reduceSum", mask, [1], false), "int32");
  return { x: g.add("gather", [x, order], { axis: 0 }), lengths, counted: cast(g, reshape(g, counted, [T]), "int32"), mask };
}

/** y [T,1,H] of the steps that count → of all steps; before the first one it is zero. */
export function spread(l: Layer, c: Compacted, y: string, zeroWhereMasked: boolean): string {
  const { g } = l, [T, N, H] = g.shape(y) as [number, number, number];
  const all = g.add("gather", [concat(g, [filled(g, "float32", [1, N, H], 0), y], 0), c.counted], { axis: 0 });
  return zeroWhereMasked ? mul(g, all, reshape(g, c.mask, [T, 1, 1])) : all;
}
