/**
 * A layer that sums over its last axis does not mind its order, if its weights have the same:
 *   layer(reshape(transpose(x)), w) → layer(reshape(x), w with its columns moved)
 * where the transpose moves only axes that the reshape joins into the last one: flatten of [N,C,H,W] before dense.
 */
import { sizeOf, type Node } from "../../ir/graph.ts";
import type { OpName } from "../../ir/ops.ts";
import type { Rewriter } from "../rewriter.ts";
import { inverse, permuted } from "./permutation.ts";
import { sameScale } from "./view.ts";

const layers = new Set<OpName>(["dense", "lstm", "gru", "rnn"]);

export function permuteColumns(rw: Rewriter, node: Node): void {
  if (!layers.has(node.op)) return;
  const [flat, w] = node.inputs as [string, string], reshape = rw.by(flat, "reshape"), transpose = rw.by(reshape?.inputs[0], "transpose");
  if (!reshape || !transpose || !sameScale(rw, transpose.inputs[0]!, flat) || !movable(rw, w)) return;
  const x = transpose.inputs[0]!, { perm } = transpose.attributes, order = joinedOrder(rw.shape(x), perm, rw.shape(flat));
  if (!order?.length) return;
  const rows = rw.shape(w).slice(0, -1), sizes = permuted(rw.shape(x), perm).slice(-order.length), like = rw.tensor(w);
  const apart = rw.add("reshape", [w], { shape: [sizeOf(rows), ...sizes] }, { stem: w, like });
  const moved = rw.add("transpose", [apart], { perm: [0, ...inverse(order).map((p) => p + 1)] }, { stem: w, like });
  const columns = rw.add("reshape", [moved], { shape: rw.shape(w) }, { stem: w, like });
  const straight = rw.add("reshape", [x], { shape: rw.shape(flat) }, { stem: node.name, like: rw.tensor(flat) });
  rw.become(node, node.op, [straight, columns, ...node.inputs.slice(2)], node.attributes);
}

/** Weights that are known at conversion, one scale for all or one per row. */
function movable(rw: Rewriter, w: string): boolean {
  const constant = rw.constant(w) ?? rw.constant(rw.by(w, "dequantize")?.inputs[0]), q = constant?.quantization;
  return constant !== undefined && rw.isReplaceable(w) && (!q || q.scale.length === 1 || q.axis === 0);
}

/**
 * How `perm` orders the axes that become the last one: order[i] is the place in x, among these axes, of the i-th.
 * Undefined where the transpose moves an element from one row to another.
 */
function joinedOrder(xShape: readonly number[], perm: readonly number[], flat: readonly number[]): number[] | undefined {
  const yShape = permuted(xShape, perm);
  let first = yShape.length, product = 1;
  while (first > 0 && product < flat.at(-1)!) product *= yShape[--first]!;
  const rows = perm.slice(0, first).filter((p) => xShape[p] !== 1), joined = perm.slice(first), places = [...joined].sort((a, b) => a - b);
  const large = places.filter((p) => xShape[p] !== 1);
  const inOrder = [...rows, ...large].every((p, i, all) => i === 0 || p > all[i - 1]!);
  return product === flat.at(-1) && inOrder ? joined.map((p) => places.indexOf(p)) : undefined;
}
