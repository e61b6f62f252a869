/** What a reader writes with: adds tensors and nodes, infers shapes, evaluates what is constant. */
import { modelError, OctavoError } from "./error.ts";
import { evaluate } from "./eval.ts";
import { freshName, isConstant, sizeOf, tensorOf, type DType, type Graph, type Node, type Quantization, type Tensor, type TypedArray } from "./graph.ts";
import { ops, type Attributes, type OpName } from "./ops.ts";

/** Operators whose work is about size of output × size of second input. */
const products = new Set<OpName>(["conv2d", "convTranspose2d", "dense", "matmul", "lstm", "gru", "rnn"]);

export class GraphBuilder {
  readonly graph: Graph;
  /** Named in errors while a source node is being read, e.g. `node "fc1" (Gemm)`. */
  where = "model";
  /** Something of the source was refused and left out: the caller only looks at it. */
  isPartial = false;
  /** Values that may still be computed while reading. */
  private computable = 2 ** 28;
  /** The node that wrote each tensor, and when. */
  private readonly producers = new Map<string, { node: Node; order: number }>();
  /** Tensors that are known to depend on the model's inputs. */
  private readonly varying = new Set<string>();
  /** Names of nodes, each with the last suffix tried behind it. */
  private readonly nodeNames = new Map<string, number>();

  constructor(format: string, name: string) {
    this.graph = { name, format, tensors: new Map(), nodes: [], inputs: [], outputs: [], states: [], layouts: {} };
  }

  input(name: string, dtype: DType, shape: number[], layout = "", quantization?: Quantization): string {
    this.graph.inputs.push(this.tensor({ name, dtype, shape, ...(quantization && { quantization }) }));
    if (layout) this.graph.layouts[name] = layout;
    return name;
  }

  output(name: string, layout = ""): void {
    this.graph.outputs.push(tensorOf(this.graph, name).name);
    if (layout) this.graph.layouts[name] = layout;
  }

  /** A constant under a name close to `stem`; returns the name it got. */
  constant(stem: string, dtype: DType, shape: number[], data: TypedArray, quantization?: Quantization): string {
    return this.tensor({ name: freshName(this.graph, stem), dtype, shape, data, ...(quantization && { quantization }) });
  }

  scalar(value: number): string {
    return this.constant("scalar", "float32", [], Float32Array.of(value));
  }

  /**
   * Adds one operator and infers its outputs.
   * @param outputs names for the outputs; missing ones get a fresh name, "" says that nobody reads it
   * @param quantization of the first output
   * @returns the name of the first output
   */
  add<K extends OpName>(op: K, inputs: string[], attributes: Attributes<K>, outputs: string[] = [], quantization?: { dtype: DType; quantization: Quantization }): string {
    const rule = ops[op];
    if (inputs.length < rule.inputs[0] || inputs.length > rule.inputs[1]) this.fail(`${op} takes ${rule.inputs.join(" to ")} inputs, found ${inputs.length}`);
    const results = this.infer(() => rule.infer(attributes, inputs.map((i) => (i ? tensorOf(this.graph, i) : undefined))));
    const names = results.map((result, i) => {
      if (outputs[i] === "" || (i > 0 && outputs[i] === undefined)) return "";
      return this.tensor({ name: outputs[i] ?? freshName(this.graph, `${inputs[0] || op}_${op}`), ...result, ...(i === 0 && quantization) });
    });
    const node = { op, name: this.freshNode(names.find(Boolean) ?? op), inputs: [...inputs], outputs: names, attributes } as Node;
    for (const name of names) if (name) this.producers.set(name, { node, order: this.producers.size });
    this.graph.nodes.push(node);
    return names[0]!;
  }

  shape(name: string): number[] {
    return tensorOf(this.graph, name).shape;
  }

  /**
   * Gives a tensor another name, everywhere it is read.
   * @param read whether nodes may read it already though no node writes it
   */
  rename(from: string, to: string, read: boolean): void {
    const tensor = tensorOf(this.graph, from), made = this.producers.get(from);
    if (from === to) return;
    this.graph.tensors.delete(from);
    tensor.name = to;
    this.tensor(tensor);
    if (made) this.producers.set(to, made);
    this.producers.delete(from);
    if (this.varying.delete(from)) this.varying.add(to);
    if (made || read) this.renameInNodes(from, to);
  }

  /** Calls the node that wrote a tensor like the tensor. */
  nameNode(tensor: string): void {
    const node = this.producers.get(tensor)?.node;
    if (node && node.name !== tensor) node.name = this.freshNode(tensor);
  }

  /** The value of a tensor that depends on constants only, or undefined. */
  valueOf(name: string): Tensor & { data: TypedArray } | undefined {
    if (!isConstant(this.graph, name)) {
      const nodes = this.constantNodes(name);
      if (!nodes) return undefined;
      this.spend(nodes);
      const values = evaluate(this.graph, new Map(), { nodes });
      tensorOf(this.graph, name).data = values.get(name)!;
      this.drop(this.producers.get(name)!.node);
    }
    return tensorOf(this.graph, name) as Tensor & { data: TypedArray };
  }

  /** Whether a tensor depends on constants only. */
  isFixed(name: string): boolean {
    return this.constantNodes(name) !== undefined;
  }

  fail(problem: string, remedy = "", code: "ERR_OCTAVO_FORMAT" | "ERR_OCTAVO_OPERATOR" | "ERR_OCTAVO_SHAPE" | "ERR_OCTAVO_DTYPE" = "ERR_OCTAVO_OPERATOR"): never {
    throw modelError(code, this.graph.format, this.where, problem, remedy);
  }

  private tensor(tensor: Tensor): string {
    if (this.graph.tensors.has(tensor.name)) this.fail(`tensor "${tensor.name}" is written twice`, "", "ERR_OCTAVO_FORMAT");
    if (!tensor.shape.every((d) => Number.isSafeInteger(d) && d >= 0)) this.fail(`tensor "${tensor.name}" has shape [${tensor.shape.join(",")}], expected whole numbers`, "", "ERR_OCTAVO_SHAPE");
    this.graph.tensors.set(tensor.name, tensor);
    return tensor.name;
  }

  /** Readers stand behind their producer, so that the search ends there. */
  private renameInNodes(from: string, to: string): void {
    for (let i = this.graph.nodes.length - 1; i >= 0; i--) {
      const node = this.graph.nodes[i]!, writes = node.outputs.includes(from);
      if (node.inputs.includes(from)) node.inputs = node.inputs.map((name) => (name === from ? to : name));
      if (!writes) continue;
      node.outputs = node.outputs.map((name) => (name === from ? to : name));
      return;
    }
  }

  private infer<T>(rule: () => T): T {
    try {
      return rule();
    } catch (e) {
      if (e instanceof OctavoError) this.fail(e.message, "", "ERR_OCTAVO_SHAPE");
      throw e;
    }
  }

  /** Takes out a node whose only result became a constant: one of the last, mostly. */
  private drop(node: Node): void {
    const at = node.outputs.filter(Boolean).length === 1 ? this.graph.nodes.lastIndexOf(node) : -1;
    if (at >= 0) this.graph.nodes.splice(at, 1);
  }

  /** Bounds what reading may compute: a small file can ask for an endless sum. */
  private spend(nodes: Node[]): void {
    const size = (name: string) => (name ? sizeOf(this.shape(name)) : 0);
    const work = nodes.reduce((sum, n) => sum + n.outputs.reduce((s, o) => s + size(o), 0) * (products.has(n.op) ? size(n.inputs[1]!) : 1), 0);
    this.computable -= work;
    if (work > 2 ** 25 || this.computable < 0) this.fail("what it needs to know at conversion takes too much computation", "Fold constants before export.");
  }

  /** A name that no node was given yet, starting with `stem`. */
  private freshNode(stem: string): string {
    let name = stem, i = this.nodeNames.get(stem) ?? 0;
    while (this.nodeNames.has(name)) name = `${stem}_${++i}`;
    this.nodeNames.set(stem, i);
    this.nodeNames.set(name, 0);
    return name;
  }

  /** The nodes that compute `name`, in graph order, or undefined when an input is among their sources. */
  private constantNodes(name: string): Node[] | undefined {
    const found = new Map<Node, number>(), wanted = [name];
    for (const w of wanted) {
      if (isConstant(this.graph, w)) continue;
      const made = this.varying.has(w) ? undefined : this.producers.get(w);
      if (!made) {
        this.varying.add(name);
        return undefined;
      }
      if (!found.has(made.node)) wanted.push(...made.node.inputs.filter(Boolean));
      found.set(made.node, made.order);
    }
    return [...found].sort((a, b) => a[1] - b[1]).map(([node]) => node);
  }
}
