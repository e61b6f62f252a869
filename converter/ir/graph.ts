/**
 * The typed graph that every reader produces and every later stage rewrites.
 *
 * Conventions, fixed for all stages:
 * - Every shape is static: readers bind free axes (batch to 1, others by `inputShapes`) before they build.
 * - Spatial operators are channels-last: x [N,H,W,C], w [O,KH,KW,C/groups]. A reader of a channels-first format writes
 *   the transposes around them; the rewrite `nchw-to-nhwc` removes what cancels. 1-D forms are 2-D ones with H = 1.
 * - Recurrent operators are time-major: x [T,N,I]; gate order lstm i,f,g,o · gru z,r,h.
 * - A tensor with `data` is a constant. A tensor with `quantization` holds q where real = scale · (q − zeroPoint).
 * - Nodes are in topological order; every tensor has at most one producer.
 */
import type { Attributes, OpName } from "./ops.ts";

export type DType = "float32" | "int8" | "uint8" | "int16" | "uint16" | "int32" | "int64" | "bool";

/** int64 lives in doubles (exact to 2^53, larger limits saturate); bool in bytes 0 and 1. */
export type TypedArray = Float32Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Float64Array;

const arrays = {
  float32: Float32Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array,
  int32: Int32Array, int64: Float64Array, bool: Uint8Array,
} as const;

/** A zeroed array of `length` elements of `dtype`. */
export const allocate = (dtype: DType, length: number): TypedArray => new arrays[dtype](length);

/** Bytes of one element in the arena, where int64 is narrowed to int32. */
export const bytesOf = (dtype: DType): number => ({ float32: 4, int8: 1, uint8: 1, int16: 2, uint16: 2, int32: 4, int64: 4, bool: 1 })[dtype];

/** Per tensor: one scale and zero point. Per channel: one of each per index of `axis`. `unsigned`: so the source has them, 128 or 32768 higher. */
export interface Quantization { scale: Float32Array; zeroPoint: Int32Array; axis: number; unsigned?: boolean }

export interface Tensor {
  name: string;
  dtype: DType;
  shape: number[];
  data?: TypedArray;
  quantization?: Quantization;
}

interface NodeOf<K extends OpName> {
  op: K;
  /** Of the source model, for messages and reports: unique in the graph. */
  name: string;
  /** Tensor names; "" is an optional input that is absent. */
  inputs: string[];
  outputs: string[];
  attributes: Attributes<K>;
}

/** One operator application; `node.op === "conv2d"` narrows `node.attributes`. */
export type Node<K extends OpName = OpName> = { [P in K]: NodeOf<P> }[K];

/** What a stream carries from one run to the next: `output` of this run is `input` of the next, starting from `initial`. */
export interface State { input: string; output: string; initial: TypedArray }

export interface Graph {
  name: string;
  /** "onnx", "tflite", "keras", … : the source format, first word of every error about this graph. */
  format: string;
  tensors: Map<string, Tensor>;
  nodes: Node[];
  inputs: string[];
  outputs: string[];
  states: State[];
  /** Order of axes that the user sees, per input and output name: "nchw", "nhwc" or "" where it has no image meaning. */
  layouts: Record<string, string>;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** The tensor of that name; a missing one is a mistake of ours, not of the file. */
export function tensorOf(graph: Graph, name: string): Tensor {
  const tensor = graph.tensors.get(name);
  if (!tensor) throw new Error(`graph "${graph.name}" has no tensor "${name}"`);
  return tensor;
}

export const isConstant = (graph: Graph, name: string): boolean => graph.tensors.get(name)?.data !== undefined;

/** The node that writes `name`, or undefined for inputs and constants. Linear: index once when calling often. */
export const producerOf = (graph: Graph, name: string): Node | undefined => graph.nodes.find((n) => n.outputs.includes(name));

/** Every node that reads `name`. Linear: see `consumersIn`. */
export const consumersOf = (graph: Graph, name: string): Node[] => graph.nodes.filter((n) => n.inputs.includes(name));

/** `consumersOf` for many names: the nodes of now, indexed once. */
export function consumersIn({ nodes }: Graph): (name: string) => readonly Node[] {
  const index = new Map<string, Node[]>();
  for (const node of nodes) {
    for (const name of new Set(node.inputs)) index.set(name, index.get(name) ?? []).get(name)!.push(node);
  }
  return (name) => index.get(name) ?? [];
}

/** Where the search for a free number behind each stem goes on. */
const suffixes = new WeakMap<Graph, Map<string, number>>();

/** A name that no tensor of the graph has yet, starting with `stem`. */
export function freshName(graph: Graph, stem: string): string {
  if (!graph.tensors.has(stem)) return stem;
  const next = suffixes.get(graph) ?? new Map<string, number>();
  let i = next.get(stem) ?? 1;
  while (graph.tensors.has(`${stem}_${i}`)) i++;
  suffixes.set(graph, next.set(stem, i));
  return `${stem}_${i}`;
}
