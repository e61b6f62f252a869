/**
 * Every elementwise function of this module by its number in a parameter struct: functionN. Append only, in the order of
 * `functionNames` in converter/write/layout.ts; a test compares them. scripts/tables.mjs makes a table of them.
 *   y[i] = f(a[i], b[i], c[i]; alpha, beta) for i below n, a multiple of 4; y may be a
 */
export { clip as function0, leakyRelu as function1, elu as function2, selu as function3, celu as function4 } from "./functions/activations";
export { sigmoidOf as function5, tanhOf as function6, hardSigmoid as function7, hardSwish as function8, swish as function9 } from "./functions/activations";
export { gelu as function10, geluTanh as function11, mish as function12, softplusOf as function13, softsign as function14 } from "./functions/activations";
export { thresholdedRelu as function15 } from "./functions/activations";
export { expOf as function16 } from "./functions/unary";
export { logOf as function17 } from "./functions/rare";
export { sqrtOf as function18, absOf as function19, neg as function20, reciprocal as function21, erfOf as function22 } from "./functions/unary";
export { ceilOf as function23, floorOf as function24, round as function25, sign as function26, not as function27 } from "./functions/unary";
export { sinOf as function28, cosOf as function29 } from "./functions/rare";
export { isNanOf as function30, isInf as function31 } from "./functions/unary";
export { affine as function32 } from "./functions/activations";
export { truncate as function33 } from "./functions/unary";
export { add as function34, sub as function35, mul as function36, div as function37 } from "./functions/binary";
export { powOf as function38 } from "./functions/rare";
export { minOf as function39, maxOf as function40, prelu as function41, equal as function42, greater as function43 } from "./functions/binary";
export { greaterOrEqual as function44, less as function45, lessOrEqual as function46, and as function47, or as function48 } from "./functions/binary";
export { xor as function49 } from "./functions/binary";
export { mod as function50, fmodOf as function51, atan2Of as function52 } from "./functions/rare";
export { where as function53 } from "./functions/binary";
