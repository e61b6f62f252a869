/**
 * Activations that come in parts, as the one operator that they are:
 *   x · σ(k x) → swish   x · hardSigmoid(x/6 + ½), x · clip(x + 3, 0, 6) / 6 → hardSwish
 *   x · ½(1 + erf(x/√2)) → gelu   x · ½(1 + tanh(√(2/π)(x + 0.044715 x³))) → geluTanh   x · tanh(softplus(x)) → mish
 *   log(1 + eˣ) → softplus   1 / (1 + e⁻ˣ) → σ   x / (1 + e⁻ʸ) → x · σ(y)   max(x, k x) → leakyRelu   clip(a x + b, 0, 1) → hardSigmoid
 * Numbers arrive here as affine (scalar-arithmetic); factors that are left over become an affine behind, and merge there.
 */
import type { Node } from "../ir/graph.ts";
import { isUnclamped, type OpName, type UnaryOp } from "../ir/ops.ts";
import { polynomialIn } from "./polynomial.ts";
import type { Rewriter } from "./rewriter.ts";

export function fuseActivation(rw: Rewriter, node: Node): void {
  if (!node.outputs.every((o) => o && rw.isFloat(o)) || !node.inputs.every((i) => i && rw.isFloat(i))) return;
  (rules[node.op] as ((rw: Rewriter, node: Node) => void) | undefined)?.(rw, node);
}

/** An activation of `x`, times `factor`. */
interface Found { op: UnaryOp; alpha: number; beta: number; factor: number }
const found = (op: UnaryOp, factor = 1, alpha = 0, beta = 0): Found => ({ op, alpha, beta, factor });

const rules: { [K in OpName]?: (rw: Rewriter, node: Node<K>) => void } = {
  mul: product,
  div: quotient,
  log: (rw, node) => {
    const exponent = onePlusExp(rw, node.inputs[0]!);
    if (exponent && exponent.scale === 1) rw.become(node, "softplus", [exponent.x], { alpha: 0, beta: 0 });
  },
  reciprocal: (rw, node) => {
    const exponent = onePlusExp(rw, node.inputs[0]!);
    if (exponent) rw.become(node, "sigmoid", [scaled(rw, node, exponent.x, -exponent.scale)], { alpha: 0, beta: 0 });
  },
  max: (rw, node) => [0, 1].forEach((side) => {
    const x = node.inputs[side]!, { from, alpha, beta } = affineOf(rw, node.inputs[1 - side]!);
    if (from === x && beta === 0 && alpha > 0 && alpha < 1 && isUnclamped(node)) rw.become(node, "leakyRelu", [x], { alpha, beta: 0 });
  }),
  clip: (rw, node) => {
    const { from, alpha, beta } = affineOf(rw, node.inputs[0]!);
    if (from !== node.inputs[0] && node.attributes.alpha === 0 && node.attributes.beta === 1) rw.become(node, "hardSigmoid", [from], { alpha, beta });
  },
  affine: (rw, node) => {
    const clip = rw.by(node.inputs[0], "clip"), inner = affineOf(rw, clip?.inputs[0] ?? ""), { alpha, beta } = node.attributes;
    if (!clip || !(alpha > 0) || !near(alpha * clip.attributes.alpha + beta, 0) || !near(alpha * clip.attributes.beta + beta, 1)) return;
    rw.become(node, "hardSigmoid", [inner.from], { alpha: alpha * inner.alpha, beta: alpha * inner.beta + beta });
  },
};

/** Constants of such formulas are written with six digits or more. */
const near = (a: number, b: number) => Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(b));

/** `name` as alpha · from + beta. */
function affineOf(rw: Rewriter, name: string): { from: string; alpha: number; beta: number } {
  const node = rw.by(name, "affine");
  return node ? { from: node.inputs[0]!, ...node.attributes } : { from: name, alpha: 1, beta: 0 };
}

/** `name` as 1 + e^(scale · x). */
function onePlusExp(rw: Rewriter, name: string): { x: string; scale: number } | undefined {
  const { from, alpha, beta } = affineOf(rw, name), exp = rw.by(from, "exp");
  if (!exp || from === name || alpha !== 1 || beta !== 1) return undefined;
  const inner = affineOf(rw, exp.inputs[0]!);
  return inner.beta === 0 ? { x: inner.from, scale: inner.alpha } : { x: exp.inputs[0]!, scale: 1 };
}

function scaled(rw: Rewriter, node: Node, x: string, factor: number): string {
  return factor === 1 ? x : rw.add("affine", [x], { alpha: factor, beta: 0 }, { stem: node.name });
}

/** u / (1 + e^(−v)) = u · σ(v) */
function quotient(rw: Rewriter, node: Node<"div">): void {
  const exponent = onePlusExp(rw, node.inputs[1]!);
  if (!exponent || rw.shape(node.inputs[1]!).join() !== rw.shape(node.outputs[0]!).join()) return;
  const gate = rw.add("sigmoid", [scaled(rw, node, exponent.x, -exponent.scale)], { alpha: 0, beta: 0 }, { stem: node.name });
  rw.become(node, "mul", [node.inputs[0]!, gate], node.attributes);
}

function product(rw: Rewriter, node: Node<"mul">): void {
  if (!isUnclamped(node)) return;
  for (const side of [0, 1] as const) {
    const left = affineOf(rw, node.inputs[side]!), right = affineOf(rw, node.inputs[1 - side]!);
    const x = left.beta === 0 ? left.from : node.inputs[side]!, outer = left.beta === 0 ? left.alpha : 1;
    const match = gateOf(rw, right.from, x, right.alpha, right.beta);
    if (!match) continue;
    const factor = outer * match.factor;
    if (near(factor, 1)) return rw.become(node, match.op, [x], match);
    const y = rw.add(match.op, [x], { alpha: match.alpha, beta: match.beta }, { stem: node.name });
    return rw.become(node, "affine", [y], { alpha: factor, beta: 0 });
  }
}

/** x · (p · gate + q) as an activation of x. */
function gateOf(rw: Rewriter, gate: string, x: string, p: number, q: number): Found | undefined {
  const node = rw.producer(gate);
  if (!node || !node.inputs[0]) return undefined;
  const inner = affineOf(rw, node.inputs[0]), ofX = inner.from === x || node.inputs[0] === x, argument = node.inputs[0] === x ? { alpha: 1, beta: 0 } : inner;
  if (node.op === "sigmoid" && ofX && q === 0 && argument.beta === 0) return found("swish", p, argument.alpha);
  if (node.op === "hardSigmoid" && node.inputs[0] === x && q === 0) return isSixth(node) ? found("hardSwish", p) : undefined;
  if (node.op === "clip" && ofX && q === 0) return hardSwishOf(node, argument, p);
  if (node.op === "erf" && ofX && near(p, q) && argument.beta === 0 && near(argument.alpha, Math.SQRT1_2)) return found("gelu", 2 * p);
  if (node.op === "tanh" && q === 0 && rw.by(node.inputs[0], "softplus")?.inputs[0] === x) return found("mish", p);
  if (node.op === "tanh" && near(p, q) && isGeluPolynomial(polynomialIn(rw, node.inputs[0], x))) return found("geluTanh", 2 * p);
  return undefined;
}

const isSixth = ({ attributes: { alpha, beta } }: Node<"hardSigmoid">): boolean => near(alpha, 1 / 6) && near(beta, 0.5);

/** clip(a x + b, 0, h) is h · hardSigmoid(x/6 + ½) where a/h = 1/6 and b/h = ½. */
function hardSwishOf(clip: Node<"clip">, { alpha, beta }: { alpha: number; beta: number }, p: number): Found | undefined {
  const h = clip.attributes.beta;
  return clip.attributes.alpha === 0 && near(alpha / h, 1 / 6) && near(beta / h, 0.5) ? found("hardSwish", p * h) : undefined;
}

const isGeluPolynomial = (c: number[] | undefined): boolean => {
  const k = Math.sqrt(2 / Math.PI);
  return c !== undefined && c.length === 4 && near(c[0]!, 0) && near(c[1]!, k) && near(c[2]!, 0) && near(c[3]!, k * 0.044715);
};
