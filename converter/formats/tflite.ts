/**
 * TFLite (.tflite, schema version 3) → Graph. The file's scales, zero points and integers are taken as they are; a free
 * batch axis is bound to 1. Operators are read by the tables of `tflite/`, one per family; a name that is in none of
 * them is refused together with all others.
 */
import { GraphBuilder } from "../ir/builder.ts";
import { allocate, freshName, sizeOf, type Graph } from "../ir/graph.ts";
import { modelError } from "../ir/error.ts";
import { endsOf } from "./cut.ts";
import { checkInputNames } from "./names.ts";
import { addEnds, attempt, placeholder } from "./partial.ts";
import type { Reader, ReadOptions } from "./reader.ts";
import { batches, findDilations, readersOf } from "./tflite/batch.ts";
import { assignedVariables, controls, finishVariables } from "./tflite/control.ts";
import { convolutions } from "./tflite/convolution.ts";
import { denses } from "./tflite/dense.ts";
import { elementwise } from "./tflite/elementwise.ts";
import { gathers } from "./tflite/gather.ts";
import { modelName } from "./tflite/metadata.ts";
import { pools } from "./tflite/pooling.ts";
import { quantizations } from "./tflite/quantize.ts";
import { recurrents } from "./tflite/recurrent.ts";
import { reductions } from "./tflite/reduce.ts";
import { refusalOf, refuseUnsupported } from "./tflite/refuse.ts";
import { resizes } from "./tflite/resize.ts";
import { isTflite, readSchema, type TfliteModel, type TfliteOperator, type TfliteSubgraph, type TfliteTensor } from "./tflite/schema.ts";
import { TfliteNode, type OperatorTable } from "./tflite/node.ts";
import { nameOf, pass, passed, tensorAt, type Passed, type Reading, type Scope } from "./tflite/scope.ts";
import { shapes } from "./tflite/shape.ts";
import { slices } from "./tflite/slice.ts";
import { svdfs } from "./tflite/svdf.ts";
import { checkedShape, dtypeOf, quantizationOf, show } from "./tflite/tensors.ts";

export const tflite: Reader = { name: "tflite", extensions: [".tflite"], sniff: isTflite, read };

const operators: OperatorTable = {
  ...convolutions, ...denses, ...pools, ...elementwise, ...reductions, ...shapes, ...slices, ...gathers, ...resizes, ...batches, ...quantizations, ...recurrents, ...svdfs,
  ...controls(call),
};

/** Names of all operators, for `docs/tflite.md`. */
export const operatorNames = (): string[] => Object.keys(operators).sort();

/** @throws OctavoError FORMAT for a damaged file, OPERATOR for what the graph has no operators for */
function read(bytes: Uint8Array, options: ReadOptions): Graph {
  const model = endingAt(readSchema(bytes), options.cut);
  const main = model.subgraphs[0] ?? fail("model", "it has no subgraphs, expected one");
  if (!main.outputs.length) fail("model", "it has no outputs, expected one");
  if (main.inputs.length + main.outputs.length > 4096) fail("model", `it has ${main.inputs.length} inputs and ${main.outputs.length} outputs, expected up to 4096`);
  const graph = new GraphBuilder("tflite", modelName(model));
  attempt(graph, options, () => refuseUnsupported(model, operators));
  const budget = { bytes: 2 ** 26 + 16 * bytes.length, operators: 100000 + bytes.length, calls: 0 };
  const scope = enter({ model, graph, options, variables: new Map(), assigned: assignedVariables(model), budget }, main, plannedNames(model), 0);
  checkInputNames("tflite", main.inputs.map((i) => scope.planned[i] ?? ""), options);
  for (const index of new Set(main.inputs)) input(scope, index);
  readOperators(scope);
  graph.where = "model";
  attempt(graph, options, () => finishVariables(scope));
  for (const index of main.outputs) attempt(graph, options, () => output(scope, index));
  addEnds(graph);
  return graph.graph;
}

/** The model with the named tensors as outputs of its first subgraph, and of its operators what they need. */
function endingAt(model: TfliteModel, cut: readonly string[] | undefined): TfliteModel {
  const [main, ...others] = model.subgraphs;
  if (!cut || !main) return model;
  const outputs = endsOf("tflite", cut, (name) => main.tensors.some((t) => t.name === name) ? [name] : []).map((name) => main.tensors.findIndex((t) => t.name === name));
  const wanted = new Set(outputs), operators = main.operators.toReversed().filter((op) => {
    const live = !op.outputs.length || op.outputs.some((t) => wanted.has(t));
    if (live) op.inputs.forEach((t) => wanted.add(t));
    return live;
  }).reverse();
  return { ...model, subgraphs: [{ ...main, outputs, operators }, ...others] };
}

const fail = (where: string, problem: string): never => {
  throw modelError("ERR_OCTAVO_FORMAT", "tflite", where, problem, "The file is damaged: export or download it again.");
};

function enter(reading: Reading, subgraph: TfliteSubgraph, planned: string[], depth: number): Scope {
  const scope: Scope = { ...reading, subgraph, names: new Map(), planned, handles: new Map(), readers: readersOf(subgraph), dilated: new Map(), depth, initialising: false };
  scope.dilated = findDilations(scope);
  return scope;
}

/** Inputs and outputs are called as the signature calls them, other tensors by their own names. */
function plannedNames(model: TfliteModel): string[] {
  const main = model.subgraphs[0]!;
  const signature = model.signatures.find((s) => s.subgraph === 0);
  const planned = main.tensors.map((t, i) => t.name || `tensor_${i}`);
  const taken = new Set<string>(), outer = new Set([...main.inputs, ...main.outputs]);
  const claim = (i: number, name: string) => {
    let unique = name;
    for (let k = 1; taken.has(unique); k++) unique = `${name}_${k}`;
    taken.add(unique);
    planned[i] = unique;
  };
  for (const i of outer) if (main.tensors[i]) claim(i, signature?.inputs.get(i) || signature?.outputs.get(i) || planned[i]!);
  for (let i = 0; i < planned.length; i++) if (taken.has(planned[i]!) && !outer.has(i)) planned[i] += "_inside";
  return planned;
}

/** An input of the model: with the shape, or the value, that the caller asks for. */
function input(scope: Scope, index: number): void {
  const { graph, options } = scope, t = tensorAt(scope, index), name = scope.planned[index]!, fixed = options.constants?.[name];
  graph.where = `input "${name}"`;
  const dtype = dtypeOf(t), shape = inputShape(scope, index, name);
  if (!fixed) scope.names.set(index, graph.input(name, dtype, shape, layoutOf(scope, index), quantizationOf(t)));
  else {
    const own = fixed.data.length === 1 ? shape.map(() => 1) : [...fixed.shape], data = allocate(dtype, sizeOf(own));
    if (fixed.data.length !== data.length) graph.fail(`the constant has ${fixed.data.length} values for ${show(own)}`, "", "ERR_OCTAVO_SHAPE");
    data.set(fixed.data);
    scope.names.set(index, graph.constant(name, dtype, own, data, quantizationOf(t)));
  }
}

/** Free axes have the caller's sizes, or else those of the export, which are 1. */
function inputShape(scope: Scope, index: number, name: string): number[] {
  const t = tensorAt(scope, index), known = checkedShape(t), wanted = scope.options.inputShapes?.[name];
  if (!wanted) return known.map((d, axis) => (t.signature[axis] === -1 ? 1 : d));
  if (wanted.length !== known.length && known.length > 0) {
    scope.graph.fail(`the given shape ${show(wanted)} has ${wanted.length} axes, expected ${known.length}`, "", "ERR_OCTAVO_SHAPE");
  }
  const shape = wanted.map((d, axis) => (d === -1 ? known[axis] ?? 1 : d));
  if (!(sizeOf(shape) <= 2 ** 31) || shape.some((d) => !Number.isInteger(d) || d < 0)) {
    scope.graph.fail(`the given shape ${show(wanted)} is not one of sizes`, "", "ERR_OCTAVO_SHAPE");
  }
  return shape;
}

/** TFLite is channels-last, except where the first thing a model does is to make it so. */
function layoutOf(scope: Scope, index: number): string {
  if (tensorAt(scope, index).shape.length !== 4) return "";
  const readers = scope.readers.get(index) ?? [];
  const turned = (op: TfliteOperator) => op.type === "TRANSPOSE" && new TfliteNode(op, scope).integers(1).join() === "0,2,3,1";
  return readers.length > 0 && readers.every(turned) ? "nchw" : "nhwc";
}

function readOperators(scope: Scope): void {
  for (const operator of scope.subgraph.operators) {
    const first = scope.subgraph.tensors[operator.outputs[0] ?? -1];
    scope.graph.where = `node "${first?.name ?? ""}" (${operator.type})`;
    if (scope.budget.operators-- <= 0) {
      scope.graph.fail("its loops repeat too many operators, expected fewer", "Export the model with a shorter sequence.");
    }
    const refusal = refusalOf(operator, operators), { refused } = scope.options;
    if (refusal && !refused) scope.graph.fail(`${refusal} cannot be run`);
    const isRead = !refusal && attempt(scope.graph, scope.options, () => operators[operator.type]!(new TfliteNode(operator, scope)));
    if (!isRead) for (const index of operator.outputs) attempt(scope.graph, scope.options, () => standIn(scope, index));
  }
}

/** What a refused operator would have written has the shape that the file says. */
function standIn(scope: Scope, index: number): void {
  const t = tensorAt(scope, index), shape = checkedShape(t);
  if (!scope.names.has(index)) scope.names.set(index, placeholder(scope.graph, scope.planned[index]!, dtypeOf(t), shape, quantizationOf(t)));
}

/** Reads another subgraph in place, with `inputs` for its inputs. */
function call(caller: Scope, subgraph: TfliteSubgraph, inputs: Passed[]): Passed[] {
  const { graph } = caller, { where } = graph, number = ++caller.budget.calls;
  if (caller.depth === 16) graph.fail("calls are nested more than 16 deep", "", "ERR_OCTAVO_FORMAT");
  const scope = enter(caller, subgraph, subgraph.tensors.map((t) => `${t.name || "tensor"}_${number}`), caller.depth + 1);
  scope.initialising = caller.initialising;
  if (inputs.length !== subgraph.inputs.length) graph.fail(`the subgraph has ${subgraph.inputs.length} inputs, expected ${inputs.length}`, "", "ERR_OCTAVO_FORMAT");
  subgraph.inputs.forEach((t, i) => pass(scope, t, inputs[i]!));
  readOperators(scope);
  const outputs = subgraph.outputs.map((t) => passed(scope, t));
  graph.where = where;
  return outputs;
}

/** Every output has its own name and its own tensor: one that passes something through gets a copy. */
function output(scope: Scope, index: number): void {
  const { graph } = scope, t = tensorAt(scope, index), wanted = scope.planned[index]!;
  const name = nameOf(scope, index) ?? fail(`output "${wanted}"`, "nothing writes it");
  const result = name === wanted && isFree(graph.graph, name) ? name : named(graph, name, freshName(graph.graph, wanted), t);
  graph.output(result, graph.shape(result).length === 4 ? "nhwc" : "");
}

const isFree = ({ inputs, outputs }: Graph, name: string): boolean => !inputs.includes(name) && !outputs.includes(name);

/** The tensor under another name: itself where it is computed and nothing else is called by its own, else a copy. */
function named(graph: GraphBuilder, name: string, wanted: string, t: TfliteTensor): string {
  const { states, nodes, tensors } = graph.graph, quantization = quantizationOf(t);
  if (!isFree(graph.graph, name) || states.some((s) => s.input === name || s.output === name) || !nodes.some((n) => n.outputs.includes(name))) {
    return graph.add("reshape", [name], { shape: [...tensors.get(name)!.shape] }, [wanted], quantization && { dtype: dtypeOf(t), quantization });
  }
  graph.rename(name, wanted, true);
  return wanted;
}
