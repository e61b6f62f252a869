/** Sizes that torch.export leaves open: symbols like s77, and expressions of them. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { isObject, type Json } from "../wire/json.ts";

/** Values of the symbols, once known. */
export type Symbols = Map<string, number>;

/**
 * The shape of an input. A free first axis is the batch and becomes 1; the same symbol has the same value everywhere.
 * @param sizes as the file has them: { as_int } or { as_expr: { expr_str } }
 */
export function bindShape(g: GraphBuilder, name: string, sizes: Json[], given: number[] | undefined, symbols: Symbols): number[] {
  const remedy = `Pass its shape: --input-shape ${name}=1,…`;
  if (given && given.length !== sizes.length) g.fail(`it has ${sizes.length} axes, found [${given.join(",")}] for it`, remedy, "ERR_OCTAVO_SHAPE");
  const shape = sizes.map((size, axis) => {
    const asked = given?.[axis] ?? -1, symbol = symbolOf(size), fixed = isObject(size) && typeof size.as_int === "number" ? size.as_int : undefined;
    const value = asked !== -1 ? asked : fixed ?? symbols.get(symbol) ?? (axis === 0 ? 1 : -1);
    if (symbol && value !== -1 && !symbols.has(symbol)) symbols.set(symbol, value);
    return value;
  });
  if (shape.some((d) => !Number.isInteger(d) || d < 1 || d > 2 ** 31)) {
    g.fail(`its shape is [${shape.map((d) => (d === -1 ? "?" : d)).join(",")}], free axes other than the batch must be fixed`, remedy,
      "ERR_OCTAVO_SHAPE");
  }
  return shape;
}

/** "Symbol('s77', positive=True)" or "s77" → s77; expressions of symbols have no name. */
function symbolOf(size: Json): string {
  const text = isObject(size) && isObject(size.as_expr) ? String(size.as_expr.expr_str) : "";
  return /^Symbol\('(\w+)'/.exec(text)?.[1] ?? (/^\w+$/.test(text) ? text : "");
}
