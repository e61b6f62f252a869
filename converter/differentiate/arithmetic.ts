/** Derivatives of elementwise operators of two tensors, and of sums and means. */
import { sizeOf, type Node } from "../ir/graph.ts";
import { noClamp } from "../ir/ops.ts";
import { throughClamp } from "./products.ts";
import type { Rule, Rules, Tape } from "./tape.ts";

/** The gradient with regard to each operand, from dy, of the shape of y; `pass` sums what was broadcast. */
type Partial = (tape: Tape, dy: string, a: string, c: string, y: string) => string;

const binary = <K extends "add" | "sub" | "mul" | "div" | "min" | "max" | "prelu" | "squaredDifference">(da: Partial, dc: Partial): Rule<K> => (node, [given], tape) => {
  const [a, c] = node.inputs as [string, string], y = node.outputs[0]!, dy = throughClamp(tape, y, given!, node.attributes.clamp);
  tape.pass(a, () => tape.unbroadcast(da(tape, dy, a, c, y), tape.shape(a)));
  tape.pass(c, () => tape.unbroadcast(dc(tape, dy, a, c, y), tape.shape(c)));
};

const whole: Partial = (_, dy) => dy;
const negative: Partial = (tape, dy) => tape.scaled(dy, -1);
/** dy where a compares so with c, else 0. */
const where = (how: "greater" | "lessOrEqual" | "less" | "greaterOrEqual"): Partial => (tape, dy, a, c) => tape.times(dy, tape.b.add("cast", [tape.b.add(how, [a, c], { clamp: noClamp })], { to: "float32" }));

const reduceSum: Rule<"reduceSum"> = (node, [dy], tape) => tape.pass(node.inputs[0], () => spread(tape, dy!, node));
const reduceMean: Rule<"reduceMean"> = (node, [dy], tape) => {
  const x = node.inputs[0]!, count = sizeOf(tape.shape(x)) / sizeOf(tape.shape(node.outputs[0]!));
  tape.pass(x, () => tape.scaled(spread(tape, dy!, node), 1 / count));
};

/** dy for every element that was summed. */
function spread(tape: Tape, dy: string, node: Node<"reduceSum"> | Node<"reduceMean">): string {
  const shape = tape.shape(node.inputs[0]!), kept = shape.map((d, axis) => (node.attributes.axes.includes(axis) ? 1 : d));
  return tape.b.add("expand", [tape.shaped(dy, kept)], { shape });
}

export const arithmetic: Rules = {
  add: binary<"add">(whole, whole),
  sub: binary<"sub">(whole, negative),
  mul: binary<"mul">((t, dy, _, c) => t.times(dy, c), (t, dy, a) => t.times(dy, a)),
  /** d(a/c)/dc = −y/c */
  div: binary<"div">((t, dy, _, c) => t.b.add("div", [dy, c], { clamp: noClamp }), (t, dy, _, c, y) => t.scaled(t.b.add("div", [t.times(dy, y), c], { clamp: noClamp }), -1)),
  squaredDifference: binary<"squaredDifference">((t, dy, a, c) => t.scaled(t.times(dy, difference(t, a, c)), 2), (t, dy, a, c) => t.scaled(t.times(dy, difference(t, a, c)), -2)),
  min: binary<"min">(where("lessOrEqual"), where("greater")),
  max: binary<"max">(where("greaterOrEqual"), where("less")),
  /** x > 0 ? x : slope · x */
  prelu: binary<"prelu">(
    (t, dy, x, slope) => t.b.add("add", [positive(t, dy, x), t.times(negativePart(t, dy, x), slope)], { clamp: noClamp }),
    (t, dy, x) => t.times(dy, t.b.add("clip", [x], { alpha: -Infinity, beta: 0 })),
  ),
  reduceSum, reduceMean,
};

const difference = (t: Tape, a: string, c: string) => t.b.add("sub", [a, c], { clamp: noClamp });
const positive = (t: Tape, dy: string, x: string) => t.b.add("clampGrad", [x, dy], { min: 0, max: Infinity });
const negativePart = (t: Tape, dy: string, x: string) => t.b.add("sub", [dy, positive(t, dy, x)], { clamp: noClamp });
