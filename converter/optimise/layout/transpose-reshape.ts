/**
 * reshape(transpose(x)) → transpose(reshape(x)), where the axes that the reshape joins or splits stand together in x.
 * Where they do but in another order, the transpose is parted: transpose(reshape(transpose(x))), the inner one only
 * within the groups.
 */
import type { Node } from "../../ir/graph.ts";
import type { Rewriter } from "../rewriter.ts";
import { groupsOf, type Group } from "./groups.ts";
import { compose, equal, inverse, isIdentity, permuted } from "./permutation.ts";
import { sameScale } from "./view.ts";

export function sinkTransposeBelowReshape(rw: Rewriter, node: Node): void {
  if (node.op !== "reshape") return;
  const transpose = rw.by(node.inputs[0], "transpose");
  if (!transpose || !sameScale(rw, transpose.inputs[0]!, node.outputs[0]!)) return;
  const x = transpose.inputs[0]!, plan = planOf(rw.shape(x), transpose.attributes.perm, rw.shape(node.outputs[0]!));
  if (!plan) return;
  const like = rw.tensor(node.outputs[0]!), stem = node.name;
  const from = plan.inner ? rw.add("transpose", [x], { perm: plan.inner }, { stem, like }) : x;
  if (isIdentity(plan.perm)) return rw.become(node, "reshape", [from], { shape: plan.shape });
  const reshaped = rw.add("reshape", [from], { shape: plan.shape }, { stem, like });
  rw.become(node, "transpose", [reshaped], { perm: plan.perm });
}

interface Plan { inner: number[] | undefined; shape: number[]; perm: number[] }

/** `xShape` transposed by `perm`, then shaped as `to`: the same with the reshape before the transpose. */
function planOf(xShape: readonly number[], perm: readonly number[], to: readonly number[]): Plan | undefined {
  const groups = groupsOf(permuted(xShape, perm), to);
  if (!groups?.length) return undefined;
  const inX = groups.map((g) => ({ to: g.to, axes: g.from.map((k) => perm[k]!) })).sort((a, b) => Math.min(...a.axes) - Math.min(...b.axes));
  const order = inX.flatMap((g) => g.axes), sorted = order.every((axis, i) => i === 0 || axis > order[i - 1]!);
  const inner = sorted ? undefined : innerOrder(xShape, inX);
  if (!sorted && !inner) return undefined;
  const axes = inX.flatMap((g) => g.to), outer = inverse(axes);
  const movesNothing = equal(axes.filter((k) => to[k] !== 1), axes.filter((k) => to[k] !== 1).sort((a, b) => a - b));
  if (inner && movesNothing) return undefined;
  return movesNothing ? { inner, shape: [...to], perm: to.map((_, k) => k) } : { inner, shape: permuted(to, axes), perm: outer };
}

/** The permutation of x that orders each group within itself; undefined where a group does not stand together. */
function innerOrder(xShape: readonly number[], groups: { axes: number[] }[]): number[] | undefined {
  const places = groups.flatMap((g) => [...g.axes].sort((a, b) => a - b));
  if (!places.every((axis, i) => i === 0 || axis > places[i - 1]!)) return undefined;
  const order = groups.flatMap((g) => g.axes), perm = xShape.map((_, axis) => axis);
  places.forEach((place, i) => { perm[place] = order[i]!; });
  return perm;
}

/**
 * transpose(reshape(transpose(x))) → reshape(transpose(x)), where the reshape only joins axes and the upper transpose
 * cannot sink: what moves joined axes moves the parts as well.
 */
export function liftTransposeAboveReshape(rw: Rewriter, node: Node): void {
  if (node.op !== "transpose") return;
  const reshape = rw.by(node.inputs[0], "reshape"), upper = rw.by(reshape?.inputs[0], "transpose");
  if (!reshape || !upper || !rw.isPrivate(reshape.outputs[0]!) || !sameScale(rw, upper.inputs[0]!, node.outputs[0]!)) return;
  const from = rw.shape(reshape.inputs[0]!), to = rw.shape(reshape.outputs[0]!), groups = groupsOf(from, to);
  if (!groups || groups.some((g) => g.to.filter((k) => to[k] !== 1).length !== 1)) return;
  const perm = compose(upper.attributes.perm, liftedOrder(from, to, groups, node.attributes.perm)), xShape = rw.shape(upper.inputs[0]!);
  const target = rw.shape(node.outputs[0]!);
  if (planOf(xShape, perm, target)) return;
  const moved = rw.add("transpose", [upper.inputs[0]!], { perm }, { stem: node.name, like: rw.tensor(node.outputs[0]!) });
  rw.become(node, "reshape", [moved], { shape: [...target] });
}

/** The order of the parts when the joined axes come in the order `perm`; axes of size 1 go first. */
function liftedOrder(from: readonly number[], to: readonly number[], groups: readonly Group[], perm: readonly number[]): number[] {
  const parts = new Map(groups.map((g) => [g.to.find((k) => to[k] !== 1), g.from]));
  return [...from.flatMap((d, axis) => (d === 1 ? [axis] : [])), ...perm.flatMap((k) => parts.get(k) ?? [])];
}
