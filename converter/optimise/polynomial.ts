/** Whether a tensor is a polynomial of another: its coefficients, the constant first. */
import type { Node } from "../ir/graph.ts";
import type { Rewriter } from "./rewriter.ts";
import { numberOf } from "./scalar-arithmetic.ts";

const highestDegree = 3;
/** Formulas of interest are a handful of nodes deep. */
const deepest = 8;

export function polynomialIn(rw: Rewriter, name: string, x: string, depth = 0): number[] | undefined {
  if (name === x) return [0, 1];
  const node = rw.producer(name);
  if (!node || depth > deepest) return undefined;
  const of = (side: number) => polynomialIn(rw, node.inputs[side]!, x, depth + 1);
  return combined(rw, node, of)?.slice(0, highestDegree + 2);
}

function combined(rw: Rewriter, node: Node, of: (side: number) => number[] | undefined): number[] | undefined {
  if (node.op === "affine") return of(0)?.map((c, i) => node.attributes.alpha * c + (i === 0 ? node.attributes.beta : 0));
  if (node.op === "pow") return numberOf(rw, node.inputs[1]!) === 3 ? times(times(of(0), of(0)), of(0)) : undefined;
  if (node.op !== "add" && node.op !== "mul") return undefined;
  if (node.attributes.clamp[0] !== -Infinity || node.attributes.clamp[1] !== Infinity) return undefined;
  return node.op === "add" ? plus(of(0), of(1)) : times(of(0), of(1));
}

function plus(a: number[] | undefined, b: number[] | undefined): number[] | undefined {
  return a && b && Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) + (b[i] ?? 0));
}

function times(a: number[] | undefined, b: number[] | undefined): number[] | undefined {
  if (!a || !b) return undefined;
  const product = new Array<number>(a.length + b.length - 1).fill(0);
  a.forEach((p, i) => b.forEach((q, j) => { product[i + j]! += p * q; }));
  return product;
}
