/** Layers that Keras' own `model.quantize("int8")` has quantized: integers q with one scale s per channel, weight = q / s. */
import { isObject } from "../wire/json.ts";
import { variablesOf, type Layer } from "./layer.ts";
import type { Weight } from "./variables.ts";

/** What a layer is quantized to, as "int8"; "" of a layer in floats. */
export function quantizationMode(l: Pick<Layer, "config">): string {
  const policy = l.config.json("dtype"), config = isObject(policy) && isObject(policy.config) ? policy.config : {};
  return typeof config.mode === "string" ? config.mode : "";
}

/** The variables of a layer, with `name` in floats; its scales, along `axis`, stand behind the others. */
export function quantizable<K extends string>(l: Layer, shapes: Record<K, number[] | false>, name: NoInfer<K>, axis: number): Record<K, Weight> {
  const mode = quantizationMode(l), scales = `${name}_scale`;
  if (!mode) return variablesOf(l, shapes);
  if (mode !== "int8") l.g.fail(`it is quantized to ${mode}, expected floats or int8`, `Save the model before model.quantize("${mode}").`);
  const found: Record<string, Weight> = variablesOf<string>(l, { ...shapes, [scales]: [-1] }), { shape, data } = found[name]!, scale = found[scales]!.data;
  const inner = shape.slice(axis + 1).reduce((n, d) => n * d, 1), channels = shape[axis]!;
  if (scale.length !== channels) l.g.fail(`it has ${scale.length} scales for ${channels} channels`, "Save the model again.", "ERR_OCTAVO_SHAPE");
  return { ...found as Record<K, Weight>, [name]: { ...found[name]!, data: data.map((q, i) => q / scale[Math.floor(i / inner) % channels]!) } };
}
