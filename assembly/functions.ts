/**
 * Every elementwise function of this module. The position is the function's number in a parameter struct: append only, in
 * the order of `functionNames` in converter/write/layout.ts; a test compares them.
 *   y[i] = f(a[i], b[i], c[i]; alpha, beta) for i below n, a multiple of 4; y may be a
 */
import { affine, celu, clip, elu, gelu, geluTanh, hardSigmoid, hardSwish, leakyRelu, mish, selu, sigmoidOf, softplusOf, softsign, swish, tanhOf, thresholdedRelu } from "./functions/activations";
import { add, and, div, equal, greater, greaterOrEqual, less, lessOrEqual, maxOf, minOf, mul, or, prelu, sub, where, xor } from "./functions/binary";
import { atan2Of, cosOf, fmodOf, logOf, mod, powOf, sinOf } from "./functions/rare";
import { absOf, ceilOf, erfOf, expOf, floorOf, isInf, isNanOf, neg, not, reciprocal, round, sign, sqrtOf, truncate } from "./functions/unary";

export type Elementwise = (a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32) => void;

export const functions: StaticArray<Elementwise> = [
  clip, leakyRelu, elu, selu, celu, sigmoidOf, tanhOf, hardSigmoid, hardSwish, swish, gelu, geluTanh, mish,
  softplusOf, softsign, thresholdedRelu, expOf, logOf, sqrtOf, absOf, neg, reciprocal, erfOf, ceilOf, floorOf, round,
  sign, not, sinOf, cosOf, isNanOf, isInf, affine, truncate, add, sub, mul, div, powOf, minOf, maxOf, prelu, equal,
  greater, greaterOrEqual, less, lessOrEqual, and, or, xor, mod, fmodOf, atan2Of, where,
];
