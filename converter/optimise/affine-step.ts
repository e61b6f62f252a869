/** Nodes that scale and shift every row of their operand by constants. */
import { broadcastStrides } from "../ir/eval/strides.ts";
import { sizeOf, type Node } from "../ir/graph.ts";
import type { Clamp } from "../ir/ops.ts";
import type { Rewriter } from "./rewriter.ts";

/** x · scale + shift with one entry per element of a row, or absent: 1 and 0. */
export interface Affine { x: string; scale?: Float64Array; shift?: Float64Array }

export function stepOf(rw: Rewriter, node: Node, columns: number): Affine | undefined {
  const x = node.inputs[0]!, clamp = (node.attributes as { clamp?: Clamp }).clamp;
  if (clamp && (clamp[0] !== -Infinity || clamp[1] !== Infinity)) return undefined;
  const all = (v: number) => new Float64Array(columns).fill(v), { alpha, beta } = node.attributes as { alpha: number; beta: number };
  if (node.op === "affine") return { x, ...(alpha !== 1 && { scale: all(alpha) }), ...(beta !== 0 && { shift: all(beta) }) };
  if (node.op !== "add" && node.op !== "sub" && node.op !== "mul" && node.op !== "div") return undefined;
  const side = rw.constant(node.inputs[1]!) ? 1 : 0, other = node.inputs[1 - side]!, c = perColumn(rw, node.inputs[side]!, rw.shape(node.outputs[0]!), columns);
  if (!c || rw.constant(other) || rw.shape(other).join() !== rw.shape(node.outputs[0]!).join()) return undefined;
  if (node.op === "add") return { x: other, shift: c };
  if (node.op === "mul") return { x: other, scale: c };
  if (node.op === "div") return side === 1 ? { x: other, scale: c.map((v) => 1 / v) } : undefined;
  return side === 1 ? { x: other, shift: c.map((v) => -v) } : { x: other, scale: all(-1), shift: c };
}

/** A constant over `shape` as one number per element of the trailing axes with `columns` elements; undefined where rows differ. */
function perColumn(rw: Rewriter, name: string, shape: readonly number[], columns: number): Float64Array | undefined {
  const constant = rw.real(name);
  let first = shape.length;
  while (first > 0 && sizeOf(shape.slice(first)) < columns) first--;
  const row = shape.slice(first), lead = constant ? constant.shape.slice(0, Math.max(0, constant.shape.length - row.length)) : [];
  if (!constant || sizeOf(row) !== columns || lead.some((d) => d !== 1)) return undefined;
  const strides = broadcastStrides(constant.shape.slice(lead.length), row), values = new Float64Array(columns);
  for (let i = 0; i < columns; i++) {
    let at = 0;
    for (let axis = row.length - 1, rest = i; axis >= 0; rest = Math.floor(rest / row[axis]!), axis--) at += (rest % row[axis]!) * strides[axis]!;
    values[i] = constant.data[at]!;
  }
  return values;
}
