/** Nodes that stand for another, written one after the other: each method adds one and gives its result. */
import { broadcastShapes, noClamp, type Attributes, type BinaryOp, type OpName, type ReduceOp, type UnaryOp } from "../ir/ops.ts";
import { freshName, tensorOf, type DType, type Graph, type Node, type Quantization, type TypedArray } from "../ir/graph.ts";

/** Integers that mean themselves, `above` higher than they are stored. */
export const plain = (above = 0): Quantization => ({ scale: Float32Array.of(1), zeroPoint: Int32Array.of(-above), axis: 0 });

export class Writer {
  readonly nodes: Node[] = [];
  private readonly graph: Graph;
  private readonly stem: string;

  /** @param stem of the names of all that is written: short, since a model file names the layer of every call */
  constructor(graph: Graph, stem: string) {
    this.graph = graph;
    this.stem = stem;
  }

  shape = (name: string): number[] => tensorOf(this.graph, name).shape;

  constant(data: TypedArray, shape: number[], dtype: DType = "float32", quantization?: Quantization): string {
    return this.tensor(`${this.stem} constant`, shape, dtype, quantization, data);
  }

  add<K extends OpName>(op: K, inputs: string[], attributes: Attributes<K>, shape: number[], dtype: DType = "float32", quantization?: Quantization, stem = `${this.stem} ${op}`): string {
    const name = this.tensor(stem, shape, dtype, quantization);
    this.nodes.push({ op, name, inputs, outputs: [name], attributes } as Node);
    return name;
  }

  /** The last node writes `y` instead of its own result, which nobody has read. */
  finish(y: string): Node[] {
    const last = this.nodes.at(-1)!;
    this.graph.tensors.delete(last.outputs[0]!);
    last.outputs[0] = y;
    return this.nodes;
  }

  unary = (op: UnaryOp, x: string, alpha = 0, beta = 0): string => this.add(op, [x], { alpha, beta }, this.shape(x));

  binary(op: BinaryOp, a: string, b: string, clamp = noClamp): string {
    return this.add(op, [a, b], { clamp }, broadcastShapes(this.shape(a), this.shape(b)));
  }

  reduce = (op: ReduceOp, x: string, axes: number[]): string => this.add(op, [x], { axes, keepDims: true }, this.shape(x).map((d, a) => (axes.includes(a) ? 1 : d)));

  reshape(x: string, shape: number[]): string {
    return this.add("reshape", [x], { shape }, shape);
  }

  /** condition ? a : b, all of one shape or a number */
  where(condition: string, a: string, b: string): string {
    return this.add("where", [condition, a, b], {}, broadcastShapes(...[condition, a, b].map(this.shape)));
  }

  number = (v: number): string => this.constant(Float32Array.of(v), [1]);

  private tensor(stem: string, shape: number[], dtype: DType, quantization?: Quantization, data?: TypedArray): string {
    const name = freshName(this.graph, stem);
    this.graph.tensors.set(name, { name, dtype, shape, ...(quantization && { quantization }), ...(data && { data }) });
    return name;
  }
}
