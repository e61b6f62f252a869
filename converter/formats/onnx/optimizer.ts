/** Optimizer steps: inputs are the rate, the step's number, then all parameters, their gradients and their states. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Operators, OnnxNode } from "./node.ts";
import { add, affine, binary, damaged, div, mul, range, scalar, square, sub, toFloat, unary, where } from "./write.ts";

/** Groups of inputs behind the first two: parameters, gradients, states. Calls `step` for each parameter; outputs stand group by group. */
function perParameter(n: OnnxNode, g: GraphBuilder, groups: number, step: (of: (group: number) => string) => string[]): string[] {
  const count = (n.inputs.length - 2) / groups;
  if (!Number.isInteger(count) || count < 1) damaged(g, `found ${n.inputs.length} inputs, expected 2 and groups of ${groups}`);
  const results = range(count).map((i) => step((group) => n.input(2 + group * count + i)));
  return range(groups - 1).flatMap((group) => results.map((r) => r[group]!));
}

/** g + normCoefficient · x */
const regularized = (n: OnnxNode, g: GraphBuilder, gradient: string, x: string): string => add(g, affine(g, x, n.float("norm_coefficient", 0), 0), gradient);

/** H' = H + G²; x' = x − rate / (1 + t · decay) · G / (√H' + ε) */
function adagrad(n: OnnxNode, g: GraphBuilder): string[] {
  const rate = div(g, n.input(0), affine(g, toFloat(g, n.input(1)), n.float("decay_factor", 0), 1));
  return perParameter(n, g, 3, (of) => {
    const G = regularized(n, g, of(1), of(0)), H = add(g, of(2), square(g, G));
    const scale = affine(g, unary(g, "sqrt", H), 1, n.float("epsilon", 1e-6));
    return [sub(g, of(0), div(g, mul(g, rate, G), scale)), H];
  });
}

/** V' = αV + (1 − α)G; H' = βH + (1 − β)G²; x' = x − rate · √(1 − βᵗ) / (1 − αᵗ) · V' / (√H' + ε), without the correction at t = 0. */
function adam(n: OnnxNode, g: GraphBuilder): string[] {
  const alpha = n.float("alpha", 0.9), beta = n.float("beta", 0.999), t = toFloat(g, n.input(1));
  const left = (base: number) => affine(g, binary(g, "pow", scalar(g, base), t), -1, 1);
  const first = binary(g, "equal", t, scalar(g, 0)), corrected = div(g, mul(g, n.input(0), unary(g, "sqrt", left(beta))), left(alpha));
  const rate = where(g, first, n.input(0), corrected);
  return perParameter(n, g, 4, (of) => {
    const G = regularized(n, g, of(1), of(0)), V = add(g, affine(g, of(2), alpha, 0), affine(g, G, 1 - alpha, 0));
    const H = add(g, affine(g, of(3), beta, 0), affine(g, square(g, G), 1 - beta, 0));
    const x = sub(g, of(0), mul(g, rate, div(g, V, affine(g, unary(g, "sqrt", H), 1, n.float("epsilon", 1e-6)))));
    const decay = n.float("norm_coefficient_post", 0);
    return [decay ? affine(g, x, 1 - decay, 0) : x, V, H];
  });
}

/** V' = αV + βG, β = 1 at t = 0; x' = x − rate · V', or with Nesterov's look ahead x − rate · (G + αV') */
function momentum(n: OnnxNode, g: GraphBuilder): string[] {
  const mode = n.string("mode"), alpha = n.float("alpha"), first = binary(g, "equal", toFloat(g, n.input(1)), scalar(g, 0));
  if (mode !== "standard" && mode !== "nesterov") g.fail(`mode is "${mode}", expected standard or nesterov`);
  const beta = where(g, first, scalar(g, 1), scalar(g, n.float("beta")));
  return perParameter(n, g, 3, (of) => {
    const G = regularized(n, g, of(1), of(0)), V = add(g, affine(g, of(2), alpha, 0), mul(g, beta, G));
    const direction = mode === "standard" ? V : add(g, G, affine(g, V, alpha, 0));
    return [sub(g, of(0), mul(g, n.input(0), direction)), V];
  });
}

export const optimizers: Operators = { Adagrad: adagrad, Adam: adam, Momentum: momentum };
