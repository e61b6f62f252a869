/**
 * Arithmetic with one number c, in one form:
 *   x + c, x − c, c − x, x · c, x / c, −x → affine   c / x → affine(1 / x)   max(x, c), min(x, c) → clip
 *   prelu(x, c) → leakyRelu   pow(x, 2), pow(x, ½), pow(x, −1), pow(x, −½) → x · x, √x, 1 / x, 1 / √x
 *   affine(affine(x)) → affine(x)   clip(clip(x)) → clip(x)
 * Bounds of the fused activation of such a node become a clip behind it.
 */
import { noClamp, type Clamp, type UnaryOp } from "../ir/ops.ts";
import type { Node } from "../ir/graph.ts";
import type { Rewriter } from "./rewriter.ts";

type Step = { op: UnaryOp; alpha: number; beta: number };
const affine = (alpha: number, beta: number): Step => ({ op: "affine", alpha, beta });

export function scalarArithmetic(rw: Rewriter, node: Node): void {
  if (node.op === "affine") return mergeAffine(rw, node);
  if (node.op === "clip") return mergeClip(rw, node);
  if (!node.outputs[0] || !rw.isFloat(node.outputs[0]) || !node.inputs.every((i) => i && rw.isFloat(i))) return;
  if (node.op === "pow" && numberOf(rw, node.inputs[1]!) === 2 && rw.shape(node.inputs[0]!).join() === rw.shape(node.outputs[0]!).join())
    return rw.become(node, "mul", [node.inputs[0]!, node.inputs[0]!], node.attributes);
  const found = stepsOf(rw, node);
  if (found) writeSteps(rw, node, found.x, [...found.steps, ...clampStep(node)]);
}

/** The operand that is no number, and the elementwise steps that it takes. */
function stepsOf(rw: Rewriter, node: Node): { x: string; steps: Step[] } | undefined {
  if (node.op === "neg") return { x: node.inputs[0]!, steps: [affine(-1, 0)] };
  if (node.inputs.length !== 2 || !(node.op in withNumber)) return undefined;
  const rules = withNumber[node.op as keyof typeof withNumber];
  for (const side of [1, 0] as const) {
    const x = node.inputs[1 - side]!, c = numberOf(rw, node.inputs[side]!), rule = rules[side];
    if (c === undefined || !rule || rw.constant(x) || rw.shape(x).join() !== rw.shape(node.outputs[0]!).join()) continue;
    const steps = rule(c);
    if (steps?.every((s) => s.op === "clip" || (Number.isFinite(s.alpha) && Number.isFinite(s.beta)))) return { x, steps };
  }
  return undefined;
}

/** The value that all elements of a constant share. */
export function numberOf(rw: Rewriter, name: string): number | undefined {
  const data = rw.real(name)?.data;
  if (!data?.length) return undefined;
  const first = data[0]!;
  return data.every((v) => v === first) ? first : undefined;
}

/** By operator: the rule for a number on the left, and for one on the right. */
type Rule = ((c: number) => Step[] | undefined) | undefined;
const withNumber: Record<"add" | "sub" | "mul" | "div" | "max" | "min" | "prelu" | "pow", readonly [Rule, Rule]> = {
  add: [(c) => [affine(1, c)], (c) => [affine(1, c)]],
  sub: [(c) => [affine(-1, c)], (c) => [affine(1, -c)]],
  mul: [(c) => [affine(c, 0)], (c) => [affine(c, 0)]],
  div: [(c) => [{ op: "reciprocal", alpha: 0, beta: 0 }, affine(c, 0)], (c) => [affine(1 / c, 0)]],
  max: [(c) => [{ op: "clip", alpha: c, beta: Infinity }], (c) => [{ op: "clip", alpha: c, beta: Infinity }]],
  min: [(c) => [{ op: "clip", alpha: -Infinity, beta: c }], (c) => [{ op: "clip", alpha: -Infinity, beta: c }]],
  prelu: [undefined, (c) => [{ op: "leakyRelu", alpha: c, beta: 0 }]],
  pow: [undefined, (c) => powers[c]],
};
const sqrt: Step = { op: "sqrt", alpha: 0, beta: 0 }, reciprocal: Step = { op: "reciprocal", alpha: 0, beta: 0 };
const powers: Record<number, Step[]> = { 1: [affine(1, 0)], 0.5: [sqrt], [-1]: [reciprocal], [-0.5]: [sqrt, reciprocal] };

const clampStep = (node: Node): Step[] => {
  const [alpha, beta] = (node.attributes as { clamp?: Clamp }).clamp ?? noClamp;
  return alpha === -Infinity && beta === Infinity ? [] : [{ op: "clip", alpha, beta }];
};

function writeSteps(rw: Rewriter, node: Node, x: string, steps: Step[]): void {
  const last = steps.pop()!;
  for (const { op, alpha, beta } of steps) x = rw.add(op, [x], { alpha, beta }, { stem: node.name });
  rw.become(node, last.op, [x], { alpha: last.alpha, beta: last.beta });
}

function mergeAffine(rw: Rewriter, node: Node<"affine">): void {
  const inner = rw.by(node.inputs[0], "affine"), { alpha, beta } = node.attributes;
  if (!inner || !rw.isFloat(node.outputs[0]!) || !rw.isFloat(inner.outputs[0]!)) return;
  rw.become(node, "affine", [inner.inputs[0]!], { alpha: alpha * inner.attributes.alpha, beta: alpha * inner.attributes.beta + beta });
}

function mergeClip(rw: Rewriter, node: Node<"clip">): void {
  const inner = rw.by(node.inputs[0], "clip");
  if (!inner || !rw.isFloat(node.outputs[0]!) || !rw.isFloat(inner.outputs[0]!)) return;
  const [alpha, beta] = composed([inner.attributes.alpha, inner.attributes.beta], [node.attributes.alpha, node.attributes.beta]);
  rw.become(node, "clip", [inner.inputs[0]!], { alpha, beta });
}

/** clip by `second` of clip by `first`. */
export const composed = (first: Clamp, second: Clamp): Clamp => {
  const bound = (v: number) => Math.min(second[1], Math.max(second[0], v));
  return [bound(Math.min(first[0], first[1])), bound(first[1])];
};
