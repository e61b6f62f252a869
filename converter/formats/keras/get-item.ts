/** Indexing in a functional model: x[0], x[:, 1:3], x[..., None]. */
import { reshape, sliceAxis } from "../onnx/write.ts";
import { isObject, type Json } from "../wire/json.ts";
import { setting, tensor } from "./arguments.ts";
import type { Layer } from "./layer.ts";

/** x[key]: whole numbers, slices, null for a new axis, and an ellipsis. */
export function getItem(l: Layer): string {
  const key = setting(l, 1, "key") ?? setting(l, 1, "slice_spec"), parts = Array.isArray(key) ? key : [key ?? null];
  const shape = l.g.shape(tensor(l, 0, "x"));
  const isEllipsis = (p: Json) => (isObject(p) && p.class_name === "__ellipsis__") || p === "...";
  const taken = parts.filter((p) => p !== null && !isEllipsis(p)).length;
  let x = tensor(l, 0, "x"), axis = 0;
  const result: number[] = [];
  const keep = (count: number) => { for (let i = 0; i < count; i++, axis++) result.push(l.g.shape(x)[axis]!); };
  for (const part of parts) {
    if (isEllipsis(part)) keep(shape.length - taken);
    else if (part === null) result.push(1);
    else if (axis >= shape.length) l.g.fail(`it indexes ${taken} axes of [${shape.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
    else if (typeof part === "number") x = sliceAxis(l.g, x, axis, part < 0 ? part + shape[axis]! : part, 1), axis++;
    else {
      x = sliced(l, x, axis, part);
      keep(1);
    }
  }
  keep(shape.length - axis);
  return reshape(l.g, x, result);
}

/** start:stop:step as Python takes it. */
function sliced(l: Layer, x: string, axis: number, part: Json): string {
  const fields = isObject(part) ? (isObject(part.config) ? part.config : part)
    : l.g.fail(`found the index ${JSON.stringify(part)}`, "Use numbers and slices."), size = l.g.shape(x)[axis]!;
  const step = Number(fields.step ?? 1), within = (v: number) => Math.min(size, Math.max(0, v < 0 ? v + size : v));
  if (step < 1 || !Number.isInteger(step)) l.g.fail(`its step is ${step}, expected a whole number from 1`, "Use flip instead.");
  const start = within(Number(fields.start ?? 0)), stop = within(Number(fields.stop ?? size));
  return sliceAxis(l.g, x, axis, start, Math.max(0, Math.ceil((stop - start) / step)), step);
}
