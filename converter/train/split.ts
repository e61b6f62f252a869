/**
 * Twin → training graph: the part behind the first trainable layer, for a batch. What lies before it is computed by the
 * programs of inference, sample by sample, and enters here as inputs.
 */
import { modelError, OctavoError } from "../ir/error.ts";
import { GraphBuilder } from "../ir/builder.ts";
import { tensorOf, type Graph, type Node } from "../ir/graph.ts";
import type { Attributes } from "../ir/ops.ts";
import { dependents } from "../differentiate/index.ts";
import { batched, sampleAxis, type Axis, type Batched } from "./batch.ts";
import type { Twin } from "./twin.ts";

/** A tensor of inference that the suffix reads, [.., batch, ..] here. */
export interface Boundary { name: string; axis: number; isInput: boolean }

export interface Suffix {
  b: GraphBuilder;
  boundaries: Boundary[];
  /** Where each tensor of the suffix counts samples. */
  axes: ReadonlyMap<string, Axis>;
}

/**
 * @param source the graph that inference runs: only its tensors can enter
 * @param wanted the tensor of the twin that the loss reads: what it does not need is left out
 */
export function suffixOf({ b: twin, parameters, initial }: Twin, source: Graph, wanted: string, batch: number): Suffix {
  const { graph } = twin, needed = ancestors(graph, wanted), inside = behind(graph, needed, dependents(graph.nodes, parameters.map((p) => p.name)), source);
  const writer = new SuffixWriter(graph, batch), held = new Set(initial.keys());
  for (const name of held) writer.parameter(name);
  for (const node of graph.nodes) {
    if (inside.has(node)) writer.inner(node);
    else if (needed.has(node)) writer.outer(node);
  }
  return writer;
}

/** The nodes that depend on parameters, and before them those whose results inference does not have. */
function behind(graph: Graph, needed: ReadonlySet<Node>, reached: ReadonlySet<string>, source: Graph): Set<Node> {
  const inside = new Set<Node>(), read = new Set<string>();
  for (const node of [...graph.nodes].reverse()) {
    const own = node.outputs.some((y) => read.has(y) && !source.tensors.has(y));
    if (!needed.has(node) || !(own || node.inputs.some((x) => reached.has(x)))) continue;
    inside.add(node);
    node.inputs.forEach((x) => read.add(x));
  }
  return inside;
}

/** The nodes that `name` depends on. */
function ancestors(graph: Graph, name: string): Set<Node> {
  const wanted = new Set([name]), found = new Set<Node>();
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((y) => wanted.has(y))) continue;
    found.add(node);
    node.inputs.forEach((x) => wanted.add(x));
  }
  return found;
}

class SuffixWriter implements Suffix {
  readonly b: GraphBuilder;
  readonly boundaries: Boundary[] = [];
  readonly axes = new Map<string, Axis>();
  private readonly twin: Graph;
  private readonly batch: number;

  constructor(twin: Graph, batch: number) {
    this.twin = twin;
    this.batch = batch;
    this.b = new GraphBuilder(twin.format, twin.name);
    for (const name of twin.inputs) this.axes.set(name, sampleAxis(tensorOf(twin, name).shape));
  }

  parameter(name: string): void {
    this.axes.set(name, undefined);
    this.b.input(name, "float32", tensorOf(this.twin, name).shape);
  }

  /** Before the suffix only the axes of samples are followed. */
  outer(node: Node): void {
    this.place(node, this.follow(node));
  }

  inner(node: Node): void {
    const inputs = node.inputs.map((x) => x && this.operand(x)), how = this.follow(node), { attributes, move } = how;
    if (move) inputs[0] = this.b.add("transpose", [inputs[0]!], { perm: move });
    this.b.add(node.op, inputs, { ...node.attributes, ...attributes } as Attributes, node.outputs);
    this.place(node, how);
  }

  private place(node: Node, { axis, others }: Batched): void {
    node.outputs.forEach((y, i) => { if (y) this.axes.set(y, i === 0 ? axis : (others?.[i - 1] ?? axis)); });
  }

  private follow(node: Node): Batched {
    try {
      return batched(this.twin, node, node.inputs.map((x) => this.axes.get(x)), this.batch);
    } catch (e) {
      if (!(e instanceof OctavoError)) throw e;
      const problem = `cannot be trained on a batch: ${e.message.replace(/\.$/, "")}`;
      throw modelError(e.code, this.twin.format, `node "${node.name}" (${node.op})`, problem, "Train layers behind it (--trainable), or with --train-batch 1.");
    }
  }

  /** A tensor of the suffix, a constant, or what inference computes. */
  private operand(name: string): string {
    if (this.b.graph.tensors.has(name)) return name;
    const { data, dtype, shape } = tensorOf(this.twin, name);
    if (data) return this.b.constant(name, dtype, shape, data);
    const axis = this.axes.get(name);
    if (axis === undefined) throw modelError("ERR_OCTAVO_SHAPE", this.twin.format, `tensor "${name}" [${shape}]`, "no axis of size 1 counts samples", "Export the model with a batch axis.");
    this.boundaries.push({ name, axis, isInput: this.twin.inputs.includes(name) });
    return this.b.input(name, "float32", shape.map((d, i) => (i === axis ? this.batch : d)));
  }
}
