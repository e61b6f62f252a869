/**
 * A Keras configuration (`model_config` of .h5, config.json of .keras, modelTopology of TF.js) as layers and their calls.
 * Keras 2 writes a call as [[layer, node, tensor, {kwargs}], …], Keras 3 as { args, kwargs } with __keras_tensor__ inside.
 */
import { modelError } from "../../ir/error.ts";
import { depthOf, isObject, type Json, type JsonObject } from "../wire/json.ts";

/** Output `tensor` of call number `call` of a layer. */
export interface Ref { layer: string; call: number; tensor: number; /** As Keras 3 writes it; the batch is null. */ shape?: Json[] }
/** What a layer is called with: tensors, numbers, or lists of them. */
export type Argument = { ref: Ref } | { value: Json } | Argument[];
export interface Call { args: Argument[]; kwargs: Record<string, Argument> }

export interface LayerConfig { className: string; name: string; config: JsonObject; calls: Call[]; /** Of its class,
  as Keras 3 writes it. */ module: string; /** A class of the user. */ custom: boolean; /** What it was built for. */ inputShape?: Json[] }

export interface KerasModel {
  name: string;
  sequential: boolean;
  layers: LayerConfig[];
  inputs: Ref[];
  outputs: Ref[];
}

const deepest = 100;
export const isModelClass = (className: string): boolean => ["Sequential", "Functional", "Model"].includes(className);

/** @param format opens every error about this model */
export function parseModel(json: Json, format: string): KerasModel {
  const damaged = (problem: string): never => { throw modelError("ERR_OCTAVO_FORMAT", format, "model configuration", problem,
    "Save the whole model again, not its weights alone."); };
  if (!isObject(json)) return damaged("found no configuration");
  if (depthOf(json, deepest) > deepest) return damaged(`its parts are nested deeper than ${deepest}`);
  return readModel(json, damaged);
}

type Damaged = (problem: string) => never;

function readModel(json: JsonObject, damaged: Damaged): KerasModel {
  const className = String(json.class_name);
  if (!isModelClass(className)) {
    const expected = "expected Sequential or Functional: a class of your own is Python code. Rebuild it from built-in layers";
    return damaged(`its class is ${JSON.stringify(json.class_name)}, ${expected}`);
  }
  const config = json.config, layers = Array.isArray(config) ? config : isObject(config) ? config.layers : undefined;
  if (!Array.isArray(layers)) return damaged("it lists no layers");
  const name = isObject(config) && typeof config.name === "string" ? config.name : className.toLowerCase();
  const read = layers.map((l) => (isObject(l) && typeof l.class_name === "string" ? readLayer(l) : damaged("a layer has no class name")));
  const known = new Set(read.map((l) => l.name));
  if (known.size !== read.length || known.has("")) return damaged("two layers have the same name, or one has none");
  if (className === "Sequential") return { name, sequential: true, layers: withInput(read, config as JsonObject), inputs: [], outputs: [] };
  const fields = config as JsonObject;
  const model = { name, sequential: false, layers: read, inputs: refsIn(fields.input_layers), outputs: refsIn(fields.output_layers) };
  if (!model.outputs.length) return damaged("it names no outputs");
  renumberCalls(model, damaged);
  return model;
}

/** @param fallback the name of a layer that has none: a part of a wrapper */
export function readLayer(json: JsonObject, fallback = String(json.class_name)): LayerConfig {
  const config = isObject(json.config) ? json.config : Array.isArray(json.config) ? { layers: json.config } : {};
  const name = typeof json.name === "string" ? json.name : typeof config.name === "string" ? config.name : fallback;
  const calls = Array.isArray(json.inbound_nodes) ? json.inbound_nodes.map(readCall) : [];
  const built = isObject(json.build_config) ? json.build_config.input_shape : undefined;
  return { className: String(json.class_name), name, config, calls, module: typeof json.module === "string" ? json.module : "", custom: isCustom(json),
    ...(Array.isArray(built) && { inputShape: built }) };
}

/** Keras 3 names the module of a class; classes of the user are registered as "package>name". */
export function isCustom(json: JsonObject): boolean {
  const { module, registered_name: registered } = json;
  const foreign = typeof module === "string" && !/^(keras|tf_keras|tensorflow\.keras|tensorflow\.python\.keras|builtins)(\.|$)/.test(module);
  return foreign || (typeof registered === "string" && registered.includes(">") && !registered.startsWith("keras>"));
}

function readCall(json: Json): Call {
  if (isObject(json)) return { args: list(json.args).map(readArgument), kwargs: readKwargs(json.kwargs) };
  const refs = isOldRef(json) ? [json] : list(json), last = refs.at(-1);
  const kwargs = isOldRef(last) ? readKwargs(last[3]) : {};
  return { args: refs.length === 1 ? refs.map(readArgument) : [refs.map(readArgument)], kwargs };
}

const list = (json: Json | undefined): Json[] => (Array.isArray(json) ? json : []);
const isOldRef = (json: Json | undefined): json is [string, number, number, ...Json[]] =>
  Array.isArray(json) && json.length >= 3 && json.length <= 4 && typeof json[0] === "string" && typeof json[1] === "number"
    && (typeof json[2] === "number" || json[0] === "_CONSTANT_VALUE");

const readKwargs = (json: Json | undefined): Record<string, Argument> =>
  isObject(json) ? Object.fromEntries(Object.entries(json).map(([k, v]) => [k, readArgument(v)])) : {};

function readArgument(json: Json): Argument {
  if (isOldRef(json)) return json[0] === "_CONSTANT_VALUE" ? { value: json[2] as Json } : { ref: { layer: json[0], call: json[1], tensor: json[2] } };
  if (Array.isArray(json)) return json.map(readArgument);
  if (isObject(json) && json.class_name === "__keras_tensor__" && isObject(json.config) && isOldRef(json.config.keras_history)) {
    const { keras_history: [layer, call, tensor], shape } = json.config as { keras_history: [string, number, number]; shape?: Json };
    return { ref: { layer, call, tensor, ...(Array.isArray(shape) && { shape }) } };
  }
  return { value: json };
}

/** References in whatever lists or dictionaries hold them. */
function refsIn(json: Json | undefined): Ref[] {
  if (json === undefined || json === null || typeof json !== "object") return [];
  const argument = readArgument(json);
  return "ref" in argument ? [argument.ref] : Object.values(json).flatMap(refsIn);
}

export const refsOf = (argument: Argument): Ref[] => (Array.isArray(argument) ? argument.flatMap(refsOf) : "ref" in argument ? [argument.ref] : []);
export const callRefs = (call: Call): Ref[] => [...call.args, ...Object.values(call.kwargs)].flatMap(refsOf);

/** Nested models count their calls from 1 in some versions: the least number that is used is the first call. */
function renumberCalls(model: KerasModel, damaged: Damaged): void {
  const refs = [...model.inputs, ...model.outputs, ...model.layers.flatMap((l) => l.calls.flatMap(callRefs))];
  const least = new Map<string, number>(), calls = new Map(model.layers.map((l) => [l.name, l.className === "InputLayer" ? 1 : l.calls.length]));
  for (const r of refs) least.set(r.layer, Math.min(r.call, least.get(r.layer) ?? Infinity));
  for (const r of refs) {
    if (!calls.has(r.layer)) return damaged(`a layer named "${r.layer}" is used, but missing`);
    r.call -= least.get(r.layer)!;
    if (r.call >= calls.get(r.layer)!) damaged(`call ${r.call} of layer "${r.layer}" is used, but missing`);
  }
}

/** A Sequential model states its input in an InputLayer, in its first layer, or in what it was built with. */
function withInput(layers: LayerConfig[], config: JsonObject): LayerConfig[] {
  const first = layers[0];
  if (!first || first.className === "InputLayer") return layers;
  const shape = first.config.batch_input_shape ?? first.config.batch_shape ?? innerShape(first.config) ?? config.build_input_shape;
  const inner = isObject(first.config.layer) && isObject(first.config.layer.config) ? first.config.layer.config : first.config;
  const input = { name: `${first.name}_input`, batch_input_shape: shape ?? null, dtype: inner.dtype ?? "float32" };
  return [{ className: "InputLayer", name: input.name, config: input, calls: [], module: "", custom: false }, ...layers];
}

/** Of a nested model that comes first. */
function innerShape(config: JsonObject): Json | undefined {
  const first = list(config.layers)[0];
  if (!isObject(first) || !isObject(first.config)) return undefined;
  return first.config.batch_input_shape ?? first.config.batch_shape ?? config.build_input_shape;
}
