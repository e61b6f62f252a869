/** Derivatives of operators that move, repeat or select values. */
import { OctavoError } from "../ir/error.ts";
import type { Rule, Rules } from "./tape.ts";

const reshape: Rule<"reshape"> = (node, [dy], tape) => tape.pass(node.inputs[0], () => tape.shaped(dy!, tape.shape(node.inputs[0]!)));

const transpose: Rule<"transpose"> = (node, [dy], tape) => {
  const { perm } = node.attributes, back = perm.map((_, axis) => perm.indexOf(axis));
  tape.pass(node.inputs[0], () => tape.b.add("transpose", [dy!], { perm: back }));
};

/** Zeros around what was taken; an axis that was read backwards is turned back first. */
const slice: Rule<"slice"> = (node, [dy], tape) => {
  const { starts, steps, sizes } = node.attributes, shape = tape.shape(node.inputs[0]!);
  if (steps.some((s, axis) => Math.abs(s) !== 1 && sizes[axis] !== 1)) throw new OctavoError("ERR_OCTAVO_OPERATOR", `its steps are [${steps.join(",")}], expected 1 or −1.`);
  const turned = steps.map((s, axis) => s < 0 && sizes[axis] !== 1), first = starts.map((s, axis) => (turned[axis] ? s - sizes[axis]! + 1 : s));
  tape.pass(node.inputs[0], () => {
    const forward = turned.some(Boolean) ? tape.b.add("slice", [dy!], { starts: sizes.map((n, axis) => (turned[axis] ? n - 1 : 0)), steps: turned.map((t) => (t ? -1 : 1)), sizes }) : dy!;
    const after = shape.map((d, axis) => d - first[axis]! - sizes[axis]!);
    return tape.b.add("pad", [forward], { before: first, after, mode: "constant", value: 0 });
  });
};

const concat: Rule<"concat"> = (node, [dy], tape) => {
  const { axis } = node.attributes;
  let start = 0;
  for (const x of node.inputs) {
    const sizes = tape.shape(x), from = start;
    start += sizes[axis]!;
    tape.pass(x, () => tape.b.add("slice", [dy!], { starts: sizes.map((_, i) => (i === axis ? from : 0)), steps: sizes.map(() => 1), sizes }));
  }
};

const pad: Rule<"pad"> = (node, [dy], tape) => {
  const { before, after, mode } = node.attributes;
  if (mode !== "constant") throw new OctavoError("ERR_OCTAVO_OPERATOR", `its mode is ${mode}, expected constant.`);
  tape.pass(node.inputs[0], () => tape.b.add("pad", [dy!], { before: before.map((n) => -n), after: after.map((n) => -n), mode, value: 0 }));
};

const expand: Rule<"expand"> = (node, [dy], tape) => tape.pass(node.inputs[0], () => tape.unbroadcast(dy!, tape.shape(node.inputs[0]!)));

/** An embedding: rows of a parameter. */
const gather: Rule<"gather"> = (node, [dy], tape) => {
  const [data, indices] = node.inputs as [string, string];
  if (node.attributes.axis !== 0) throw new OctavoError("ERR_OCTAVO_OPERATOR", `its axis is ${node.attributes.axis}, expected 0.`);
  tape.sum(data, (acc) => tape.b.add("gatherGrad", [acc, indices, dy!], {}));
};

export const movement: Rules = { reshape, transpose, slice, concat, pad, expand, gather };
