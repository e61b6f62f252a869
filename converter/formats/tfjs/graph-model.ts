/** GraphModel: a TensorFlow graph in JSON. What depends on constants only is computed while reading. */
import { GraphBuilder } from "../../ir/builder.ts";
import { sizeOf, type Graph } from "../../ir/graph.ts";
import { endsOf } from "../cut.ts";
import { checkInputNames, nameResult } from "../names.ts";
import { addEnds, attempt } from "../partial.ts";
import type { ReadOptions } from "../reader.ts";
import { isObject, type Json, type JsonObject } from "../wire/json.ts";
import type { StoredWeight } from "./manifest.ts";
import { TfNode } from "./node.ts";
import { operators } from "./operators.ts";

const format = "tfjs";

interface Model { byName: Map<string, JsonObject>; inputs: string[]; outputs: string[] }

export function readGraphModel(json: JsonObject, weights: ReadonlyMap<string, StoredWeight>, options: ReadOptions): Graph {
  const g = new GraphBuilder(format, ""), model = readModel(g, json, options);
  attempt(g, options, () => refuseUnknown(g, model));
  const tensors = new Map<string, string[]>();
  checkInputNames(format, model.inputs, options);
  for (const name of model.inputs) tensors.set(name, [bindInput(g, model.byName.get(name)!, name, options)]);
  for (const node of inOrder(g, model)) {
    const isLost = options.refused && (!isKnown(String(node.op)) || inputNames(node).some((i) => !tensors.has(i.node)));
    if (!isLost && !tensors.has(String(node.name))) attempt(g, options, () => tensors.set(String(node.name), readNode(g, node, weights, tensors)));
  }
  for (const output of model.outputs) if (!options.refused || tensors.has(splitName(output).node)) attempt(g, options, () => addOutput(g, output, tensors));
  addEnds(g);
  return g.graph;
}

function readModel(g: GraphBuilder, json: JsonObject, { cut }: ReadOptions): Model {
  const nodes = ((json.modelTopology as JsonObject).node as Json[]).filter(isObject), byName = new Map(nodes.map((n) => [String(n.name), n]));
  const metadata = isObject(json.userDefinedMetadata) ? json.userDefinedMetadata : {};
  const signature = isObject(json.signature) ? json.signature : isObject(metadata.signature) ? metadata.signature : {};
  const read = new Set(nodes.flatMap((n) => inputNames(n).map((i) => i.node)));
  const inputs = named(signature.inputs) ?? nodes.filter((n) => n.op === "Placeholder").map((n) => String(n.name));
  const outputs = (cut && endsOf(format, cut, (name) => (byName.has(splitName(name).node) ? [name] : []))) ?? named(signature.outputs)
    ?? nodes.filter((n) => !read.has(String(n.name)) && n.op !== "NoOp" && n.op !== "Const").map((n) => String(n.name));
  for (const name of [...inputs, ...outputs]) if (!byName.has(splitName(name).node)) g.fail(`the signature names "${name}", which is missing`,
    "Convert the model again.", "ERR_OCTAVO_FORMAT");
  return { byName, inputs: inputs.map((i) => splitName(i).node), outputs };
}

/** Tensor names of a signature, in its order. */
const named = (ports: Json | undefined): string[] | undefined =>
  isObject(ports) && Object.keys(ports).length ? Object.entries(ports).map(([key, p]) => (isObject(p) && typeof p.name === "string" ? p.name : key))
    : undefined;

/** "node:2" → node, 2; "^node" only orders and carries nothing. */
export function splitName(input: string): { node: string; output: number } {
  const [, node, output] = /^(.*?)(?::(\d+))?$/.exec(input)!;
  return { node: node!, output: Number(output ?? 0) };
}

const inputNames = (node: JsonObject): { node: string; output: number }[] =>
  (Array.isArray(node.input) ? node.input : []).map(String).filter((i) => !i.startsWith("^")).map(splitName);

const isKnown = (op: string): boolean => Object.hasOwn(operators, op) || op === "Placeholder" || op === "NoOp";

function refuseUnknown(g: GraphBuilder, model: Model): void {
  const unknown = [...new Set(needed(model).map((n) => String(n.op)).filter((op) => !isKnown(op)))], loops = unknown.some((op) => /While|Enter|TensorList|TensorArray|Switch/.test(op));
  const end = "end the model before them (--cut NODE) and do that part in your code";
  if (unknown.length) {
    g.fail(`these operators cannot be converted: ${unknown.join(", ")}`, loops
      ? `Loops of recurrent layers are lost in a GraphModel: convert the Keras file (.keras, .h5 or LayersModel) itself. Those that choose among boxes: ${end}.`
      : `Rebuild the model without them, or ${end}.`);
  }
}

/** Nodes that the outputs depend on, loops included, in the order of the file. */
function needed({ byName, outputs }: Model): JsonObject[] {
  const found = new Set<JsonObject>(), reach = (name: string) => { if (byName.has(name)) found.add(byName.get(name)!); };
  outputs.forEach((o) => reach(splitName(o).node));
  for (const node of found) inputNames(node).forEach((i) => reach(i.node));
  return [...byName.values()].filter((n) => found.has(n));
}

function bindInput(g: GraphBuilder, node: JsonObject, name: string, options: ReadOptions): string {
  g.where = `input "${name}"`;
  if (!name) return g.fail("it has no name", "Convert the model again.", "ERR_OCTAVO_FORMAT");
  const n = new TfNode(node, [], g), given = options.inputShapes?.[name], file = n.shape("shape") ?? given?.map(() => -1);
  const remedy = `Pass its shape: --input-shape ${name}=${file?.map((d, i) => (d !== -1 ? d : i === 0 ? 1 : "SIZE")).join(",") ?? "1,…"}.`;
  if (!file || (given && given.length !== file.length)) {
    return g.fail(`its shape is ${file ? `[${file.join(",")}]` : "unknown"}`, remedy, "ERR_OCTAVO_SHAPE");
  }
  const shape = file.map((d, i) => ((given?.[i] ?? -1) !== -1 ? given![i]! : d === -1 && i === 0 ? 1 : d));
  if (shape.some((d) => !Number.isInteger(d) || d < 1 || d > 2 ** 31)) {
    g.fail(`its shape is [${file.join(",")}], free axes other than the first must be fixed`, remedy, "ERR_OCTAVO_SHAPE");
  }
  const dtype = n.dtype("dtype", "float32"), fixed = options.constants?.[name];
  if (fixed && fixed.data.length !== sizeOf(shape)) {
    g.fail(`it is fixed to a value of [${fixed.shape.join(",")}], expected [${shape.join(",")}]`, "", "ERR_OCTAVO_SHAPE");
  }
  return fixed ? g.constant(name, dtype, shape, fixed.data) : g.input(name, dtype, shape, shape.length === 4 ? "nhwc" : "");
}

/** Nodes that the outputs need, each behind its inputs. */
function inOrder(g: GraphBuilder, { byName, inputs, outputs }: Model): JsonObject[] {
  const sorted: JsonObject[] = [], state = new Map<string, "open" | "done">(inputs.map((i) => [i, "done"]));
  const stack = outputs.map((o) => splitName(o).node).reverse();
  while (stack.length) {
    const name = stack.at(-1)!;
    const node = byName.get(name) ?? g.fail(`node "${name}" is used, but missing`, "Convert the model again.", "ERR_OCTAVO_FORMAT");
    const missing = state.get(name) === "done" ? [] : inputNames(node).map((i) => i.node).filter((i) => state.get(i) !== "done");
    if (missing.some((i) => state.get(i) === "open")) g.fail(`node "${name}" waits for itself`, "Convert the model again.", "ERR_OCTAVO_FORMAT");
    if (missing.length) {
      state.set(name, "open");
      stack.push(...missing);
      continue;
    }
    if (state.get(name) !== "done") sorted.push(node);
    state.set(name, "done");
    stack.pop();
  }
  return sorted;
}

function readNode(g: GraphBuilder, node: JsonObject, weights: ReadonlyMap<string, StoredWeight>, tensors: ReadonlyMap<string, string[]>): string[] {
  const name = String(node.name), op = String(node.op);
  g.where = `node "${name}" (${op})`;
  if (op === "Const") return [constant(g, name, weights.get(name))];
  if (op === "Placeholder") return g.fail("it is no input of the signature", "Convert the model again.", "ERR_OCTAVO_FORMAT");
  const inputs = inputNames(node).map((i) => tensors.get(i.node)?.[i.output]
    ?? g.fail(`its input "${i.node}:${i.output}" is missing`, "Convert the model again.", "ERR_OCTAVO_FORMAT"));
  const before = g.graph.nodes.length, results = [(operators[op] ?? g.fail("it gives no value"))(new TfNode(node, inputs, g), g)].flat();
  const last = g.graph.nodes.at(-1);
  if (results.length === 1 && g.graph.nodes.length > before && last!.outputs[0] === results[0]) return [nameResult(g, results[0]!, name)];
  return results;
}

function constant(g: GraphBuilder, name: string, weight: StoredWeight | undefined): string {
  if (!weight) return g.fail("its value is missing from the weights", "Download the model again, with all its shards.", "ERR_OCTAVO_FORMAT");
  return g.constant(name, weight.dtype, weight.shape, weight.data);
}

function addOutput(g: GraphBuilder, name: string, tensors: ReadonlyMap<string, string[]>): void {
  const { node, output } = splitName(name);
  const y = tensors.get(node)?.[output] ?? g.fail(`output "${name}" is missing`, "Convert the model again.", "ERR_OCTAVO_FORMAT");
  const taken = g.graph.inputs.includes(y) || g.graph.outputs.includes(y) || g.graph.tensors.get(y)!.data !== undefined;
  const own = taken ? g.add("reshape", [y], { shape: [...g.shape(y)] }) : y;
  g.output(own, g.shape(own).length === 4 ? "nhwc" : "");
}

