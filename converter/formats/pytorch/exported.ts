/**
 * torch.export archives. `.pt2` of PyTorch 2.7 and later: models/*.json with data/weights and data/constants beside it;
 * of 2.1 to 2.6: serialized_exported_program.json with pickled weights. The schema of the graph is torch/_export/serde/schema.py.
 */
import { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf, type DType, type Graph } from "../../ir/graph.ts";
import { cutGraph } from "../cut.ts";
import { checkInputNames, nameResult, writtenSince } from "../names.ts";
import { addEnds, attempt, placeholder } from "../partial.ts";
import type { ReadOptions } from "../reader.ts";
import { isObject, parseJson, type Json, type JsonObject } from "../wire/json.ts";
import { openZip, type Zip } from "../wire/zip.ts";
import { refuseWritesToViews, type AtenCall } from "./aliases.ts";
import { AtenNode, isTensor, readArgument, type Argument, type Result } from "./aten-node.ts";
import { operatorOf } from "./aten.ts";
import { exportedWeights } from "./exported-weights.ts";
import { oneStep, refuseInStream } from "./stream.ts";
import { bindShape, type Symbols } from "./symbols.ts";
import { budgetOf, elementTypes, format, scalarTypes, type Parameter } from "./tensors.ts";

export const isExported = (zip: Zip): boolean => programEntry(zip) !== undefined;
export const programEntry = (zip: Zip): string | undefined =>
  zip.names.find((n) => /(^|\/)models\/[^/]+\.json$/.test(n) || /(^|\/)serialized_exported_program\.json$/.test(n));

/** Of one reading: what the names of the file stand for. */
interface Reading { g: GraphBuilder; values: Map<string, Argument>; file: JsonObject; weights: Map<string,
  Parameter>; symbols: Symbols; options: ReadOptions }

export function readExported(bytes: Uint8Array, options: ReadOptions): Graph {
  const zip = openZip(bytes, format), entry = programEntry(zip)!, g = new GraphBuilder(format, "");
  const program = parseJson(new TextDecoder().decode(zip.read(entry)!), format, entry);
  const damaged = (what: string): never => g.fail(`${what} is missing`, "Export the model again with torch.export.", "ERR_OCTAVO_FORMAT");
  if (!isObject(program) || !isObject(program.graph_module)) return damaged("graph_module");
  const { graph, signature } = program.graph_module;
  if (!isObject(graph) || !isObject(signature) || !Array.isArray(graph.nodes)) return damaged("the graph");
  const reading: Reading = { g, values: new Map(), file: graph, weights: exportedWeights(zip, budgetOf(bytes)), symbols: new Map(), options };
  const nodes = upTo(graph.nodes, options.cut);
  attempt(g, options, () => refuseUnknown(g, nodes));
  attempt(g, options, () => refuseWritesToViews(g, nodes.map(callOf), options.cut ?? list(signature.output_specs).map(outputName)));
  if (options.stateful) refuseInStream(g, graph.nodes.map((n) => String(field(n, "target")).replace("torch.ops.aten.", "")));
  const inputs = list(signature.input_specs).map((spec) => field(field(field(field(spec, "user_input"), "arg"), "as_tensor"), "name"));
  checkInputNames(format, inputs.filter((i): i is string => typeof i === "string"), options);
  for (const spec of list(signature.input_specs)) bindSpec(reading, spec);
  for (const node of nodes) {
    const known = operatorOf(String(field(node, "target"))) !== undefined;
    if (!known || !attempt(g, options, () => readNode(reading, node))) standIn(reading, node);
  }
  if (!options.cut) for (const spec of list(signature.output_specs)) attempt(g, options, () => bindOutput(reading, spec));
  addEnds(g);
  return cutGraph(g.graph, options);
}

const list = (json: Json | undefined): Json[] => (Array.isArray(json) ? json : []);
const field = (json: Json | undefined, name: string): Json | undefined => (isObject(json) ? json[name] : undefined);

function refuseUnknown(g: GraphBuilder, nodes: Json[]): void {
  const unknown = [...new Set(nodes.map((n) => String(field(n, "target"))).filter((t) => !operatorOf(t)))];
  if (unknown.length) {
    g.fail(`these operators cannot be converted: ${unknown.map((t) => t.replace("torch.ops.", "")).join(", ")}`,
      "Rebuild the model without them, or run_decompositions() before saving.");
  }
}

/** Nodes up to the last that gives one of the named tensors. */
const upTo = (nodes: Json[], cut: readonly string[] | undefined): Json[] =>
  (cut ? nodes.slice(0, 1 + nodes.findLastIndex((n) => namesOf(list(field(n, "outputs"))).flat().some((y) => cut.includes(y)))) : nodes);

/** Parameters, buffers and constants of the file become constants; the user's arguments inputs. */
function bindSpec(r: Reading, spec: Json): void {
  const [kind, body] = isObject(spec) ? (Object.entries(spec)[0] ?? ["", null]) : ["", null], arg = field(body, "arg");
  if (kind === "user_input") return bindInput(r, arg);
  const name = String(field(arg, "name"));
  const stored = field(body, "parameter_name") ?? field(body, "buffer_name") ?? field(body, "tensor_constant_name");
  if (typeof stored !== "string") {
    return kind === "token" || kind === "custom_obj" || kind === "constant_input" ? undefined
      : r.g.fail(`input "${name}" is of kind ${kind}`, "Export the model again.");
  }
  r.g.where = `tensor "${stored}"`;
  const t = r.weights.get(stored) ?? r.g.fail("its value is missing from the archive", "Export the model again.", "ERR_OCTAVO_FORMAT");
  r.values.set(name, { tensor: r.g.constant(stored, t.dtype, t.shape, t.data) });
}

function bindInput({ g, file, values, symbols, options }: Reading, arg: Json | undefined): void {
  const name = field(field(arg, "as_tensor"), "name");
  if (typeof name !== "string" || !name) return;
  g.where = `input "${name}"`;
  const meta = field(file.tensor_values, name), dtype = dtypeOf(g, field(meta, "dtype")), given = options.inputShapes?.[name];
  const sizes = list(field(meta, "sizes"));
  const shape = bindShape(g, name, sizes, given ?? (options.stateful ? stepOf(file, name, sizes, dtype) : undefined), symbols);
  const fixed = options.constants?.[name];
  if (fixed && fixed.data.length !== sizeOf(shape)) {
    g.fail(`it is fixed to a value of [${fixed.shape.join(",")}], expected [${shape.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
  }
  values.set(name, { tensor: fixed ? g.constant(name, dtype, shape, fixed.data) : g.input(name, dtype, shape, layoutOf(shape)) });
}

/** The shape of a sequence as one step, -1 where the file decides; initial states are no sequences. */
function stepOf(file: JsonObject, name: string, sizes: Json[], dtype: DType): number[] | undefined {
  const layers = list(file.nodes).filter((n) => /\.(lstm|gru|rnn_tanh|rnn_relu)\./.test(String(field(n, "target"))));
  const argument = (layer: Json | undefined, key: string) => field(list(field(layer, "inputs")).find((i) => field(i, "name") === key), "arg");
  const states = layers.map((l) => argument(l, "hx")).flatMap((hx) => [field(hx, "as_tensor"), ...list(field(hx, "as_tensors"))]).map((t) =>
    field(t, "name"));
  return states.includes(name) ? undefined : oneStep(sizes.map(() => -1), dtype, field(argument(layers[0], "batch_first"), "as_bool") === true);
}

const layoutOf = (shape: readonly number[]): string => (shape.length === 4 ? "nchw" : "");
const dtypeOf = (g: GraphBuilder, code: Json | undefined): DType => elementTypes[scalarTypes[Number(code)] ?? ""]?.dtype
  ?? g.fail(`its type is number ${String(code)}, expected a real one`, "Export the model in float32.");

function readNode(r: Reading, json: Json): void {
  const { g, values } = r, target = String(field(json, "target"));
  g.where = `node "${String(field(json, "name") ?? target)}" (${target.replace("torch.ops.aten.", "")})`;
  const fail = (problem: string): never => g.fail(problem, "Export the model again.", "ERR_OCTAVO_FORMAT");
  const lookup = (name: string): Argument => values.get(name) ?? fail(`"${name}" is used before it is made`);
  const args = new Map(list(field(json, "inputs")).map((input, i) =>
    [String(field(input, "name") || i), readArgument(field(input, "arg"), lookup, fail)] as const)), outputs = list(field(json, "outputs"));
  const before = g.graph.nodes.length, result = operatorOf(target)!(new AtenNode(target, args, namesOf(outputs).length, g, r.options.stateful), g);
  nameResults(r, namesOf(outputs), Array.isArray(result) ? result : [result], before);
}

/** A node by the names of its tensors. */
function callOf(node: Json): AtenCall {
  const target = String(field(node, "target")), tensors = (arg: Json | undefined) => [field(arg, "as_tensor"), ...list(field(arg, "as_tensors"))];
  const inputs = list(field(node, "inputs")).flatMap((i) => tensors(field(i, "arg"))).map((t) => field(t, "name")).filter((n) => typeof n === "string");
  return { name: String(field(node, "name") ?? target), op: /^torch\.ops\.aten\.(\w+)/.exec(target)?.[1] ?? target, inputs, outputs: namesOf(list(field(node, "outputs"))).flat() };
}

const outputName = (spec: Json): string => String(field(field(field(Object.values(isObject(spec) ? spec : {})[0], "arg"), "as_tensor"), "name"));

/** What a refused node would have given has the shapes that the file says. */
function standIn({ g, file, values, symbols }: Reading, node: Json): void {
  for (const name of namesOf(list(field(node, "outputs"))).flat()) attempt(g, { refused: () => undefined }, () => {
    const meta = field(file.tensor_values, name);
    if (name && meta && !values.has(name)) values.set(name, { tensor: placeholder(g, name, dtypeOf(g, field(meta, "dtype")), bindShape(g, name, list(field(meta, "sizes")), undefined, symbols)) });
  });
}

/** Names of a node's results; a list of tensors is one result. */
function namesOf(outputs: Json[]): (string | string[])[] {
  return outputs.map((o) => {
    const [kind, value] = isObject(o) ? (Object.entries(o)[0] ?? ["", null]) : ["", null];
    if (kind === "as_tensors") return list(value).map((v) => String(field(v, "name")));
    return String(field(value, "name") ?? field(value, "as_name") ?? "");
  });
}

/** Results get the names of the file, which tell more than ours. */
function nameResults({ g, values }: Reading, names: (string | string[])[], results: Result[], before: number): void {
  const flat = names.length === 1 && Array.isArray(names[0]) ? names[0] : names.flat();
  const written = writtenSince(g, before);
  flat.forEach((name, i) => {
    const result = results.flat(1)[i];
    if (typeof result === "string") values.set(name, { tensor: written.has(result) ? nameResult(g, result, name) : result });
    else if (typeof result === "number") values.set(name, result);
  });
}

function bindOutput({ g, values }: Reading, spec: Json): void {
  const [kind, body] = isObject(spec) ? (Object.entries(spec)[0] ?? ["", null]) : ["", null];
  const name = field(field(field(body, "arg"), "as_tensor"), "name") ?? field(field(body, "arg"), "name");
  const value = typeof name === "string" ? values.get(name) : undefined;
  g.where = `output "${String(name)}"`;
  if (kind === "buffer_mutation") {
    return g.fail(`it changes the buffer "${String(field(body, "buffer_name"))}"`,
      "Return the new value as an output and pass the old one as an input; then pair them with --state.");
  }
  if (kind !== "user_output") return;
  if (!isTensor(value)) return g.fail("it is no tensor", "Return tensors alone.");
  const taken = g.graph.inputs.includes(value.tensor) || g.graph.outputs.includes(value.tensor)
    || g.graph.tensors.get(value.tensor)!.data !== undefined;
  const own = taken ? g.add("reshape", [value.tensor], { shape: [...g.shape(value.tensor)] }) : value.tensor;
  g.output(own, layoutOf(g.shape(own)));
}
