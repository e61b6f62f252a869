/** Keras' layers by class, and what is refused before anything is converted. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { activations } from "./activation.ts";
import { convolutions } from "./convolution.ts";
import { denses } from "./dense.ts";
import type { LayerFunction } from "./layer.ts";
import { merges } from "./merge.ts";
import { isCustom, isModelClass, readLayer, type KerasModel } from "./model.ts";
import { normalizations } from "./normalization.ts";
import { operationOf } from "./operations.ts";
import { poolings } from "./pooling.ts";
import { cellClasses, recurrents } from "./recurrent.ts";
import { shapes } from "./shape.ts";
import { wrappers } from "./wrappers.ts";
import { isObject, type Json, type JsonObject } from "../wire/json.ts";

export const layers: Record<string, LayerFunction> = {
  ...convolutions, ...denses, ...poolings, ...normalizations, ...activations, ...merges, ...shapes, ...recurrents, ...wrappers,
};

/**
 * @param module of the class: Keras 3 writes functions like keras.ops.add as nodes of keras.src.ops
 * @param isFunction called with several things in order, as functions are and layers are not: .h5 files have no module
 */
export function layerFunction(className: string, module: string, config: JsonObject, isFunction = false): LayerFunction | undefined {
  if (className === "TFOpLambda" || className === "SlicingOpLambda") return operationOf(String(config.function ?? config.name));
  const asFunction = /^keras\.(src\.)?ops/.test(module) || isFunction || !Object.hasOwn(layers, className), operation = operationOf(className);
  return asFunction && operation ? operation : Object.hasOwn(layers, className) ? layers[className] : undefined;
}

/** Everything in a model that cannot be converted, all of it in one error. */
export function refuseUnknown(g: GraphBuilder, model: KerasModel, json: Json): void {
  const found = new Set<string>(), isLeft = new Set(model.layers.map((l) => l.name));
  for (const layer of layersIn(json)) if (isLeft.has(readLayer(layer).name)) collect(layer, found);
  if (!found.size) return;
  const list = [...found];
  g.where = `model "${model.name}"`;
  g.fail(`${list.length === 1 ? "this layer" : `these ${list.length} layers`} cannot be converted: ${list.join(", ")}`,
    "Build the model from the layers in docs/keras.md and save it again, or end it before them (--cut LAYER); Lambda and custom layers are Python code, which is never run.");
}

/** The layers of a model's configuration. */
function layersIn(json: Json | undefined): JsonObject[] {
  const config = isObject(json) ? json.config : undefined, layers = isObject(config) ? config.layers : config;
  return Array.isArray(layers) ? layers.filter(isObject) : [];
}

function collect(json: Json | undefined, found: Set<string>): void {
  if (!isObject(json) || typeof json.class_name !== "string") return;
  const config = isObject(json.config) ? json.config : {}, name = String(json.name ?? config.name ?? json.class_name);
  if (isCustom(json)) found.add(`"${name}" (${json.class_name}, custom)`);
  else if (isModelClass(json.class_name)) {
    for (const layer of layersIn(json)) collect(layer, found);
    return;
  } else if (json.class_name !== "InputLayer" && !cellClasses.includes(json.class_name)
    && !layerFunction(json.class_name, typeof json.module === "string" ? json.module : "", config)) found.add(`"${name}" (${json.class_name})`);
  for (const part of [config.layer, config.backward_layer, config.cell, ...(Array.isArray(config.cells) ? config.cells : [])]) collect(part, found);
  const activation = config.activation;
  if (isObject(activation) && activation.class_name !== "function") collect(activation, found);
}
