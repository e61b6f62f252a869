/** Tensors of 4 and 2 bits are kept as bytes; this remembers what they are. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { elementTypes } from "./tensor.ts";

const narrowTypes = new WeakMap<GraphBuilder, Map<string, number>>();

/** Notes a TensorProto.DataType of less than a byte. */
export function noteElementType(g: GraphBuilder, x: string, type: number | undefined): void {
  if (type === undefined || (elementTypes[type]?.bits ?? 8) >= 8) return;
  if (!narrowTypes.has(g)) narrowTypes.set(g, new Map());
  narrowTypes.get(g)!.set(x, type);
}

export const narrowTypeOf = (g: GraphBuilder, x: string): number | undefined => narrowTypes.get(g)?.get(x);
