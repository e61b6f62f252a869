/** One module of an architecture file: its settings and parameters become the arguments of an ATen operator. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { nameResult, writtenSince } from "../names.ts";
import { range } from "../onnx/write.ts";
import type { Json, JsonObject } from "../wire/json.ts";
import { AtenNode, type Argument } from "./aten-node.ts";
import { operatorOf } from "./aten.ts";
import { linear, nearest, resize } from "./aten/shape.ts";
import type { StateDict } from "./checkpoint.ts";
import type { Untrained } from "./untrained.ts";
import { optionalSettings, withoutEffect, type Module } from "./modules.ts";
import { recurrent, type Cell, type Kind } from "./recurrent.ts";

const correct = "Correct the architecture file: see docs/architecture-file.md.";

/** Tensors of a checkpoint as constants, each made once. */
export class Parameters {
  /** Recurrent layers keep their states from run to run. */
  readonly stateful: boolean;
  private readonly weights: StateDict;
  private readonly g: GraphBuilder;
  private readonly untrained: Untrained | undefined;
  private readonly made = new Map<string, string>();

  /** @param untrained draws what a module needs: there is no checkpoint */
  constructor(weights: StateDict, g: GraphBuilder, stateful: boolean, untrained?: Untrained) {
    this.weights = weights;
    this.stateful = stateful;
    this.g = g;
    this.untrained = untrained;
  }

  /** Called before a module reads its parameters. */
  prepare(json: JsonObject, path: string, input: string): void {
    this.untrained?.add(this.weights, this.g, json, path, this.g.shape(input));
  }

  has(name: string): boolean {
    return this.weights.has(name);
  }

  tensor(name: string): string {
    const t = this.weights.get(name), known = this.made.get(name);
    if (known !== undefined) return known;
    if (!t) return this.g.fail(`the checkpoint has no tensor "${name}", but ${this.near(name)}`, correct, "ERR_OCTAVO_FORMAT");
    const made = this.g.constant(name, t.dtype, t.shape, t.data);
    this.made.set(name, made);
    return made;
  }

  /** A tensor that no layer read is a layer that was forgotten. `ignore`: names, a star at the end stands for any rest. */
  expectAllUsed(ignore: string[]): void {
    const ignored = (name: string) => name.endsWith("num_batches_tracked")
      || ignore.some((i) => (i.endsWith("*") ? name.startsWith(i.slice(0, -1)) : name === i));
    const unused = [...this.weights.keys()].filter((name) => !this.made.has(name) && !ignored(name));
    this.g.where = "architecture";
    if (unused.length) {
      this.g.fail(`no layer uses ${listed(unused)} of the checkpoint`, "Add their layers, or name them under \"ignore\".", "ERR_OCTAVO_FORMAT");
    }
  }

  private near(name: string): string {
    const leaf = name.split(".").at(-1)!, similar = [...this.weights.keys()].filter((n) => n.endsWith(`.${leaf}`) || n === leaf);
    return listed(similar.length ? similar : [...this.weights.keys()]);
  }
}

const listed = (names: string[]): string =>
  names.slice(0, 12).map((n) => `"${n}"`).join(", ") + (names.length > 12 ? ` and ${names.length - 12} more` : "");

/** @returns outputs, the first one named after the layer */
export function writeModule(g: GraphBuilder, module: Module, json: JsonObject, parameters: Parameters, path: string, inputs: string[]): string[] {
  const settings = readSettings(g, module, json), before = g.graph.nodes.length, where = g.where;
  if (inputs.length < 1 || (module.inputs[0] !== "tensors" && inputs.length > module.inputs.length)) {
    g.fail(`it has ${inputs.length} inputs, expected ${module.inputs.length}`, correct, "ERR_OCTAVO_FORMAT");
  }
  parameters.prepare(json, path, inputs[0]!);
  const results = ["lstm", "gru", "rnn"].includes(module.op) ? writeRecurrent(g, module, settings, parameters, path, inputs)
    : module.op === "upsample" ? [upsample(g, settings, inputs[0]!)] : written(g, module, settings, parameters, path, inputs);
  checkSizes(g, module, json, settings, parameters, path);
  g.where = where;
  return path && writtenSince(g, before).has(results[0]!) ? [nameResult(g, results[0]!, path), ...results.slice(1)] : results;
}

/** Settings with PyTorch's defaults; a name that the module does not have is a mistake. */
function readSettings(g: GraphBuilder, module: Module, json: JsonObject): Map<string, Json> {
  const known = new Set(["type", "name", "inputs", ...Object.keys(module.settings), ...Object.keys(module.sizes), ...Object.keys(module.only),
    ...withoutEffect]);
  const unknown = Object.keys(json).filter((key) => !known.has(key));
  if (unknown.length) {
    g.fail(`it has no setting ${listed(unknown)}, expected ${Object.keys(module.settings).concat(Object.keys(module.sizes)).join(", ") || "none"}`,
      correct, "ERR_OCTAVO_FORMAT");
  }
  for (const [key, value] of Object.entries(module.only)) if (json[key] !== undefined && json[key] !== null
    && json[key] !== value) g.fail(`${key} is ${JSON.stringify(json[key])}, expected ${JSON.stringify(value)}`, "Rebuild the model without it.");
  return new Map(Object.entries(module.settings).map(([key, otherwise]) => {
    const value = json[key] ?? otherwise;
    return value === null && !optionalSettings.includes(key) ? g.fail(`it needs the setting "${key}"`, correct, "ERR_OCTAVO_FORMAT") : [key, value];
  }));
}

function checkSizes(g: GraphBuilder, module: Module, json: JsonObject, settings: Map<string, Json>, parameters: Parameters, path: string): void {
  for (const [key, { parameter, axis, times }] of Object.entries(module.sizes)) {
    const name = `${path}.${parameter}`, stated = json[key];
    if (stated === undefined || !parameters.has(name)) continue;
    const shape = g.shape(parameters.tensor(name));
    const found = key === "kernel_size" ? shape.slice(axis) : [shape[axis]! * (times ? Number(settings.get(times)) : 1)];
    const expected = Array.isArray(stated) ? stated : found.map(() => stated);
    if (expected.join() !== found.join()) {
      g.fail(`${key} is ${JSON.stringify(stated)}, the checkpoint has ${found.join(",")}`, correct, "ERR_OCTAVO_SHAPE");
    }
  }
}

/** The operator behind a module, with its arguments by name. */
function written(g: GraphBuilder, module: Module, settings: Map<string, Json>, parameters: Parameters, path: string, inputs: string[]): string[] {
  const args = new Map<string, Argument>(settings as Map<string, Argument>);
  for (const parameter of module.parameters) {
    const optional = parameter.endsWith("?"), key = optional ? parameter.slice(0, -1) : parameter, name = path ? `${path}.${key}` : key;
    args.set(key, optional && !parameters.has(name) ? null : { tensor: parameters.tensor(name) });
  }
  if (module.inputs[0] === "tensors") args.set("tensors", inputs.map((tensor) => ({ tensor })));
  else module.inputs.forEach((name, i) => { if (inputs[i] !== undefined) args.set(name, { tensor: inputs[i] }); });
  const result = operatorOf(module.op)!(new AtenNode(module.op, args, 1, g), g);
  return [result].flat().filter((r): r is string => typeof r === "string");
}

/** weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, and the same with _reverse. */
function writeRecurrent(g: GraphBuilder, module: Module, settings: Map<string, Json>, parameters: Parameters, path: string,
  inputs: string[]): string[] {
  const directions = settings.get("bidirectional") === true ? 2 : 1, layers = Number(settings.get("num_layers"));
  const kind = (module.op === "rnn" ? `rnn_${String(settings.get("nonlinearity"))}` : module.op) as Kind;
  if (!Number.isInteger(layers) || layers < 1 || layers > 64 || !["lstm", "gru", "rnn_tanh", "rnn_relu"].includes(kind)) {
    g.fail(`it has ${layers} layers of ${kind}`, correct, "ERR_OCTAVO_FORMAT");
  }
  const biased = parameters.has(`${path}.bias_ih_l0`), named = (name: string) => parameters.tensor(`${path}.${name}`);
  const cells: Cell[] = range(layers).flatMap((i) => range(directions).map((d) => {
    const suffix = `l${i}${d ? "_reverse" : ""}`;
    return { w: named(`weight_ih_${suffix}`), r: named(`weight_hh_${suffix}`), wb: biased ? named(`bias_ih_${suffix}`) : "", rb: biased
      ? named(`bias_hh_${suffix}`) : "" };
  }));
  return recurrent(g, inputs[0]!,
    { kind, name: path, cells, directions, batchFirst: settings.get("batch_first") === true, initial: inputs.slice(1), stateful: parameters.stateful });
}

function upsample(g: GraphBuilder, settings: Map<string, Json>, x: string): string {
  const sizes = g.shape(x).slice(2);
  const list = (key: string) => (settings.get(key) === null ? undefined
    : sizes.map((_, i) => Number([settings.get(key)].flat()[i] ?? [settings.get(key)].flat()[0])));
  const scales = list("scale_factor"), target = list("size") ?? sizes.map((d, i) => Math.floor(d * (scales?.[i] ?? 1)));
  const mode = String(settings.get("mode"));
  if (!["nearest", "linear", "bilinear"].includes(mode)) g.fail(`mode is "${mode}", expected nearest, linear or bilinear`, correct);
  return resize(g, x, target, scales ?? sizes.map(() => 0), mode === "nearest" ? nearest : linear(settings.get("align_corners") === true));
}
