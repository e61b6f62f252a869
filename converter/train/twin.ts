/**
 * The float twin of a graph as it will run: the same layers and tensor names, float32, with `fakeQuant` where the integer
 * graph rounds and `fakeQuantRows` on the weights of trainable layers, so that what is trained is what is committed (Jacob
 * et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2018).
 */
import { modelError } from "../ir/error.ts";
import { dequantize, isQuantized } from "../ir/eval/quantize.ts";
import { GraphBuilder } from "../ir/builder.ts";
import { isConstant, producerOf, tensorOf, type Graph, type Node, type Tensor, type TypedArray } from "../ir/graph.ts";
import { noClamp, type Attributes, type Clamp } from "../ir/ops.ts";
import { dependents } from "../differentiate/index.ts";
import { integerBounds } from "../lower/multipliers.ts";
import { movingScales, type Moving } from "./moving.ts";
import { affineOf, channelsOf, chosen, parameterName, partName, type Channels, type Choice, type Parameter, type Role } from "./parameters.ts";
import { unrolled, untrainable } from "./recurrent.ts";

export interface Twin {
  b: GraphBuilder;
  parameters: Parameter[];
  /** Weights of layers that are not trained, by the name of the constant, with the scales of their rows. */
  frozen: Map<string, { parameter: Parameter; scale?: Float32Array }>;
  /** Values of the parameters in the file, and the scales of their rows: by tensor name. */
  initial: Map<string, Float32Array>;
  /** Names that tensors of the source have here, where another. */
  names: ReadonlyMap<string, string>;
}

/** What the file holds, as floats; the scales of its rows where it holds integers. */
interface Held { shape: number[]; value: Float32Array; scale?: Float32Array }

/** Their results lie on the grid that their operands lie on. */
const keepsGrid = new Set<string>(["reshape", "transpose", "slice", "concat", "maxPool2d", "expand", "tile", "gather", "pad"]);

/**
 * @param graph quantized or float
 * @param float the graph before it was quantized: what its tables (`lut`) compute
 * @param choice what is trained · @param limit largest integer of a weight
 */
export function twinOf(graph: Graph, float: Graph, choice: Choice, limit = 127): Twin {
  const writer = new TwinWriter(graph, float, choice, limit);
  for (const name of graph.inputs) writer.input(name);
  for (const node of graph.nodes) writer.node(node);
  return writer;
}

export class TwinWriter implements Twin {
  readonly b: GraphBuilder;
  readonly parameters: Parameter[] = [];
  readonly frozen: Twin["frozen"] = new Map();
  readonly initial = new Map<string, Float32Array>();
  readonly names = new Map<string, string>();
  private readonly moving: Moving;
  readonly source: Graph;
  private readonly float: Graph;
  private readonly limit: number;
  private readonly choice: Choice;
  /** Tensors of the source that depend on a parameter. */
  private readonly behind: ReadonlySet<string>;

  constructor(source: Graph, float: Graph, choice: Choice, limit: number) {
    this.source = source;
    this.float = float;
    this.limit = limit;
    this.choice = choice;
    this.behind = dependents(source.nodes, source.nodes.filter((n) => choice.has(n.name)).flatMap((n) => n.outputs.filter(Boolean)));
    this.moving = movingScales(source, choice);
    this.b = new GraphBuilder(source.format, source.name);
  }

  /** Inputs that are integers arrive as floats and are rounded first. */
  input(name: string): void {
    const tensor = tensorOf(this.source, name);
    this.b.input(name, isQuantized(tensor) ? "float32" : tensor.dtype, tensor.shape);
    if (isQuantized(tensor)) this.names.set(name, this.round(name, `${name} rounded`, tensor, noClamp));
  }

  node(node: Node): void {
    const y = node.outputs[0]!;
    switch (node.op) {
      case "dequantize": return void this.names.set(y, this.read(node.inputs[0]!));
      case "quantize": case "requantize": return void this.round(this.read(node.inputs[0]!), y, tensorOf(this.source, y), noClamp);
      case "lut": return this.table(node);
      case "lstm": case "gru": case "rnn": return this.recurrent(node);
      case "conv2d": case "convTranspose2d": case "dense": return this.product(node);
      case "gather": return this.result(node, [this.embedding(node), this.read(node.inputs[1]!)]);
      default: return this.result(node, node.inputs.map((x, i) => (x ? this.affine(node, i) ?? this.read(x) : "")));
    }
  }

  /** Layers that gradients pass are unrolled; others only say where samples lie. */
  private recurrent(node: Node<"lstm"> | Node<"gru"> | Node<"rnn">): void {
    const problem = untrainable(node, this.source), passed = this.choice.has(node.name) || node.inputs.some((x) => this.behind.has(x));
    if (!problem) return unrolled(node, this);
    if (passed) throw modelError("ERR_OCTAVO_OPERATOR", this.source.format, `node "${node.name}" (${node.op})`, `${problem}, for training`, "Train layers behind it (--trainable).");
    this.b.add(node.op, node.inputs.map((x) => (x ? this.read(x) : "")), node.attributes as Attributes, node.outputs);
  }

  /** The twin of a tensor. */
  read(name: string): string {
    const known = this.names.get(name) ?? (this.b.graph.tensors.has(name) ? name : undefined);
    if (known !== undefined) return known;
    const tensor = tensorOf(this.source, name);
    if (!tensor.data) throw modelError("ERR_OCTAVO_OPERATOR", this.source.format, `tensor "${name}"`, "it is a state, and streams are not trained", "Convert without --stateful to train.");
    this.names.set(name, this.b.constant(name, isQuantized(tensor) ? "float32" : tensor.dtype, tensor.shape, realOf(tensor)));
    return this.names.get(name)!;
  }

  trains(layer: string, role: Role): boolean {
    return chosen(this.choice, layer, role);
  }

  /**
   * A parameter of the layer, or a constant where the layer is frozen; as the layer reads it.
   * @param scale per row of the integers; absent where the file holds floats
   */
  parameter(layer: string, role: Role, shape: number[], value: Float32Array, direction = 0, scale?: Float32Array): string {
    const name = parameterName(layer, role, direction), known: Parameter = { name, layer, role, shape, direction };
    return this.trains(layer, role) ? this.trainable(known, value, scale) : this.frozenTensor(known, value, scale);
  }

  private trainable(known: Parameter, value: Float32Array, scale?: Float32Array): string {
    const { name, shape } = known;
    this.b.input(name, "float32", shape);
    this.initial.set(name, value);
    this.parameters.push(known);
    if (!scale) return name;
    known.scale = this.b.input(`${name} scale`, "float32", [shape[0]!]);
    this.initial.set(known.scale, scale);
    known.limit = this.limit;
    return this.b.add("fakeQuantRows", [name, known.scale], { limit: this.limit }, [`${name} rounded`]);
  }

  private frozenTensor(parameter: Parameter, value: Float32Array, scale?: Float32Array): string {
    const name = this.b.constant(parameter.name, "float32", parameter.shape, value);
    if (parameter.role === "weight" || parameter.role === "recurrent") this.frozen.set(name, { parameter, ...(scale && { scale }) });
    return name;
  }

  private product(node: Node<"conv2d"> | Node<"convTranspose2d"> | Node<"dense">): void {
    const x = this.read(node.inputs[0]!), channels = channelsOf(this.choice, node.name);
    if (channels) this.someChannels(node, x, channels);
    else this.result(node, [x, this.weights(node), this.bias(node)]);
  }

  /** Trained channels in place of those of the frozen layer, which inference computes where nothing before it is trained. */
  private someChannels(node: Node, x: string, channels: Channels): void {
    const [, w, b] = node.inputs as [string, string, string?], y = node.outputs[0]!, weights = this.held(w), own = `${y} trained`, O = weights.shape[0]!;
    const bias = b ? realBias(tensorOf(this.source, b), tensorOf(this.source, node.inputs[0]!), tensorOf(this.source, w)) : new Float32Array(O);
    const inputs = [x, this.some(node.name, "weight", weights, channels), this.some(node.name, "bias", { shape: [O], value: bias }, channels)];
    const join = () => this.b.add("withChannels", [y, own], { channels: [...channels] });
    this.onGrid(node, [x, this.weights(node), this.bias(node)], y);
    if (!this.moves(node)) this.onGrid(node, inputs, own);
    else this.b.add(node.op, inputs, node.attributes as Attributes, [own]);
    this.names.set(y, this.moves(node) ? this.onMovingGrid(node, join(), `${y} moving`) : join());
  }

  /** Rows `channels` of what a layer holds. */
  private some(layer: string, role: Role, { shape: whole, value, scale }: Held, channels: Channels): string {
    const K = value.length / whole[0]!, rows = <T extends Float32Array>(all: T, n: number) => Float32Array.from(channels.flatMap((o) => [...all.subarray(o * n, (o + 1) * n)]));
    const known: Parameter = { name: partName(parameterName(layer, role, 0), channels), layer, role, shape: [channels.length, ...whole.slice(1)], direction: 0, part: { channels, whole } };
    return this.trainable(known, rows(value, K), scale && rows(scale, 1));
  }

  /** The operator on floats, its result rounded where the source has integers. */
  private result(node: Node, inputs: string[]): void {
    const y = node.outputs[0]!;
    if (!this.moves(node)) return this.onGrid(node, inputs, y);
    this.onMovingGrid(node, this.b.add(node.op, trimmed(inputs), node.attributes as Attributes, [`${y} exact`]), y);
  }

  private moves(node: Node): boolean {
    return this.moving.has(parameterName(node.name, "activation", 0));
  }

  private onGrid(node: Node, given: readonly string[], y: string): void {
    const tensor = tensorOf(this.source, node.outputs[0]!), outputs = [y, ...node.outputs.slice(1)], attributes = node.attributes as { clamp?: Clamp }, inputs = trimmed(given);
    if (!isQuantized(tensor) || keepsGrid.has(node.op)) return void this.b.add(node.op, inputs, node.attributes as Attributes, outputs);
    const free = attributes.clamp ? { ...attributes, clamp: noClamp } : attributes;
    this.round(this.b.add(node.op, inputs, free as Attributes, [`${y} exact`]), y, tensor, attributes.clamp ?? noClamp);
  }

  /** Rounded with a scale that follows the activations: a parameter without a gradient. */
  private onMovingGrid(node: Node, x: string, y: string): string {
    const { quantization, ...tensor } = tensorOf(this.source, node.outputs[0]!), { lo, hi } = integerBounds({ ...tensor, quantization: quantization! }, (node.attributes as { clamp?: Clamp }).clamp ?? noClamp);
    const { scale: [scale], zeroPoint: [zeroPoint] } = quantization!, name = parameterName(node.name, "activation", 0);
    const own = this.trainable({ name, layer: node.name, role: "activation", shape: [1], direction: 0 }, Float32Array.of(scale!));
    return this.b.add("fakeQuant", [x, own], { scale: scale!, zeroPoint: zeroPoint!, lo, hi }, [y]);
  }

  round(x: string, y: string, { quantization, ...tensor }: Tensor, clamp: Clamp): string {
    const { lo, hi } = integerBounds({ ...tensor, quantization: quantization! }, clamp);
    return this.b.add("fakeQuant", [x], { scale: quantization!.scale[0]!, zeroPoint: quantization!.zeroPoint[0]!, lo, hi }, [y]);
  }

  private weights(node: Node): string {
    const tensor = tensorOf(this.source, node.inputs[1]!);
    if (!tensor.data) return this.read(node.inputs[1]!);
    if (this.choice.has(node.name)) this.expectSymmetric(node, tensor);
    const { shape, value, scale } = this.held(node.inputs[1]!);
    return this.parameter(node.name, "weight", shape, value, 0, scale);
  }

  private held(name: string): Held {
    const tensor = tensorOf(this.source, name), { shape } = tensor;
    return { shape, value: Float32Array.from(realOf(tensor)), ...(isQuantized(tensor) && { scale: perRow(tensor.quantization.scale, shape[0]!) }) };
  }

  private expectSymmetric(node: Node, weights: Tensor): void {
    if (!weights.quantization?.zeroPoint.some((z) => z !== 0)) return;
    const problem = "its weights have zero points, expected symmetric ones, for training";
    throw modelError("ERR_OCTAVO_OPERATOR", this.source.format, `node "${node.name}" (${node.op})`, problem, "Train other layers (--trainable), or convert the float model.");
  }

  /** Absent biases of trainable layers are trained as well: they start at zero. */
  private bias(node: Node): string {
    const name = node.inputs[2], [x, w] = node.inputs.map((i) => i && tensorOf(this.source, i)) as [Tensor, Tensor];
    const O = tensorOf(this.source, node.outputs[0]!).shape.at(-1)!;
    if (!name) return this.trains(node.name, "bias") ? this.parameter(node.name, "bias", [O], new Float32Array(O)) : "";
    const tensor = tensorOf(this.source, name);
    if (!tensor.data) return this.read(name);
    return this.parameter(node.name, "bias", [O], realBias(tensor, x, w));
  }

  private embedding(node: Node<"gather">): string {
    const tensor = tensorOf(this.source, node.inputs[0]!);
    return tensor.data && this.trains(node.name, "table") ? this.parameter(node.name, "table", tensor.shape, Float32Array.from(tensor.data)) : this.read(node.inputs[0]!);
  }

  /** Operand i of an operator whose constant is trained, if it is that constant. */
  private affine(node: Node, i: number): string | undefined {
    const found = this.choice.has(node.name) ? affineOf(this.source, node) : undefined, tensor = tensorOf(this.source, node.inputs[i]!);
    if (found?.operand !== i || !this.trains(node.name, found.role)) return undefined;
    return this.parameter(node.name, found.role, tensor.shape, Float32Array.from(tensor.data!));
  }

  /** What a table computes: the nodes between its operand and its result before the graph was quantized. */
  private table(node: Node<"lut">): void {
    const y = node.outputs[0]!, from = node.inputs[0]!, part = this.between(from, y), renamed = new Map([[from, this.read(from)]]);
    const constant = ({ shape, data }: Tensor, name: string) => this.b.constant(name, "float32", shape, Float32Array.from(data!));
    const input = (name: string) => renamed.get(name) ?? (isConstant(this.float, name) ? constant(tensorOf(this.float, name), name) : this.read(name));
    for (const inner of part) renamed.set(inner.outputs[0]!, this.b.add(inner.op, inner.inputs.map(input), inner.attributes as Attributes));
    this.round(this.b.add("reshape", [renamed.get(y)!], { shape: tensorOf(this.source, y).shape }), y, tensorOf(this.source, y), noClamp);
  }

  private between(from: string, to: string): Node[] {
    const found = new Set<Node>(), visit = (name: string): void => {
      const node = name === from ? undefined : producerOf(this.float, name);
      if (!node || found.has(node)) return;
      node.inputs.forEach(visit);
      found.add(node);
    };
    visit(to);
    return [...found];
  }
}

/** Without the operands at the end that are absent. */
const trimmed = (inputs: readonly string[]): string[] => inputs.slice(0, inputs.findLastIndex(Boolean) + 1);

export const realOf = (t: Tensor): TypedArray => (isQuantized(t) ? dequantize(t, t.data!) : t.data!);

export const perRow = (scale: Float32Array, rows: number): Float32Array => (scale.length === rows ? scale : new Float32Array(rows).fill(scale[0]!));

/** Integer biases count in steps of input scale · weight scale, whether they say so or not. */
function realBias(bias: Tensor, x: Tensor, w: Tensor): Float32Array {
  if (!isQuantized(w)) return Float32Array.from(bias.data!);
  if (isQuantized(bias)) return dequantize(bias, bias.data!);
  const { scale } = w.quantization;
  return Float32Array.from(bias.data!, (q, o) => q * x.quantization!.scale[0]! * scale[scale.length === 1 ? 0 : o]!);
}

