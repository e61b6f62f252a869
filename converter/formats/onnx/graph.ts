/** ModelProto → Graph: nodes in their order, each through its operator's function. */
import { GraphBuilder } from "../../ir/builder.ts";
import { modelError } from "../../ir/error.ts";
import { evaluate } from "../../ir/eval.ts";
import { freshName, sizeOf, tensorOf, type Graph, type Node, type Tensor } from "../../ir/graph.ts";
import { addEnds, attempt, placeholder } from "../partial.ts";
import type { ReadOptions } from "../reader.ts";
import { withoutDynamicQuantization } from "./dynamic.ts";
import { addInputs } from "./inputs.ts";
import { nameLayouts } from "./layouts.ts";
import { noteElementType } from "./narrow.ts";
import { OnnxNode } from "./node.ts";
import { domainOf, operatorOf } from "./operators.ts";
import type { AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetProto, ValueInfoProto } from "./proto.ts";
import { keepsQuantization, rawInteger, sameQuantization } from "./quantized.ts";
import { Scope } from "./scope.ts";
import { endingAt, inOrder, isKnown, liveNodes, refuseUnsupported } from "./survey.ts";
import { checkedShape, dtypeOf, MAX_ELEMENTS } from "./tensor.ts";
import { affordable, damaged, isMuchWork } from "./write.ts";

/** Nodes that loops and functions may unroll to. */
const MAX_NODES = 20_000;
/** Constant results below this are computed at once, larger ones when they do not grow beyond what they are made of. */
const SMALL = 2 ** 16;

interface Reading {
  g: GraphBuilder;
  functions: Map<string, FunctionProto>;
  /** Tensors that a name of the file was given to, and in which scope. */
  owners: Map<string, Scope>;
  /** Nodes of the graph that are finished. */
  seen: WeakSet<Node>;
  /** Names of nodes, with the last number behind each. */
  nodeNames: Map<string, number>;
  nodesLeft: number;
}

export function readGraph(model: ModelProto, options: ReadOptions): Graph {
  const proto = endingAt(model.graph ?? noGraph(), options.cut), g = new GraphBuilder("onnx", proto.name ?? ""), functions = functionsOf(model.functions ?? []);
  const r: Reading = { g, functions, owners: new Map(), seen: new WeakSet(), nodeNames: new Map(), nodesLeft: MAX_NODES };
  const opsets = opsetsOf(model.opsetImport ?? []), scope = new Scope(g, opsets, 0, undefined, proto);
  const nodes = liveNodes({ ...proto, node: inOrder(withoutDynamicQuantization(proto)) });
  attempt(g, options, () => refuseUnsupported(nodes, functions));
  readInputs(r, scope, proto, options);
  if (options.refused) readPartly(r, scope, proto, nodes, options);
  else {
    for (const node of nodes) readNode(r, scope, node);
    g.where = "model";
    addOutputs(r, scope, proto.output?.length ? proto.output : damaged(g, "it has no outputs"));
  }
  dropUnused(g.graph);
  nameLayouts(g.graph);
  return g.graph;
}

/** Nodes whose inputs are there; results of others are there where the file says their shape. */
function readPartly(r: Reading, scope: Scope, proto: GraphProto, nodes: NodeProto[], options: ReadOptions): void {
  const infos = new Map((proto.valueInfo ?? []).map((v) => [v.name ?? "", v] as const)), { g } = r;
  for (const node of nodes) {
    const isThere = (node.input ?? []).every((i) => !i || scope.find(g, i) !== undefined), known = isKnown(node, r.functions);
    if (isThere && known && attempt(g, options, () => readNode(r, scope, node))) continue;
    for (const output of node.output ?? []) if (output && !scope.values.has(output)) {
      const info = infos.get(output);
      if (info) attempt(g, { refused: () => undefined }, () => scope.values.set(output, placeholderOf(r, scope, info)));
    }
  }
  g.where = "model";
  addOutputs(r, scope, (proto.output ?? []).filter((o) => scope.find(g, o.name ?? "") !== undefined));
  addEnds(g);
}

function placeholderOf(r: Reading, scope: Scope, info: ValueInfoProto): string {
  const tensor = info.type?.tensorType, where = `tensor "${info.name}"`, dims = (tensor?.shape?.dim ?? []).map((d, axis) => d.dimValue ?? (axis === 0 ? 1 : NaN));
  const name = placeholder(r.g, info.name ?? "", dtypeOf(tensor?.elemType, where), checkedShape(dims, where));
  r.owners.set(name, scope);
  return name;
}

const noGraph = (): never => {
  throw modelError("ERR_OCTAVO_FORMAT", "onnx", "model", "it has no graph", "The file is damaged or no ONNX model: export it again. A SavedModel of TensorFlow becomes .tflite by tf.lite.TFLiteConverter.from_saved_model(FOLDER).");
};

const functionKey = (domain: string | undefined, name: string | undefined, overload: string | undefined) => `${domainOf(domain)}:${name ?? ""}:${overload ?? ""}`;
const functionsOf = (functions: FunctionProto[]) => new Map(functions.map((f) => [functionKey(f.domain, f.name, f.overload), f]));
export const opsetsOf = (sets: OperatorSetProto[]): Map<string, number> => new Map(sets.map((s) => [domainOf(s.domain), s.version ?? 0]));

/** Inputs that have an initializer are constants with a name. */
function readInputs(r: Reading, scope: Scope, proto: GraphProto, options: ReadOptions): void {
  const inputs = (proto.input ?? []).filter((i) => !scope.hasInitializer(i.name ?? ""));
  addInputs(r.g, inputs, options).forEach((name, i) => {
    noteElementType(r.g, name, inputs[i]!.type?.tensorType?.elemType);
    scope.values.set(inputs[i]!.name ?? "", name);
    r.owners.set(name, scope);
  });
}

function lookup(r: Reading, scope: Scope, name: string): string {
  if (name === "") return "";
  const tensor = scope.find(r.g, name) ?? r.g.fail(`its input "${name}" is written by no node before it`, "The nodes must be sorted and without cycles: export the model again.", "ERR_OCTAVO_FORMAT");
  if (!r.owners.has(tensor)) r.owners.set(tensor, scope.holderOf(name)!);
  return tensor;
}

function readNode(r: Reading, scope: Scope, proto: NodeProto): void {
  const { g } = r, op = proto.opType ?? "", name = proto.name || proto.output?.find(Boolean) || op, before = g.where;
  g.where = `node "${name}" (${op})`;
  if (--r.nodesLeft < 0) g.fail(`the model unrolls to more than ${MAX_NODES} nodes`, "Export it without loops, or with shorter ones.");
  const domain = domainOf(proto.domain), raw = (proto.input ?? []).map((i) => lookup(r, scope, i));
  const operator = operatorOf(domain, op), inputs = operator ? suited(r, op, raw) : raw;
  const inline = (body: GraphProto, given: string[]) => inlineBody(r, scope, body, given);
  const results = operator ? operator(new OnnxNode(proto, opsetFor(r, scope, domain), inputs, g, inline), g) : inlineFunction(r, scope, proto, raw);
  bindOutputs(r, scope, proto, [results].flat());
  finishNodes(r, name);
  g.where = before;
}

function opsetFor(r: Reading, scope: Scope, domain: string): number {
  const version = scope.opsets.get(domain);
  if (version !== undefined) return domain === "" ? supportedVersion(r, version) : version;
  return domain === "" ? r.g.fail("the model does not say its operator set version", "Export it again.", "ERR_OCTAVO_FORMAT") : 1;
}

const NEWEST = 28;
function supportedVersion(r: Reading, version: number): number {
  if (version >= 1 && version <= NEWEST) return version;
  throw modelError("ERR_OCTAVO_VERSION", "onnx", r.g.graph.name ? `graph "${r.g.graph.name}"` : "model", `its operator set is version ${version}, expected 1 to ${NEWEST}`,
    "Export it with opset_version=20, or convert it with onnx.version_converter.");
}

/** Only operators that move values take quantized tensors as they are, all inputs alike; others compute with the integers. */
function suited(r: Reading, op: string, inputs: string[]): string[] {
  const quantized = inputs.filter((i) => i && tensorOf(r.g.graph, i).quantization);
  if (!quantized.length || /^(Quantize|Dequantize|QLinear|QGemm)/.test(op)) return inputs;
  const parameters = quantized.map((i) => tensorOf(r.g.graph, i).quantization!);
  const alike = parameters.every((q) => q.scale.length === 1 && sameQuantization(q, parameters[0]!));
  const complete = op !== "Concat" || quantized.length === inputs.length;
  return keepsQuantization.has(op) && alike && complete ? inputs : inputs.map((i) => (i ? rawInteger(r.g, i) : i));
}

/** Every result gets the name that the file gives it, unless it is a tensor that has one already. */
function bindOutputs(r: Reading, scope: Scope, proto: NodeProto, results: string[]): void {
  const renamed = new Map<string, string>();
  (proto.output ?? []).forEach((source, i) => {
    if (source === "") return;
    const result = results[i] || r.g.fail(`its output ${i} ("${source}") is not supported`, "Export the model without it.");
    if (scope.values.has(source)) damaged(r.g, `it writes "${source}" a second time`);
    if (!renamed.has(result)) renamed.set(result, named(r, scope, result, source));
    scope.values.set(source, renamed.get(result)!);
  });
}

function named(r: Reading, scope: Scope, tensor: string, source: string): string {
  const owner = r.owners.get(tensor), taken = r.g.graph.tensors.has(source) && source !== tensor;
  if (owner && owner.depth <= scope.depth) return tensor;
  const to = scope.depth > 0 && taken ? freshName(r.g.graph, source) : source;
  if (taken && to === source) moveAway(r, scope, source);
  r.g.rename(tensor, to, owner !== undefined);
  r.owners.delete(tensor);
  r.owners.set(to, scope);
  return to;
}

/** A tensor in between that happens to have the name of one of the file. */
function moveAway(r: Reading, scope: Scope, name: string): void {
  const to = freshName(r.g.graph, `${name}_inner`), owner = r.owners.get(name);
  r.g.rename(name, to, true);
  if (owner) r.owners.set(to, owner);
  r.owners.delete(name);
  for (const [source, tensor] of scope.values) if (tensor === name) scope.values.set(source, to);
}

/** What an operator added: named after the file's node, bounded in size, quantization carried on, constants computed. */
function finishNodes(r: Reading, name: string): void {
  const { nodes } = r.g.graph;
  let first = nodes.length;
  while (first > 0 && !r.seen.has(nodes[first - 1]!)) first--;
  for (let i = first; i < nodes.length; i++) {
    const node = nodes[i]!;
    node.name = unusedNodeName(r, i === nodes.length - 1 ? name : `${name}/${node.op}_${i - first}`);
    r.seen.add(node);
    carryQuantization(r.g.graph, node);
    checkSizes(r, node);
    if (computeConstant(r.g, node)) nodes.splice(i--, 1);
  }
}

/** Functions and loops read a node several times, and files name nodes alike: each gets a name of its own. */
function unusedNodeName(r: Reading, stem: string): string {
  let name = stem, i = r.nodeNames.get(stem) ?? 0;
  while (r.nodeNames.has(name)) name = `${stem}_${++i}`;
  r.nodeNames.set(stem, i).set(name, 0);
  return name;
}

const carriers = new Set(["reshape", "transpose", "slice", "concat", "gather", "pad", "expand", "tile", "maxPool2d"]);

function carryQuantization(graph: Graph, node: Node): void {
  const from = tensorOf(graph, node.inputs[0]!), to = node.outputs[0] ? tensorOf(graph, node.outputs[0]) : undefined;
  if (from.quantization && to && !to.quantization && carriers.has(node.op) && from.dtype === to.dtype) to.quantization = from.quantization;
}

function checkSizes(r: Reading, node: Node): void {
  for (const name of node.outputs) {
    if (!name) continue;
    const shape = r.g.shape(name), count = sizeOf(shape.map((d) => Math.max(1, d)));
    if (shape.every((d) => Number.isInteger(d) && d >= 0) && count <= MAX_ELEMENTS) continue;
    r.g.fail(`its result has shape [${shape.join(",")}], expected sizes of 0 or more and ${MAX_ELEMENTS} elements or less`, "Check the model's shapes.", "ERR_OCTAVO_SHAPE");
  }
}

/** Shape arithmetic and weights in another form are computed now; integers that carry a scale stay for the quantizer. */
function computeConstant(g: GraphBuilder, node: Node): boolean {
  const { graph } = g, inputs = node.inputs.filter(Boolean).map((i) => tensorOf(graph, i)), outputs = node.outputs.filter(Boolean);
  if (node.op === "quantize" || outputs.length !== 1 || inputs.some((t) => !t.data || t.quantization)) return false;
  const count = (tensors: Tensor[]) => tensors.reduce((sum, t) => sum + sizeOf(t.shape), 0), result = tensorOf(graph, outputs[0]!);
  if (count([result]) > Math.max(SMALL, count(inputs)) || isMuchWork(graph, node) || !affordable(g, count([result]))) return false;
  result.data = evaluate(graph, new Map(), { nodes: [node], keep: new Set(outputs) }).get(outputs[0]!)!;
  return true;
}

/** Writes the nodes of a body; names that it does not have are those around it. */
function inlineBody(r: Reading, scope: Scope, body: GraphProto, given: string[]): string[] {
  const inner = new Scope(r.g, scope.opsets, scope.depth + 1, scope, body);
  (body.input ?? []).forEach((input, i) => { if (given[i]) inner.values.set(input.name ?? "", given[i]!); });
  own(r, inner, given);
  for (const node of body.node ?? []) readNode(r, inner, node);
  return (body.output ?? []).map((o) => lookup(r, inner, o.name ?? "") || damaged(r.g, "an output of its body has no name"));
}

/** What a body is given keeps its name in there: the caller goes on using it. */
function own(r: Reading, inner: Scope, tensors: string[]): void {
  for (const t of tensors) if (t && !r.owners.has(t)) r.owners.set(t, inner);
}

/** A function of the model, written out at its call. */
function inlineFunction(r: Reading, scope: Scope, call: NodeProto, inputs: string[]): string[] {
  const f = r.functions.get(functionKey(call.domain, call.opType, call.overload)) ?? r.g.fail("no such operator or function");
  const opsets = f.opsetImport?.length ? opsetsOf(f.opsetImport) : scope.opsets, inner = new Scope(r.g, opsets, scope.depth + 1);
  (f.input ?? []).forEach((name, i) => inner.values.set(name, inputs[i] ?? ""));
  const given = new Map([...(f.attributeProto ?? []), ...(call.attribute ?? [])].map((a) => [a.name ?? "", a]));
  for (const node of f.node ?? []) readNode(r, inner, withAttributes(node, given));
  return (f.output ?? []).map((name) => lookup(r, inner, name));
}

/** The node with the caller's attributes in place of references to them, also in its bodies; absent ones vanish. */
function withAttributes(node: NodeProto, given: ReadonlyMap<string, AttributeProto>): NodeProto {
  const attribute = (node.attribute ?? []).flatMap((a): AttributeProto[] => {
    if (a.g) return [{ ...a, g: { ...a.g, node: (a.g.node ?? []).map((n) => withAttributes(n, given)) } }];
    if (!a.refAttrName) return [a];
    const value = given.get(a.refAttrName);
    return value ? [{ ...value, name: a.name ?? "" }] : [];
  });
  return { ...node, attribute };
}

/** Outputs keep the file's names: one that is only another name for a tensor becomes a copy of it. */
function addOutputs(r: Reading, scope: Scope, outputs: ValueInfoProto[]): void {
  for (const { name = "" } of outputs) {
    if (!name) damaged(r.g, "an output has no name");
    const tensor = scope.find(r.g, name) ?? damaged(r.g, `output "${name}" is written by no node`);
    if (tensor !== name) {
      if (r.g.graph.tensors.has(name)) moveAway(r, scope, name);
      r.g.add("reshape", [scope.find(r.g, name)!], { shape: [...r.g.shape(scope.find(r.g, name)!)] }, [name]);
      finishNodes(r, name);
    }
    if (r.g.graph.outputs.includes(name)) damaged(r.g, `output "${name}" stands there twice`);
    r.g.output(name);
  }
}

/** Nodes that no output depends on, and constants that nobody reads any more. */
function dropUnused(graph: Graph): void {
  const wanted = new Set(graph.outputs);
  graph.nodes = graph.nodes.toReversed().filter((n) => {
    const live = n.outputs.some((o) => wanted.has(o));
    if (live) for (const input of n.inputs) wanted.add(input);
    return live;
  }).reverse();
  const used = new Set([...graph.inputs, ...graph.outputs, ...graph.nodes.flatMap((n) => [...n.inputs, ...n.outputs])]);
  for (const name of graph.tensors.keys()) if (!used.has(name)) graph.tensors.delete(name);
}
