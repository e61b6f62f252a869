/** What works along axes: reductions, softmax, normalize, argMax, argMin, cumSum, topK. */
import { around, stridesOf, walkOver } from "../ir/eval/strides.ts";
import { sizeOf, type Node } from "../ir/graph.ts";
import { reduceOps, type ReduceOp } from "../ir/ops.ts";
import type { LoweringContext, Operand } from "./context.ts";
import { copyStrided, fill } from "./move.ts";
import { walkFields } from "./strided.ts";

const pick = (values: readonly number[], axes: readonly number[]): number[] => axes.map((a) => values[a]!);

/** Axes of x that `axes` leaves, in order. */
const others = (rank: number, axes: readonly number[]): number[] => Array.from({ length: rank }, (_, a) => a).filter((a) => !axes.includes(a));

/** Reductions of no elements at all. */
const ofNothing: Record<ReduceOp, number> = {
  reduceSum: 0, reduceMean: NaN, reduceMax: -Infinity, reduceMin: Infinity, reduceProd: 1, reduceL1: 0, reduceL2: 0, reduceSumSquare: 0, reduceLogSumExp: -Infinity,
};

export function reduce(node: Node<ReduceOp>, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], { shape } = c.tensor(x), strides = stridesOf(shape), { axes } = node.attributes;
  if (sizeOf(shape) === 0) return fill(c, y, ofNothing[node.op]);
  const fields = (over: readonly number[], size: string, stride: string) => {
    const walked = walkFields(walkOver(pick(shape, over), [pick(strides, over)]), ["s"]);
    return Object.fromEntries(Object.entries(walked).map(([name, value]) => [name.replace(/^n/, size).replace(/^s/, stride), value]));
  };
  c.call("reduceF32", { x: c.at(x), y: c.at(y), how: reduceOps.indexOf(node.op), ...fields(others(shape.length, axes), "n", "x"), ...fields(axes, "m", "r") }, ["y"], sizeOf(shape));
}

export function softmax(node: Node<"softmax"> | Node<"logSoftmax">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], { outer, size, inner } = around(c.tensor(x).shape, node.attributes.axis);
  c.inherit(y, x);
  c.call("softmaxF32", { x: c.at(x), y: c.at(y), outer, n: size, inner, log: Number(node.op === "logSoftmax") }, ["y"]);
}

/** Rows must be contiguous: other axes are brought to the end and back by copies. */
export function normalize(node: Node<"normalize">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], { shape } = c.tensor(x), strides = stridesOf(shape), { axes, epsilon } = node.attributes;
  const kept = others(shape.length, axes), order = [...kept, ...axes], n = sizeOf(pick(shape, axes)), rows = sizeOf(shape) / n;
  const trailing = order.filter((a) => shape[a] !== 1).every((a, i, all) => i === 0 || a > all[i - 1]!);
  const run = (from: Operand, to: Operand) => c.call("normalizeF32", { x: from, y: to, rows, n, epsilon }, ["y"]);
  if (trailing) return run(c.at(x), c.at(y));
  const ordered = c.scratch(4 * sizeOf(shape)), dense = stridesOf(pick(shape, order)), across = pick(strides, order);
  copyStrided(c, pick(shape, order), 4, { at: c.at(x), strides: across }, { at: ordered, strides: dense });
  run(ordered, ordered);
  copyStrided(c, pick(shape, order), 4, { at: ordered, strides: dense }, { at: c.at(y), strides: across });
}

export function arg(node: Node<"argMax"> | Node<"argMin">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], { outer, size, inner } = around(c.tensor(x).shape, node.attributes.axis);
  c.call("argF32", { x: c.at(x), y: c.at(y), outer, n: size, inner, largest: Number(node.op === "argMax"), last: Number(node.attributes.selectLast) }, ["y"]);
}

export function cumSum(node: Node<"cumSum">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], { outer, size, inner } = around(c.tensor(x).shape, node.attributes.axis), { exclusive, reverse } = node.attributes;
  c.call("cumSumF32", { x: c.at(x), y: c.at(y), outer, n: size, inner, exclusive: Number(exclusive), reverse: Number(reverse) }, ["y"]);
}

export function topK(node: Node<"topK">, c: LoweringContext): void {
  const { outer, size, inner } = around(c.tensor(node.inputs[0]!).shape, node.attributes.axis), { k, largest } = node.attributes, [values, indices] = node.outputs;
  c.call("topKF32", { x: c.at(node.inputs[0]!), values: values ? c.at(values) : 0, indices: indices ? c.at(indices) : 0, outer, n: size, inner, k, largest: Number(largest) }, ["values", "indices"]);
}
