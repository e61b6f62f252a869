/**
 * An architecture file: torch.nn modules in order, with skips, for weights that come without a graph or are to be trained
 * from scratch. Described in
 * docs/architecture-file.md and architecture.schema.json. A module's parameters are found by its name, as in a state_dict.
 */
import { GraphBuilder } from "../../ir/builder.ts";
import { modelError } from "../../ir/error.ts";
import { sizeOf, type DType, type Graph } from "../../ir/graph.ts";
import { add } from "../onnx/write.ts";
import { cutGraph } from "../cut.ts";
import { checkInputNames } from "../names.ts";
import type { ReadOptions } from "../reader.ts";
import { depthOf, isObject, type Json, type JsonObject } from "../wire/json.ts";
import type { StateDict } from "./checkpoint.ts";
import { missingArchitecture } from "./missing.ts";
import { Parameters, writeModule } from "./module.ts";
import { modules } from "./modules.ts";
import { oneStep, refuseInStream } from "./stream.ts";
import { elementTypes, format, safetensorsTypes } from "./tensors.ts";
import { Untrained } from "./untrained.ts";

/** Names in reach, from the innermost group outwards; each maps to the outputs of a layer. */
type Scope = Map<string, string[]>[];

export function buildFromArchitecture(weights: StateDict, options: ReadOptions): Graph {
  const file = options.architecture, g = new GraphBuilder(format, "");
  if (!isObject(file) || depthOf(file, 50) > 50) return missingArchitecture(weights);
  g.graph.name = typeof file.name === "string" ? file.name : "";
  g.where = "architecture";
  const unknown = Object.keys(file).filter((key) => !["$schema", "name", "inputs", "layers", "outputs", "ignore", "init"].includes(key));
  if (unknown.length) wrong(g, `it has ${unknown.map((k) => `"${k}"`).join(", ")}, expected name, inputs, layers, outputs, ignore and init`);
  const all = objectsIn(file.layers);
  if (options.stateful) refuseInStream(g, all.map((l) => String(l.type)));
  const names: Scope[number] = new Map(bindInputs(g, file.inputs, options, all.filter((l) => ["LSTM", "GRU", "RNN"].includes(String(l.type)))));
  const untrained = options.initSeed === undefined ? undefined : new Untrained(options.initSeed, file.init);
  const parameters = new Parameters(weights, g, options.stateful === true, untrained);
  const last = writeLayers(g, layersOf(g, file), parameters, [names], "", false, [...names.values()][0]!);
  addOutputs(g, file.outputs, [names], last);
  parameters.expectAllUsed(Array.isArray(file.ignore) ? file.ignore.map(String) : []);
  return cutGraph(g.graph, options);
}

/** A network without weights: its parameters are drawn from `options.initSeed`. */
export function buildUntrained(architecture: Json, options: ReadOptions): Graph {
  const seed = options.initSeed, fail = (problem: string, remedy: string): never => {
    throw modelError("ERR_OCTAVO_FORMAT", format, "architecture", problem, remedy);
  };
  if (options.architecture !== undefined) fail("an architecture file was given twice, as the model and beside it", "Pass the weights as the model (model.safetensors --architecture net.json).");
  if (seed === undefined) fail("it holds no weights", "Pass them as the model (model.safetensors --architecture net.json), or train from scratch: --init-seed 1 draws them.");
  if (!(Number.isInteger(seed) && seed! >= 0 && seed! < 2 ** 32)) fail(`initSeed is ${seed}, expected a whole number from 0 to ${2 ** 32 - 1}`, "");
  if (depthOf(architecture, 50) > 50) fail("it is nested deeper than 50 levels", "Correct it: see docs/architecture-file.md.");
  return buildFromArchitecture(new Map(), { ...options, architecture });
}

/** Layers of all groups. */
const objectsIn = (json: Json | undefined): JsonObject[] =>
  (Array.isArray(json) ? json.filter(isObject).flatMap((l) => [l, ...objectsIn(l.layers), ...objectsIn(l.shortcut)]) : []);
const wrong = (g: GraphBuilder, problem: string, remedy = "Correct the architecture file: see docs/architecture-file.md."): never =>
  g.fail(problem, remedy, "ERR_OCTAVO_FORMAT");
const layersOf = (g: GraphBuilder, json: JsonObject): Json[] =>
  (Array.isArray(json.layers) && json.layers.length ? json.layers : wrong(g, "it lists no layers"));

/** { name: [1,3,32,32] } or { name: { shape, dtype } }; `recurrent` layers tell which axis is time in a stream. */
function bindInputs(g: GraphBuilder, json: Json | undefined, options: ReadOptions, recurrent: JsonObject[]): [string, string[]][] {
  if (!isObject(json) || !Object.keys(json).length) return wrong(g, "it names no inputs");
  const batchFirst = recurrent[0]?.batch_first === true, states = recurrent.flatMap((l) => (Array.isArray(l.inputs) ? l.inputs.slice(1) : []));
  checkInputNames(format, Object.keys(json), options);
  return Object.entries(json).map(([name, entry]) => {
    if (!name) return wrong(g, "an input has no name");
    const { shape: sizes, dtype: type } = isObject(entry) ? entry : { shape: entry, dtype: "float32" }, given = options.inputShapes?.[name];
    const dtype = dtypeOf(type ?? "float32") ?? wrong(g, `input "${name}" has dtype ${JSON.stringify(type)}, expected float32, int64 and the like`);
    const stated = Array.isArray(sizes) ? sizes.map(Number) : wrong(g, `input "${name}" has no shape`);
    const shape = (options.stateful && !given && !states.includes(name) ? oneStep(stated, dtype, batchFirst) : stated).map((d, i) =>
      ((given?.[i] ?? -1) === -1 ? d : given![i]!));
    if (!shape.every((d) => Number.isInteger(d) && d >= 1 && d < 2 ** 31)) {
      wrong(g, `input "${name}" has shape [${shape.join(",")}], expected whole numbers from 1`);
    }
    const fixed = options.constants?.[name];
    if (fixed && fixed.data.length !== sizeOf(shape)) {
      wrong(g, `input "${name}" is fixed to [${fixed.shape.join(",")}], expected [${shape.join(",")}]`);
    }
    return [name, [fixed ? g.constant(name, dtype, shape, fixed.data) : g.input(name, dtype, shape, shape.length === 4 ? "nchw" : "")]];
  });
}

/** float32, int64, … as PyTorch writes them. */
function dtypeOf(name: Json): DType | undefined {
  const short = String(name).replace(/^(float|int|uint)(\d+)$/, (_, kind: string, bits: string) =>
    `${kind === "float" ? "F" : kind === "int" ? "I" : "U"}${bits}`).replace("bool", "BOOL");
  return elementTypes[safetensorsTypes[short] ?? ""]?.dtype;
}

/**
 * Layers one behind the other.
 * @param path of the group, "" or ending in "."
 * @param numbered unnamed layers are called by their place, as in torch.nn.Sequential
 * @param x outputs of what stands before the first one
 * @returns outputs of the last one
 */
function writeLayers(g: GraphBuilder, layers: Json[], parameters: Parameters, scope: Scope, path: string, numbered: boolean, x: string[]): string[] {
  return layers.reduce<string[]>((before, json, i) => {
    g.where = `architecture: layer ${path}${i}`;
    if (!isObject(json) || typeof json.type !== "string") return wrong(g, "it has no type");
    const name = typeof json.name === "string" ? json.name : numbered ? String(i) : "";
    const outputs = writeLayer(g, json, parameters, scope, path + name, inputsOf(g, json, scope, before));
    if (name) scope[0]!.set(name, outputs);
    return outputs;
  }, x);
}

/** What `inputs` names, or the first output of the layer before. */
function inputsOf(g: GraphBuilder, json: JsonObject, scope: Scope, before: string[]): string[] {
  if (json.inputs === undefined) return before.slice(0, 1);
  return (Array.isArray(json.inputs) ? json.inputs : [json.inputs]).map((name) => resolve(g, String(name), scope));
}

/** "lstm" is the first output of that layer, "lstm:1" the second; "$input" is what the innermost group reads. */
function resolve(g: GraphBuilder, reference: string, scope: Scope): string {
  const [, name, index] = /^(.*?)(?::(\d+))?$/.exec(reference)!, found = scope.find((names) => names.has(name!))?.get(name!);
  return found?.[Number(index ?? 0)] ?? wrong(g, `it reads "${reference}", which no layer before it is called`);
}

function writeLayer(g: GraphBuilder, json: JsonObject, parameters: Parameters, scope: Scope, path: string, inputs: string[]): string[] {
  const type = json.type as string, group = path ? `${path}.` : "";
  g.where = `architecture: layer "${path}" (${type})`;
  const inner = (layers: Json[], numbered: boolean) =>
    writeLayers(g, layers, parameters, [new Map([["$input", inputs]]), ...scope], group, numbered, inputs.slice(0, 1));
  if (type === "Sequential") return inner(layersOf(g, json), true);
  if (type === "Residual") {
    const y = inner(layersOf(g, json), false)[0]!;
    const x = Array.isArray(json.shortcut) && json.shortcut.length ? inner(json.shortcut, false)[0]! : inputs[0]!;
    return [add(g, y, x)];
  }
  const module = Object.hasOwn(modules, type) ? modules[type]!
    : wrong(g, `its type is "${type}", expected one of ${["Sequential", "Residual", ...Object.keys(modules)].join(", ")}`);
  return writeModule(g, module, json, parameters, path, inputs);
}

/** Outputs keep their order; an input, a constant or an output that comes twice is copied. */
function addOutputs(g: GraphBuilder, json: Json | undefined, scope: Scope, last: string[]): void {
  g.where = "architecture";
  const outputs = json === undefined ? last.slice(0, 1) : (Array.isArray(json) ? json : [json]).map((name) => resolve(g, String(name), scope));
  for (const y of outputs) {
    const taken = g.graph.inputs.includes(y) || g.graph.outputs.includes(y) || g.graph.tensors.get(y)!.data !== undefined;
    const own = taken ? g.add("reshape", [y], { shape: [...g.shape(y)] }) : y;
    g.output(own, g.shape(own).length === 4 ? "nchw" : "");
  }
}

