/**
 * Kernels know floats and quantized integers. Integers and booleans that are neither, such as token ids, masks and indices,
 * are computed in float32, exact to 2^24: graph inputs are cast at the start, outputs cast back at the end, so that the
 * user sees the types of the source model.
 */
import { freshName, type Graph, type Node, type Tensor } from "../ir/graph.ts";

/** Operators whose results on whole numbers are whole; the others are cut towards zero, as integers are. */
const whole = new Set<string>(["clip", "neg", "abs", "sign", "not", "isNan", "isInf", "add", "sub", "mul", "min", "max", "equal", "greater", "greaterOrEqual",
  "less", "lessOrEqual", "and", "or", "xor", "mod", "fmod", "reduceSum", "reduceMax", "reduceMin", "reduceProd", "reduceL1", "reduceSumSquare", "maxPool2d",
  "matmul", "reshape", "transpose", "slice", "concat", "pad", "expand", "tile", "gather", "gatherElements", "gatherNd", "scatterElements", "where",
  "argMax", "argMin", "cumSum", "topK", "truncate"]);

const isPlain = (t: Tensor): boolean => t.dtype !== "float32" && !t.quantization;

export function integersToFloat(source: Graph): Graph {
  const pass = new Pass(source);
  for (const name of source.inputs) pass.input(name);
  for (const node of source.nodes) pass.node(node);
  for (const name of source.outputs) pass.output(name);
  return pass.graph;
}

class Pass {
  readonly graph: Graph;
  private readonly source: Graph;
  /** Name of the float twin of an integer tensor. */
  private readonly floats = new Map<string, string>();

  constructor(source: Graph) {
    this.source = source;
    this.graph = { ...source, tensors: new Map(source.tensors), nodes: [] };
    for (const s of source.states) if (isPlain(this.tensor(s.input))) this.become(s.input);
    this.graph.states = source.states.map((s) => ({ input: s.input, output: this.read(s.output), initial: isPlain(this.tensor(s.input)) ? Float32Array.from(s.initial) : s.initial }));
  }

  input(name: string): void {
    if (isPlain(this.tensor(name))) this.add("cast", `${name} to float`, name, this.twin(name), { to: "float32" });
  }

  /** The node on floats, followed by what brings its result into the type it had. */
  node(node: Node): void {
    const keeps = node.op === "lut" || node.op === "dequantize";
    const inputs = node.inputs.map((name, i) => (name && !(keeps && i > 0) ? this.read(name) : name));
    const outputs = node.outputs.map((name) => (name && isPlain(this.tensor(name)) ? this.twin(name) : name));
    if (node.op === "cast") return this.cast(node, inputs[0]!, outputs[0]!);
    const cut = outputs[0] !== node.outputs[0] && !whole.has(node.op), exact = cut ? this.fresh(`${node.outputs[0]} exact`, this.tensor(node.outputs[0]!)) : outputs[0]!;
    this.graph.nodes.push({ ...node, inputs, outputs: [exact, ...outputs.slice(1)] } as Node);
    if (cut) this.add("truncate", `${node.name} truncate`, exact, outputs[0]!, { alpha: 0, beta: 0 });
  }

  output(name: string): void {
    const tensor = this.tensor(name);
    if (this.source.inputs.includes(name)) return;
    if (isPlain(tensor)) this.add("cast", `${name} from float`, this.read(name), this.own(name), { to: tensor.dtype });
    else if (tensor.data) this.add("reshape", `${name} copy`, this.moved(name), name, { shape: tensor.shape });
  }

  private cast(node: Node<"cast">, x: string, y: string): void {
    const { to } = node.attributes, from = this.tensor(node.inputs[0]!).dtype;
    if (to === "bool" && from !== "bool") {
      const inverse = this.fresh(`${y} not`, this.tensor(node.outputs[0]!));
      this.add("not", `${node.name} not`, x, inverse, { alpha: 0, beta: 0 });
      this.add("not", node.name, inverse, y, { alpha: 0, beta: 0 });
    } else if (to !== "float32" && from === "float32") this.add("truncate", node.name, x, y, { alpha: 0, beta: 0 });
    else this.add("reshape", node.name, x, y, { shape: this.tensor(node.outputs[0]!).shape });
  }

  private tensor(name: string): Tensor {
    return this.source.tensors.get(name)!;
  }

  /** The float that stands for `name` where a node reads it. */
  private read(name: string): string {
    return isPlain(this.tensor(name)) ? this.twin(name) : name;
  }

  private twin(name: string): string {
    if (!this.floats.has(name)) {
      const { data, ...tensor } = this.tensor(name);
      this.floats.set(name, this.fresh(`${name} float`, { ...tensor, ...(data && { data: Float32Array.from(data) }) }));
    }
    return this.floats.get(name)!;
  }

  /** States have no type that the user sees: they are float themselves. */
  private become(name: string): void {
    this.graph.tensors.set(name, { ...this.tensor(name), dtype: "float32" });
    this.floats.set(name, name);
  }

  /** An output that is constant keeps its name for what is computed, its data get another. */
  private moved(name: string): string {
    const tensor = this.tensor(name), constant = this.fresh(`${name} value`, tensor);
    this.own(name);
    return constant;
  }

  private own(name: string): string {
    const { data: _, ...tensor } = this.tensor(name);
    this.graph.tensors.set(name, tensor);
    return name;
  }

  private fresh(stem: string, like: Tensor): string {
    const name = freshName(this.graph, stem);
    this.graph.tensors.set(name, { ...like, name, dtype: "float32" });
    return name;
  }

  private add(op: Node["op"], name: string, x: string, y: string, attributes: Record<string, unknown>): void {
    this.graph.nodes.push({ op, name, inputs: [x], outputs: [y], attributes } as unknown as Node);
  }
}
