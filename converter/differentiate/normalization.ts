/** Derivatives of normalizations. Means and variances of a batch norm are constants of the model: it is affine. */
import { noClamp } from "../ir/ops.ts";
import type { Rule, Rules } from "./tape.ts";

/** y = (x − mean) · r · scale + bias, r = 1 / √(variance + ε): dx = dy · r · scale, dscale = Σ dy · (x − mean) · r, dbias = Σ dy */
const batchNorm: Rule<"batchNorm"> = (node, [dy], tape) => {
  const [x, scale, bias, mean, variance] = node.inputs as [string, string, string, string, string], { axis, epsilon } = node.attributes, { b } = tape;
  const shape = tape.shape(x), along = shape.map((d, i) => (i === axis ? d : 1)), lined = (t: string) => tape.shaped(t, along);
  const r = lined(b.add("reciprocal", [b.add("sqrt", [b.add("affine", [variance], { alpha: 1, beta: epsilon })], { alpha: 0, beta: 0 })], { alpha: 0, beta: 0 }));
  const summed = (t: string) => tape.shaped(tape.unbroadcast(t, along), [shape[axis]!]);
  tape.pass(scale, () => summed(tape.times(dy!, tape.times(b.add("sub", [x, lined(mean)], { clamp: noClamp }), r))));
  tape.pass(bias, () => summed(dy!));
  tape.pass(x, () => tape.times(dy!, tape.times(r, lined(scale))));
};

/** y = (x − m) · r, r = 1 / √(mean((x − m)²) + ε): dx = r · (dy − mean(dy) − y · mean(dy · y)) */
const normalize: Rule<"normalize"> = (node, [dy], tape) => {
  const { axes, epsilon } = node.attributes, x = node.inputs[0]!, y = node.outputs[0]!, { b } = tape;
  const mean = (t: string) => b.add("reduceMean", [t], { axes, keepDims: true }), minus = (a: string, c: string) => b.add("sub", [a, c], { clamp: noClamp });
  tape.pass(x, () => {
    const centred = minus(x, mean(x)), variance = mean(tape.times(centred, centred));
    const root = b.add("sqrt", [b.add("affine", [variance], { alpha: 1, beta: epsilon })], { alpha: 0, beta: 0 });
    const inner = minus(minus(dy!, mean(dy!)), tape.times(y, mean(tape.times(dy!, y))));
    return b.add("div", [inner, root], { clamp: noClamp });
  });
};

export const normalization: Rules = { batchNorm, normalize };
