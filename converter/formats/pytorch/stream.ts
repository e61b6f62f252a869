/** One time step per run: which axis is time, and what needs more than one step. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { DType } from "../../ir/graph.ts";

/** Sequences of vectors [N,T,C], or of whole numbers [N,T], have one step; [T,N,C] where recurrent layers take time first. */
export function oneStep(shape: readonly number[], dtype: DType, batchFirst: boolean): number[] {
  const isSequence = shape.length === 3 || (shape.length === 2 && dtype !== "float32"), time = batchFirst ? 1 : 0;
  return shape.map((d, axis) => (isSequence && axis === time ? 1 : d));
}

/** @param operators names of all of them, e.g. conv1d */
export function refuseInStream(g: GraphBuilder, operators: readonly string[]): void {
  const found = [...new Set(operators.filter((name) => /conv(_transpose)?1d|pool1d/i.test(name)))];
  if (found.length) g.fail(`it cannot run one step at a time, because of ${found.join(", ")}`, "Convert it without --stateful.");
}
