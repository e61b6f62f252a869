/** Sizes and strides of operands as fields of a struct: six axes, joined where they can be. */
import { OctavoError } from "../ir/error.ts";
import { walkOver, type Walk } from "../ir/eval/strides.ts";
import type { Params } from "./context.ts";

export const AXES = 6;

/** `values` as fields name0 … name5, after as many of `fill` as are missing. */
export function axisFields(name: string, values: readonly number[], fill: number): Params {
  if (values.length > AXES) throw new OctavoError("ERR_OCTAVO_SHAPE", `operands of ${values.length} axes that cannot be joined, expected at most ${AXES}.`);
  return Object.fromEntries(Array.from({ length: AXES }, (_, axis) => [`${name}${axis}`, values[axis - AXES + values.length] ?? fill]));
}

/**
 * Fields n0 … n5 and, per operand, its strides in elements.
 * @throws OctavoError ERR_OCTAVO_SHAPE where more than six axes remain
 */
export function stridedFields(shape: readonly number[], operands: Record<string, readonly number[]>): Params {
  return walkFields(walkOver(shape, Object.values(operands)), Object.keys(operands));
}

export function walkFields(walk: Walk, names: readonly string[]): Params {
  return Object.assign(axisFields("n", walk.shape, 1), ...names.map((name, k) => axisFields(name, walk.strides[k]!, 0)));
}
