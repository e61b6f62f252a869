/** Operators without an integer kernel keep computing in float: dequantize before them, quantize behind them. */
import { freshName, isConstant, tensorOf, type Graph, type Node, type Tensor, type TypedArray } from "../ir/graph.ts";
import { activationInputs } from "./integer-ops.ts";

export interface IslandOptions {
  isInteger: (node: Node) => boolean;
  /**
   * Where a float operator follows another: true hands the float value on; false rounds it to the integers of the tensor
   * between, which is what a model that came quantized means.
   */
  direct: boolean;
  /** Nodes all of whose operands stay what they are. */
  isWhole?: (node: Node) => boolean;
}

/** Rewrites `graph`, whose quantized tensors are those with an integer dtype and a quantization. */
export function floatIslands(graph: Graph, { isInteger, direct, isWhole = () => false }: IslandOptions): void {
  const islands = new Islands(graph, direct), integerInput = (n: Node, i: number) => isInteger(n) && activationInputs(n).includes(i);
  const readAsFloat = (name: string) => graph.nodes.some((n) => n.inputs.some((input, i) => input === name && !integerInput(n, i)));
  const writtenAsFloat = (name: string) => graph.nodes.some((n) => n.outputs.some((output, i) => output === name && !(isInteger(n) && i === 0)));
  if (direct) islands.release([...graph.inputs.filter(readAsFloat), ...graph.states.filter((s) => readAsFloat(s.input) || writtenAsFloat(s.output)).map((s) => s.input)]);
  for (const node of graph.nodes) {
    if (isWhole(node)) {
      islands.nodes.push(node);
      continue;
    }
    const keeps = (i: number) => integerInput(node, i) || (isInteger(node) && isConstant(graph, node.inputs[i]!));
    const inputs = node.inputs.map((name, i) => (!name ? "" : keeps(i) ? islands.integer(name) : islands.float(name)));
    const outputs = node.outputs.map((name, i) => (name && !(isInteger(node) && i === 0) ? islands.written(name) : name));
    islands.nodes.push({ ...node, inputs, outputs } as Node);
    islands.flush();
  }
  for (const state of graph.states) if (!isQuantized(tensorOf(graph, state.input))) state.output = islands.float(state.output);
  graph.nodes = islands.nodes;
}

class Islands {
  readonly nodes: Node[] = [];
  private readonly graph: Graph;
  private readonly direct: boolean;
  private readonly floats = new Map<string, string>();
  private readonly integers = new Map<string, string>();
  /** Nodes that follow the one being written. */
  private waiting: Node[] = [];

  constructor(graph: Graph, direct: boolean) {
    this.graph = graph;
    this.direct = direct;
  }

  /** These inputs and states stay float. */
  release(names: readonly string[]): void {
    for (const name of names) if (isQuantized(tensorOf(this.graph, name))) this.splitOff(name);
    this.flush();
  }

  integer(name: string): string {
    return this.integers.get(name) ?? name;
  }

  /** The float value of a tensor; dequantized once. */
  float(name: string): string {
    const tensor = tensorOf(this.graph, name);
    if (!isQuantized(tensor)) return name;
    if (!this.floats.has(name)) this.floats.set(name, tensor.data ? this.floatConstant(tensor) : this.dequantized(tensor));
    return this.floats.get(name)!;
  }

  /** The name under which a float operator writes a tensor. */
  written(name: string): string {
    const tensor = tensorOf(this.graph, name);
    if (!isQuantized(tensor)) return name;
    if (this.direct) return this.splitOff(name);
    const float = this.add({ ...tensor, name: freshName(this.graph, `${name} float`), dtype: "float32", quantization: undefined });
    this.waiting.push(conversion("quantize", float, name));
    return float;
  }

  flush(): void {
    this.nodes.push(...this.waiting);
    this.waiting = [];
  }

  /** `name` becomes float, its integers get a name of their own. */
  private splitOff(name: string): string {
    const tensor = tensorOf(this.graph, name), integer = this.add({ ...tensor, name: freshName(this.graph, `${name} ${tensor.dtype}`) });
    this.graph.tensors.set(name, { name, dtype: "float32", shape: tensor.shape });
    this.integers.set(name, integer);
    this.waiting.push(conversion("quantize", name, integer));
    return name;
  }

  private dequantized(tensor: Tensor): string {
    const float = this.add({ name: freshName(this.graph, `${tensor.name} float`), dtype: "float32", shape: tensor.shape });
    this.nodes.push(conversion("dequantize", tensor.name, float));
    return float;
  }

  private floatConstant(tensor: Tensor): string {
    return this.add({ name: freshName(this.graph, `${tensor.name} float`), dtype: "float32", shape: tensor.shape, data: dequantizeConstant(tensor) });
  }

  private add({ quantization, ...tensor }: Tensor): string {
    this.graph.tensors.set(tensor.name, { ...tensor, ...(quantization && { quantization }) });
    return tensor.name;
  }
}

const conversion = (op: "quantize" | "dequantize", from: string, to: string): Node => ({ op, name: `${to} ${op}`, inputs: [from], outputs: [to], attributes: {} });

export const isQuantized = (tensor: Tensor): boolean => tensor.dtype !== "float32" && tensor.quantization !== undefined;

/** scale · (q − zero point), per tensor or per channel. */
export function dequantizeConstant(tensor: Tensor): Float32Array {
  const { scale, zeroPoint, axis } = tensor.quantization!, data = tensor.data as TypedArray, real = new Float32Array(data.length);
  const channels = scale.length, inner = channels === 1 ? data.length : tensor.shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  for (let from = 0, run = 0; from < data.length; from += inner, run++) {
    const s = scale[run % channels]!, z = zeroPoint[run % channels]!;
    for (let i = from; i < from + inner; i++) real[i] = (data[i]! - z) * s;
  }
  return real;
}
