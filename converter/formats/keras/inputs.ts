/** Inputs of the graph: shapes without free axes, and inputs that are fixed to a value. */
import { sizeOf, type DType } from "../../ir/graph.ts";
import type { Context } from "./layer.ts";
import type { KerasModel, LayerConfig } from "./model.ts";
import { timeAxisIsOne } from "./stream.ts";
import { entry, isObject, type Json } from "../wire/json.ts";

const dtypes: Record<string, DType> = { int8: "int8", uint8: "uint8", int16: "int16", uint16: "uint16", int32: "int32", int64: "int64",
  bool: "bool" };

/** Adds one input; returns its tensor. The batch axis becomes 1. */
export function bindInput(context: Context, model: KerasModel, layer: LayerConfig): string {
  const { g, options } = context, { name } = layer;
  g.where = `input "${name}"`;
  const dtype = entry(dtypes, nameOfType(layer.config.dtype)) ?? "float32", shape = shapeOf(context, model, layer), fixed = options.constants?.[name];
  if (fixed) {
    if (sizeOf(shape) !== fixed.data.length) {
      g.fail(`it is fixed to a value of [${fixed.shape.join(",")}], expected [${shape.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
    }
    return g.constant(name, dtype, shape, fixed.data);
  }
  const channelsFirst = model.layers.some((l) => l.config.data_format === "channels_first");
  return g.input(name, dtype, shape, shape.length !== 4 ? "" : channelsFirst ? "nchw" : "nhwc");
}

const nameOfType = (json: Json | undefined): string => (isObject(json) && isObject(json.config) ? String(json.config.name) : String(json));

function shapeOf(context: Context, model: KerasModel, layer: LayerConfig): number[] {
  const { g, options } = context, { config, name } = layer, json = config.batch_input_shape ?? config.batch_shape;
  const given = options.inputShapes?.[name];
  const remedy = `Pass its shape: --input-shape ${name}=1,…`;
  if (!Array.isArray(json) && !given) return g.fail("the model does not say its shape", remedy, "ERR_OCTAVO_SHAPE");
  const file = Array.isArray(json) ? json.map((d) => (typeof d === "number" ? d : -1)) : given!.map(() => -1);
  if (given && given.length !== file.length) g.fail(`its shape is [${show(file)}], found [${given.join(",")}] for it`, remedy, "ERR_OCTAVO_SHAPE");
  const oneStep = options.stateful && timeAxisIsOne(model, name, file.length);
  const shape = file.map((d, axis) => {
    const asked = given?.[axis] ?? -1;
    if (asked !== -1) return asked;
    return axis === 0 || (axis === 1 && oneStep) ? 1 : d;
  });
  if (shape.some((d) => d === -1)) {
    g.fail(`its shape is [${show(file)}], free axes other than the batch must be fixed`,
      `Pass its shape: --input-shape ${name}=${shape.map((d) => (d === -1 ? "…" : d)).join(",")}`, "ERR_OCTAVO_SHAPE");
  }
  if (!shape.length || shape.some((d) => !Number.isInteger(d) || d < 1 || d > 2 ** 31)) {
    g.fail(`its shape is [${shape.join(",")}], expected sizes from 1`, remedy, "ERR_OCTAVO_SHAPE");
  }
  return shape;
}

const show = (shape: number[]) => shape.map((d) => (d === -1 ? "?" : d)).join(",");
