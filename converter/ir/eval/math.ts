/** Scalar functions in double, by their definition in ONNX. */
import type { BinaryOp, UnaryOp } from "../ops.ts";
import { roundEven } from "./value.ts";

export type Scalar = (x: number, alpha: number, beta: number) => number;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!, all terms of one sign; 1 beyond what a double can tell. */
export function erf(x: number): number {
  if (x !== x) return x;
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

export const unaryScalar: Record<UnaryOp, Scalar> = {
  clip: (x, lo, hi) => Math.min(hi, Math.max(lo, x)),
  leakyRelu: (x, alpha) => (x < 0 ? alpha * x : x),
  elu: (x, alpha) => (x < 0 ? alpha * Math.expm1(x) : x),
  selu: (x, alpha, gamma) => gamma * (x <= 0 ? alpha * Math.expm1(x) : x),
  celu: (x, alpha) => Math.max(0, x) + Math.min(0, alpha * Math.expm1(x / alpha)),
  sigmoid,
  tanh: Math.tanh,
  hardSigmoid: (x, alpha, beta) => Math.min(1, Math.max(0, alpha * x + beta)),
  hardSwish: (x) => (x * Math.min(6, Math.max(0, x + 3))) / 6,
  swish: (x, alpha) => x * sigmoid(alpha * x),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  geluTanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
  mish: (x) => x * Math.tanh(softplus(x)),
  softplus,
  softsign: (x) => x / (1 + Math.abs(x)),
  thresholdedRelu: (x, alpha) => (x > alpha ? x : 0),
  exp: Math.exp, log: Math.log, sqrt: Math.sqrt, abs: Math.abs,
  neg: (x) => -x,
  reciprocal: (x) => 1 / x,
  erf,
  ceil: Math.ceil, floor: Math.floor, round: roundEven, sign: Math.sign,
  not: (x) => (x ? 0 : 1),
  sin: Math.sin, cos: Math.cos,
  isNan: (x) => (x !== x ? 1 : 0),
  isInf: (x, negative, positive) => ((x === Infinity && positive) || (x === -Infinity && negative) ? 1 : 0),
  affine: (x, alpha, beta) => alpha * x + beta,
  truncate: Math.trunc,
  rsqrt: (x) => 1 / Math.sqrt(x),
};

const truth = (value: unknown) => (value ? 1 : 0);

export const binaryScalar: Record<BinaryOp, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: (a, b) => a ** b,
  min: Math.min, max: Math.max,
  prelu: (x, slope) => (x < 0 ? slope * x : x),
  equal: (a, b) => truth(a === b),
  greater: (a, b) => truth(a > b),
  greaterOrEqual: (a, b) => truth(a >= b),
  less: (a, b) => truth(a < b),
  lessOrEqual: (a, b) => truth(a <= b),
  and: (a, b) => truth(a && b),
  or: (a, b) => truth(a || b),
  xor: (a, b) => truth(!a !== !b),
  mod: (a, b) => {
    const r = a % b;
    return r !== 0 && r < 0 !== b < 0 ? r + b : r;
  },
  fmod: (a, b) => a % b,
  atan2: Math.atan2,
  squaredDifference: (a, b) => (a - b) ** 2,
};
