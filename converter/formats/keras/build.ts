/** A parsed model and its variables → Graph. */
import { GraphBuilder } from "../../ir/builder.ts";
import type { Graph } from "../../ir/graph.ts";
import { cutGraph } from "../cut.ts";
import { checkInputNames } from "../names.ts";
import { addEnds, attempt, placeholder } from "../partial.ts";
import type { ReadOptions } from "../reader.ts";
import type { Json } from "../wire/json.ts";
import { Config } from "./config.ts";
import { bindInput } from "./inputs.ts";
import { layerFunction, refuseUnknown } from "./layers.ts";
import { tensorsIn, type Context, type Layer, type Operand } from "./layer.ts";
import { passMask, withGivenMask } from "./masking.ts";
import { endingAt } from "./cut.ts";
import { callRefs, isModelClass, parseModel, readLayer, type Argument, type Call, type KerasModel, type LayerConfig, type Ref } from "./model.ts";
import { nameOutputs } from "./names.ts";
import { refuseInStream } from "./stream.ts";
import type { Variables } from "./variables.ts";

export interface Source {
  format: string;
  /** keras_version of the file. */
  version: string;
  config: Json;
  variables: Variables;
}

/** The graph of a model. Keras' data are channels-last already; the batch axis is bound to 1. */
export const buildGraph = (source: Source, options: ReadOptions): Graph => cutGraph(wholeGraph(source, options), options);

function wholeGraph({ format, version, config, variables }: Source, options: ReadOptions): Graph {
  const model = endingAt(parseModel(config, format), format, options.cut), g = new GraphBuilder(format, model.name);
  attempt(g, options, () => refuseUnknown(g, model, config));
  if (options.stateful) refuseInStream(g, model);
  const context: Context = { g, keras: Number.parseInt(version, 10) >= 3 ? 3 : 2, options, masks: new Map(), constants: new Map() };
  checkInputNames(format, inputLayers(model).map((l) => l.name), options);
  const inputs = inputLayers(model).map((l) => bindInput(context, model, l));
  g.where = `model "${model.name}"`;
  const outputs = applyModel(context, model, variables, inputs, "").filter((y) => y !== "");
  addEnds(g);
  const left = outputs.filter((y) => !options.refused || !g.graph.outputs.includes(y));
  if (left.length || !options.refused) addOutputs(g, left, isChannelsFirst(model));
  return g.graph;
}

const isChannelsFirst = (model: KerasModel) => model.layers.some((l) => l.config.data_format === "channels_first");

/** Outputs keep their order; one that is an input or comes twice is copied. */
function addOutputs(g: GraphBuilder, outputs: string[], channelsFirst: boolean): void {
  if (!outputs.length) g.fail("it has no outputs", "Save the model again.", "ERR_OCTAVO_FORMAT");
  for (const y of outputs) {
    const taken = g.graph.inputs.includes(y) || g.graph.outputs.includes(y) || g.graph.tensors.get(y)!.data !== undefined;
    const own = taken ? g.add("reshape", [y], { shape: [...g.shape(y)] }) : y;
    g.output(own, g.shape(own).length !== 4 ? "" : channelsFirst ? "nchw" : "nhwc");
  }
}

/** The input layers in the order of the model's arguments. */
function inputLayers(model: KerasModel): LayerConfig[] {
  if (model.sequential) return model.layers.slice(0, 1);
  const byName = new Map(model.layers.map((l) => [l.name, l]));
  return model.inputs.map((ref) => byName.get(ref.layer)!);
}

/**
 * Applies a model, whole or nested, to tensors.
 * @param path of the model within others, "" or ending in "/"
 */
export function applyModel(context: Context, model: KerasModel, variables: Variables, inputs: string[], path: string): string[] {
  const own = variables.layers(model.sequential ? model.layers.slice(1) : model.layers);
  if (model.sequential) return model.layers.slice(1).reduce((x, l) => applied(context, l, own.get(l.name)!, plain(context.options.refused && (!x.length || x.includes("")) ? standIn(context, l) : x), path + l.name), inputs);
  const values = new Map<string, string[]>(), entries = inputLayers(model);
  if (entries.length !== inputs.length) {
    context.g.fail(`model "${model.name}" is given ${inputs.length} inputs, expected ${entries.length}`, "", "ERR_OCTAVO_FORMAT");
  }
  entries.forEach((l, i) => values.set(`${l.name} 0`, [inputs[i]!]));
  const valueOf = (r: Ref): string => values.get(`${r.layer} ${r.call}`)?.[r.tensor]
    ?? (context.options.refused && (standInFor(context, r.layer, r.shape) ?? "")) ?? context.g.fail(`output ${r.tensor} of layer "${r.layer}" is used, but missing`, "", "ERR_OCTAVO_FORMAT");
  const operandOf = (a: Argument): Operand => (Array.isArray(a) ? a.map(operandOf) : "ref" in a ? { tensor: valueOf(a.ref) } : a);
  for (const { layer, call, index } of inOrder(context.g, model)) {
    const kwargs = Object.fromEntries(Object.entries(call.kwargs).map(([k, v]) => [k, operandOf(v)]));
    values.set(`${layer.name} ${index}`,
      applied(context, layer, own.get(layer.name)!, { args: call.args.map(operandOf), kwargs }, path + layer.name + (index ? `:${index}` : "")));
  }
  return model.outputs.map(valueOf);
}

/** Calls in an order in which everything is there before it is used; input layers are not calls. */
function inOrder(g: GraphBuilder, model: KerasModel): { layer: LayerConfig; call: Call; index: number }[] {
  const given = new Set(inputLayers(model).map((l) => l.name));
  const calls = model.layers.flatMap((layer) => (given.has(layer.name) ? [] : layer.calls.map((call, index) => ({ layer, call, index }))));
  const readers = new Map<string, typeof calls>(), missing = new Map<object, number>(), sorted: typeof calls = [];
  for (const c of calls) {
    const needs = [...new Set(callRefs(c.call).filter((r) => !given.has(r.layer)).map((r) => `${r.layer} ${r.call}`))];
    missing.set(c, needs.length);
    for (const need of needs) readers.set(need, [...(readers.get(need) ?? []), c]);
  }
  const ready = calls.filter((c) => missing.get(c) === 0);
  for (let c = ready.shift(); c; c = ready.shift()) {
    sorted.push(c);
    for (const reader of readers.get(`${c.layer.name} ${c.index}`) ?? []) {
      missing.set(reader, missing.get(reader)! - 1);
      if (missing.get(reader) === 0) ready.push(reader);
    }
  }
  if (sorted.length < calls.length) g.fail("its layers wait for each other in a circle", "Save the model again.", "ERR_OCTAVO_FORMAT");
  return sorted;
}

interface Application { args: Operand[]; kwargs: Record<string, Operand> }
const plain = (inputs: string[]): Application => ({ args: [inputs.map((tensor) => ({ tensor }))], kwargs: {} });

/** Nothing where the layer cannot be read and the model is only looked at. */
function applied(context: Context, layer: LayerConfig, variables: Variables, application: Application, path: string): string[] {
  if (!context.options.refused) return applyLayer(context, layer, variables, application, path);
  const { className, module, config, custom } = layer, isKnown = isModelClass(className) || (!custom && layerFunction(className, module, config) !== undefined);
  const inputs = [...application.args, ...Object.values(application.kwargs)].flatMap(tensorsIn), isThere = inputs.length > 0 && !inputs.includes("");
  let outputs: string[] = [];
  if (isKnown && isThere) attempt(context.g, context.options, () => { outputs = applyLayer(context, layer, variables, application, path); });
  return outputs;
}

const standIn = (context: Context, { name, inputShape }: LayerConfig): string[] => [standInFor(context, name, inputShape) ?? ""];

/** What a refused layer would have given, where Keras says its shape. */
function standInFor({ g }: Context, name: string, shape: Json[] | undefined): string | undefined {
  const sizes = (shape ?? []).map((d, axis) => (axis === 0 ? 1 : Number(d)));
  return sizes.length && sizes.every((d) => Number.isInteger(d) && d >= 1 && d < 2 ** 31) ? placeholder(g, name, "float32", sizes) : undefined;
}

function applyLayer(context: Context, { className, config, name, module }: LayerConfig, variables: Variables, { args, kwargs }: Application,
  path: string): string[] {
  const { g } = context;
  if (isModelClass(className)) {
    return applyModel(context, parseModel({ class_name: className, config }, g.graph.format), variables, args.flatMap(tensorsIn), `${path}/`);
  }
  const before = g.graph.nodes.length, outer = g.where;
  g.where = `layer "${path}" (${className})`;
  const inner: Layer["inner"] = (json, role, x) => {
    const outputs = applyLayer(context, readLayer(json, name), variables.part(role), plain(x), `${path}/${role}`);
    return outputs.length && !outputs.includes("") ? outputs : g.fail("the model in it cannot be converted");
  };
  const layer: Layer = { className, name: path, config: new Config(config, g), variables, context, g, operands: args, keywords: kwargs, inner };
  const inputs = args.flatMap(tensorsIn);
  if (!inputs.length) g.fail("it has no inputs", "Save the model again.", "ERR_OCTAVO_FORMAT");
  const write = layerFunction(className, module, config, args.length > 1 || "newshape" in config) ?? g.fail("it cannot be converted");
  const results = withGivenMask(layer, inputs, () => {
    const written = [write(layer, inputs)].flat();
    passMask(layer, inputs, written);
    return written;
  });
  const named = nameOutputs(context, before, path, results);
  g.where = outer;
  return named;
}
