/** A graph being rewritten: a copy with indexes that every edit keeps right. Rewrites edit one node and its neighbours. */
import { isQuantized } from "../ir/eval/quantize.ts";
import { evaluate } from "../ir/eval.ts";
import { freshName, sizeOf, tensorOf, type Graph, type Node, type Tensor, type TypedArray } from "../ir/graph.ts";
import { ops, type Attributes, type OpName } from "../ir/ops.ts";

/** Looks at one node and rewrites what it recognises. */
export type Rewrite = (rw: Rewriter, node: Node) => void;
export type Constant = Tensor & { data: TypedArray };
export type RealConstant = Constant & { data: Float32Array };

export class Rewriter {
  readonly graph: Graph;
  /** Whether activations of the source are integers that stand for real numbers: scales are chosen, and values with them. */
  readonly quantized: boolean;
  /** Counts edits: unchanged means that nothing was recognised. */
  edits = 0;
  /** Elements that constants have grown by, and products that computing them took. */
  readonly spent = { growth: 0, work: 0 };
  private readonly producers = new Map<string, Node>();
  /** How often each node reads a tensor. */
  private readonly readers = new Map<string, Map<Node, number>>();
  /** Every node with its place in the source's order; a new one stands where its rewrite began. */
  private readonly places = new Map<Node, number>();
  private readonly names = new Map<string, number>();
  /** Names that the user or a state sees: they keep their tensors. */
  private readonly ends: Set<string>;
  private place = 0;

  /** The source stays as it is; the data of constants is shared and never written. */
  constructor(source: Graph) {
    this.graph = { ...source, tensors: new Map([...source.tensors].map(([name, t]) => [name, { ...t }])), nodes: [] };
    this.quantized = [...source.tensors.values()].some((t) => !t.data && isQuantized(t));
    this.ends = new Set([...source.outputs, ...source.states.map((s) => s.output)]);
    for (const node of source.nodes) {
      this.insert({ ...node, inputs: [...node.inputs], outputs: [...node.outputs] } as Node);
      this.place++;
    }
  }

  /** The nodes at this moment, in topological order. */
  nodes(): Node[] {
    return sorted([...this.places.keys()].sort((a, b) => this.places.get(a)! - this.places.get(b)!), this.producers);
  }

  /**
   * One sweep in topological order: all rewrites in turn on each node, or on what has taken its place, so that a node
   * sees its operands as the sweep has left them.
   */
  sweep(rewrites: readonly Rewrite[]): void {
    for (const node of this.nodes()) {
      const place = this.places.get(node), output = node.outputs.find(Boolean)!;
      if (place === undefined) continue;
      this.place = place;
      for (const rewrite of rewrites) {
        const current = this.producers.get(output);
        if (current) rewrite(this, current);
      }
    }
  }

  tensor(name: string): Tensor {
    return tensorOf(this.graph, name);
  }

  shape(name: string): number[] {
    return this.tensor(name).shape;
  }

  /** The node that writes `name`, if it is one of `op`. */
  by<K extends OpName>(name: string | undefined, op: K): Node<K> | undefined {
    const node = name ? this.producers.get(name) : undefined;
    return node?.op === op ? (node as Node<K>) : undefined;
  }

  producer(name: string): Node | undefined {
    return this.producers.get(name);
  }

  readersOf(name: string): Node[] {
    return [...(this.readers.get(name)?.keys() ?? [])];
  }

  isEnd(name: string): boolean {
    return this.ends.has(name);
  }

  /** Exactly one place reads it, and nobody outside. */
  isPrivate(name: string): boolean {
    const readers = this.readers.get(name);
    return !this.ends.has(name) && readers?.size === 1 && readers.values().next().value === 1;
  }

  isUnread(name: string): boolean {
    return !this.ends.has(name) && !this.readers.get(name)?.size;
  }

  constant(name: string | undefined): Constant | undefined {
    const tensor = name ? this.graph.tensors.get(name) : undefined;
    return tensor?.data ? (tensor as Constant) : undefined;
  }

  /** A constant of real numbers in float32: the only ones whose values a rewrite may change. */
  real(name: string | undefined): RealConstant | undefined {
    const constant = this.constant(name);
    return constant?.data instanceof Float32Array && !constant.quantization ? (constant as RealConstant) : undefined;
  }

  /** Whether a rewrite may make another constant out of this one: it is small, or nobody else keeps the old one. */
  isReplaceable(name: string): boolean {
    return this.isPrivate(name) || sizeOf(this.shape(name)) <= 4096;
  }

  /** Float activations and constants: rewrites that change numbers in their last bits keep to them. */
  isFloat(name: string): boolean {
    const { dtype, quantization } = this.tensor(name);
    return dtype === "float32" && !quantization;
  }

  addConstant(stem: string, tensor: Omit<Constant, "name">): string {
    const name = freshName(this.graph, stem);
    this.graph.tensors.set(name, { ...tensor, name });
    return name;
  }

  addReal(stem: string, shape: number[], data: Float32Array): string {
    return this.addConstant(stem, { dtype: "float32", shape, data });
  }

  /**
   * Adds a node and returns its first output.
   * @param output its name; fresh from `stem` without one
   * @param like gives dtype and quantization of the output where the operator keeps integers
   */
  add<K extends OpName>(op: K, inputs: string[], attributes: Attributes<K>, { stem, output, like }: { stem: string; output?: string; like?: Tensor }): string {
    const [result] = ops[op].infer(attributes, inputs.map((i) => (i ? this.tensor(i) : undefined)));
    const name = output ?? freshName(this.graph, stem);
    const integers = like && { dtype: like.dtype, ...(like.quantization && { quantization: like.quantization }) };
    if (output === undefined) this.graph.tensors.set(name, { name, ...result!, ...integers });
    this.insert({ op, name: this.nodeName(stem), inputs, outputs: [name], attributes } as Node);
    return name;
  }

  /** `node` gives way to another one that writes the same outputs and keeps its name. */
  become<K extends OpName>(node: Node, op: K, inputs: string[], attributes: Attributes<K>): void {
    this.remove(node);
    this.insert({ op, name: node.name, inputs, outputs: node.outputs, attributes } as unknown as Node);
  }

  /** `writer` computes what `last` did, under the name of its output; `last` goes. */
  takeOver<K extends OpName>(writer: Node<K>, last: Node, change: { inputs?: string[]; attributes?: Attributes<K> }): void {
    const output = last.outputs[0]!;
    this.remove(last);
    this.remove(writer as Node);
    this.insert({ ...writer, ...change, outputs: [output] } as unknown as Node);
  }

  /** The first output of `node` is the tensor `name`: its readers read that instead. */
  bypass(node: Node, name: string): void {
    const output = node.outputs[0]!, writer = this.producers.get(name);
    if (!this.ends.has(output)) return this.forward(node, output, name);
    if (!writer || this.ends.has(name)) {
      if (node.op !== "reshape") this.become(node, "reshape", [name], { shape: [...this.shape(output)] });
      return;
    }
    this.remove(node);
    this.redirect(name, output);
    this.edit(writer, { outputs: writer.outputs.map((o) => (o === name ? output : o)) });
    this.graph.tensors.delete(name);
  }

  /** Readers of one output of `node` read `name` instead; the node stays for dead-code to find. */
  replaceOutput(node: Node, index: number, name: string): void {
    const output = node.outputs[index]!;
    if (output && this.readersOf(output).length) this.redirect(output, name);
  }

  remove(node: Node): void {
    this.edits++;
    this.places.delete(node);
    this.names.delete(node.name);
    for (const output of node.outputs) if (this.producers.get(output) === node) this.producers.delete(output);
    for (const input of node.inputs) this.readers.get(input)?.delete(node);
  }

  /** The output of `node` becomes a constant. */
  fix(node: Node): void {
    const values = evaluate(this.graph, new Map(), { nodes: [node] });
    this.remove(node);
    for (const output of node.outputs) if (output) this.tensor(output).data = values.get(output)!;
    for (const input of node.inputs) if (input && this.isUnread(input)) this.graph.tensors.delete(input);
  }

  /** An output that nobody reads is named no more. */
  dropOutput(node: Node, index: number): void {
    this.edits++;
    this.producers.delete(node.outputs[index]!);
    node.outputs[index] = "";
  }

  /** The graph in topological order, without the tensors that nothing names. */
  finish(): Graph {
    const graph = this.graph;
    graph.nodes = this.nodes();
    const ends = [...graph.inputs, ...graph.outputs, ...graph.states.flatMap((s) => [s.input, s.output])];
    const named = new Set([...ends, ...graph.nodes.flatMap((n) => [...n.inputs, ...n.outputs])]);
    for (const name of graph.tensors.keys()) if (!named.has(name)) graph.tensors.delete(name);
    return graph;
  }

  private forward(node: Node, output: string, name: string): void {
    this.remove(node);
    this.redirect(output, name);
    if (this.isUnread(output)) this.graph.tensors.delete(output);
  }

  private redirect(from: string, to: string): void {
    for (const reader of this.readersOf(from)) this.edit(reader, { inputs: reader.inputs.map((i) => (i === from ? to : i)) });
  }

  private edit(node: Node, change: Partial<Pick<Node, "inputs" | "outputs">>): void {
    const place = this.places.get(node)!;
    this.remove(node);
    this.insert(Object.assign(node, change), place);
  }

  private insert(node: Node, place = this.place): void {
    this.edits++;
    this.places.set(node, place);
    this.names.set(node.name, this.names.get(node.name) ?? 0);
    for (const output of node.outputs) if (output) this.producers.set(output, node);
    for (const input of node.inputs) {
      if (!input) continue;
      const readers = this.readers.get(input) ?? new Map<Node, number>();
      this.readers.set(input, readers.set(node, (readers.get(node) ?? 0) + 1));
    }
  }

  /** Counts on from the last name of that stem. */
  private nodeName(stem: string): string {
    if (!this.names.has(stem)) return stem;
    let i = this.names.get(stem)! + 1;
    while (this.names.has(`${stem}_${i}`)) i++;
    this.names.set(stem, i);
    return `${stem}_${i}`;
  }
}

/** Depth first over operands, without recursion: graphs can be thousands of nodes deep. */
function sorted(nodes: Node[], producers: Map<string, Node>): Node[] {
  const order: Node[] = [], seen = new Set<Node>(), done = new Set<Node>();
  for (const root of nodes) {
    const stack = [root];
    while (stack.length) {
      const node = stack.at(-1)!;
      const waiting = seen.has(node) ? [] : node.inputs.flatMap((i) => producers.get(i) ?? []).filter((p) => !seen.has(p));
      seen.add(node);
      if (waiting.length) stack.push(...waiting.reverse());
      else if (stack.pop() && !done.has(node)) order.push(...(done.add(node), [node]));
    }
  }
  return order;
}

/** Sweeps until no rewrite finds anything, at most `rounds` times. */
export function applyRewrites(source: Graph, rewrites: readonly Rewrite[], rounds = 1): Graph {
  const rw = new Rewriter(source);
  for (let round = 0; round < rounds; round++) {
    const before = rw.edits;
    rw.sweep(rewrites);
    if (rw.edits === before) break;
  }
  return rw.finish();
}
