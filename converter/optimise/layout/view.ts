/** Nodes that show a tensor under another shape without computing: `transpose`, and `reshape` that adds or drops axes of size 1. */
import { sameForm } from "../remove-identities.ts";
import type { Rewriter } from "../rewriter.ts";

/** Axis k of y is axis map[k] of x, or −1: a new axis of size 1. Axes of x that no entry names have size 1. */
export interface View { op: "transpose" | "reshape"; x: string; map: number[]; xShape: number[]; yShape: number[] }

export function viewOf(rw: Rewriter, name: string): View | undefined {
  const node = rw.producer(name);
  if (node?.op !== "transpose" && node?.op !== "reshape") return undefined;
  const x = node.inputs[0]!, xShape = rw.shape(x), yShape = rw.shape(name);
  const map = node.op === "transpose" ? node.attributes.perm : unitMap(xShape, yShape);
  return map && sameScale(rw, x, name) ? { op: node.op, x, map, xShape, yShape } : undefined;
}

/** A view keeps dtype and scale; one scale per channel moves with its axis and is left alone. */
export const sameScale = (rw: Rewriter, x: string, y: string): boolean =>
  sameForm(rw.tensor(x), rw.tensor(y)) && (rw.tensor(x).quantization?.scale.length ?? 1) === 1;

/** Axes of a reshape that keeps the order of all axes larger than 1; axes of size 1 between the same two are paired in order. */
export function unitMap(from: readonly number[], to: readonly number[]): number[] | undefined {
  const map: number[] = [];
  let k = 0;
  for (const size of to) {
    if (size === 1) {
      map.push(from[k] === 1 ? k++ : -1);
      continue;
    }
    while (from[k] === 1) k++;
    if (from[k] !== size) return undefined;
    map.push(k++);
  }
  return from.slice(k).every((d) => d === 1) ? map : undefined;
}
