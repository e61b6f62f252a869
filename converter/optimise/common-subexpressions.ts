/** Two nodes with the same operator, operands and attributes are one. */
import type { Node } from "../ir/graph.ts";
import { sameForm } from "./remove-identities.ts";
import type { Rewriter } from "./rewriter.ts";

/** Keeps the search linear where very many nodes read one tensor. */
const mostCandidates = 64;

export function commonSubexpressions(rw: Rewriter, node: Node): void {
  const operand = node.inputs.find(Boolean);
  if (!operand || node.outputs.some((o) => o && rw.isEnd(o))) return;
  const twin = rw.readersOf(operand).slice(0, mostCandidates).find((other) => other !== node && isTwin(rw, node, other));
  if (!twin) return;
  node.outputs.forEach((_, i) => rw.replaceOutput(node, i, twin.outputs[i]!));
  rw.remove(node);
}

function isTwin(rw: Rewriter, node: Node, other: Node): boolean {
  return other.op === node.op && other.inputs.length === node.inputs.length && other.inputs.every((name, i) => name === node.inputs[i]) &&
    node.outputs.every((name, i) => !name || (other.outputs[i] && sameForm(rw.tensor(name), rw.tensor(other.outputs[i]!)))) &&
    same(node.attributes, other.attributes);
}

/** Deep equality of attributes; NaN equals NaN. */
function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((k) => same((a as Record<string, unknown>)[k], (b as Record<string, unknown>)[k]));
}
