/** ATen operators by name, without the overload: "conv2d" stands for conv2d.default and conv2d.padding. */
import type { Operator } from "./aten-node.ts";
import { elementwise } from "./aten/elementwise.ts";
import { layers } from "./aten/layers.ts";
import { quantizations } from "./aten/quantized.ts";
import { reductions } from "./aten/reduce.ts";
import { shapes } from "./aten/shape.ts";
import { sizes } from "./aten/sizes.ts";

const table: Record<string, Operator> = { ...quantizations, ...elementwise, ...layers, ...reductions, ...shapes, ...sizes };

/** Names of the ATen operators, for `docs/pytorch.md`. */
export const operatorNames = (): string[] => Object.keys(table).filter((name) => !/^(_operator|torch|math|_assert|sym_)\b|^sym_|^_assert/.test(name)).sort();

/** "torch.ops.aten.relu_.default" → "relu": an operator in place gives its result as well. */
export function operatorOf(target: string): Operator | undefined {
  const name = /^torch\.ops\.(?:aten|quantized_decomposed)\.(\w+)/.exec(target)?.[1] ?? target;
  const plain = Object.hasOwn(table, name) ? name : name.replace(/_$/, "");
  return Object.hasOwn(table, plain) ? table[plain] : undefined;
}
