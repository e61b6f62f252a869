/** Short words for what the operators' functions write again and again. All take and return names of tensors. */
import type { GraphBuilder } from "../../ir/builder.ts";
import { allocate, freshName, isConstant, sizeOf, tensorOf, type DType, type Graph, type Node, type TypedArray } from "../../ir/graph.ts";
import { noClamp, type BinaryOp, type ReduceOp, type UnaryOp } from "../../ir/ops.ts";
import type { OnnxNode } from "./node.ts";

/** Elements of a constant that is computed here and not read from the file, and of all of them together. */
const MAX_COMPUTED = 2 ** 22, MAX_ALL_COMPUTED = 2 ** 24;
const computed = new WeakMap<GraphBuilder, number>();

/** Whether constants of `count` more elements may be computed; counts them if so. */
export function affordable(g: GraphBuilder, count: number): boolean {
  const all = (computed.get(g) ?? 0) + count;
  if (all > MAX_ALL_COMPUTED) return false;
  computed.set(g, all);
  return true;
}

export const dtypeOf = (g: GraphBuilder, x: string): DType => tensorOf(g.graph, x).dtype;
export const rankOf = (g: GraphBuilder, x: string): number => g.shape(x).length;
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
export const isFloat = (g: GraphBuilder, x: string): boolean => dtypeOf(g, x) === "float32";
export const sameShape = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

/** Shapes, sizes or counts that do not fit together. */
export function misfit(g: GraphBuilder, problem: string): never {
  return g.fail(problem, "", "ERR_OCTAVO_SHAPE");
}

/** What no exporter writes. */
export function damaged(g: GraphBuilder, problem: string): never {
  return g.fail(problem, "Export the model again.", "ERR_OCTAVO_FORMAT");
}

/** Refuses before memory is taken. */
export function bounded(g: GraphBuilder, count: number, what: string): number {
  if (!(count >= 0 && count <= MAX_COMPUTED))
    g.fail(`${what} would have ${count} elements, expected ${MAX_COMPUTED} or less`, "Check the model's shapes.", "ERR_OCTAVO_SHAPE");
  if (!affordable(g, count))
    g.fail(`the values that it computes at conversion have more than ${MAX_ALL_COMPUTED} elements`, "Check the model's shapes.", "ERR_OCTAVO_SHAPE");
  return count;
}

export const unary = (g: GraphBuilder, op: UnaryOp, x: string, alpha = 0, beta = 0): string => g.add(op, [x], { alpha, beta });
/** alpha · x + beta */
export const affine = (g: GraphBuilder, x: string, alpha: number, beta: number): string => unary(g, "affine", x, alpha, beta);
export const relu = (g: GraphBuilder, x: string): string => unary(g, "clip", x, 0, Infinity);
export const binary = (g: GraphBuilder, op: BinaryOp, a: string, b: string): string => g.add(op, [a, b], { clamp: noClamp });
export const add = (g: GraphBuilder, a: string, b: string): string => binary(g, "add", a, b);
export const sub = (g: GraphBuilder, a: string, b: string): string => binary(g, "sub", a, b);
export const mul = (g: GraphBuilder, a: string, b: string): string => binary(g, "mul", a, b);
export const div = (g: GraphBuilder, a: string, b: string): string => binary(g, "div", a, b);
export const square = (g: GraphBuilder, x: string): string => mul(g, x, x);
export const where = (g: GraphBuilder, condition: string, a: string, b: string): string => g.add("where", [condition, a, b], {});
export const matmul = (g: GraphBuilder, a: string, b: string): string => g.add("matmul", [a, b], {});

export const reduce = (g: GraphBuilder, op: ReduceOp, x: string, axes: number[], keepDims: boolean): string => g.add(op, [x], { axes, keepDims });

/** The same tensor where the dtype is right already. */
export const cast = (g: GraphBuilder, x: string, to: DType): string => (dtypeOf(g, x) === to ? x : g.add("cast", [x], { to }));
export const toFloat = (g: GraphBuilder, x: string): string => cast(g, x, "float32");

export const reshape = (g: GraphBuilder, x: string, shape: readonly number[]): string =>
  sameShape(g.shape(x), shape) ? x : g.add("reshape", [x], { shape: [...shape] });

export const transpose = (g: GraphBuilder, x: string, perm: readonly number[]): string =>
  perm.every((p, i) => p === i) ? x : g.add("transpose", [x], { perm: [...perm] });

export const expand = (g: GraphBuilder, x: string, shape: readonly number[]): string =>
  sameShape(g.shape(x), shape) ? x : g.add("expand", [x], { shape: [...shape] });

export const concat = (g: GraphBuilder, parts: string[], axis: number): string => (parts.length === 1 ? parts[0]! : g.add("concat", parts, { axis }));

/** Elements `start`, `start + step`, … of one axis. */
export function sliceAxis(g: GraphBuilder, x: string, axis: number, start: number, size: number, step = 1): string {
  const shape = g.shape(x);
  if (start === 0 && step === 1 && size === shape[axis]) return x;
  const at = (value: number, other: number) => shape.map((_, i) => (i === axis ? value : other));
  return g.add("slice", [x], { starts: at(start, 0), steps: at(step, 1), sizes: shape.map((d, i) => (i === axis ? size : d)) });
}

/** Pads with `value`; amounts per axis. */
export const padWith = (g: GraphBuilder, x: string, before: number[], after: number[], value: number): string =>
  [...before, ...after].every((p) => p === 0) ? x : g.add("pad", [x], { before, after, mode: "constant", value });

export const reverse = (g: GraphBuilder, x: string, axis: number): string => sliceAxis(g, x, axis, g.shape(x)[axis]! - 1, g.shape(x)[axis]!, -1);

/** A constant of `dtype` with these values, [n] unless a shape is given. */
export function constant(g: GraphBuilder, stem: string, dtype: DType, values: ArrayLike<number>, shape: number[] = [values.length]): string {
  const data = allocate(dtype, values.length) as Float32Array;
  data.set(values);
  return g.constant(stem, dtype, shape, data);
}

/** A rank-0 constant. */
export const scalar = (g: GraphBuilder, value: number, dtype: DType = "float32"): string => constant(g, "scalar", dtype, [value], []);

/** A constant of one value everywhere. */
export function filled(g: GraphBuilder, dtype: DType, shape: number[], value: number): string {
  return g.constant("filled", dtype, shape, allocate(dtype, bounded(g, sizeOf(shape), "a filled tensor")).fill(value) as TypedArray);
}

/** An axis as 0 … rank − 1. */
export function axisOf(g: GraphBuilder, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) misfit(g, `axis is ${axis}, expected ${-rank} to ${rank - 1}`);
  return axis < 0 ? axis + rank : axis;
}

/** Axes as 0 … rank − 1, in the given order, each at most once. */
export function axesOf(g: GraphBuilder, axes: readonly number[], rank: number): number[] {
  const result = axes.map((a) => axisOf(g, a, rank));
  if (new Set(result).size !== result.length) misfit(g, `axes are [${axes.join(",")}], expected each once`);
  return result;
}

/** The values of a tensor that must be known when converting; the message names the model inputs that it depends on. */
export function valuesOf(g: GraphBuilder, x: string, what: string): number[] {
  return Array.from(dataOf(g, x, what));
}

export function dataOf(g: GraphBuilder, x: string, what: string): TypedArray {
  const known = constantValue(g, x);
  if (known) return known;
  const inputs = sourcesOf(g, x);
  const names = inputs.map((i) => `"${i}"`).join(", ");
  return g.fail(`${what} depends on ${inputs.length === 1 ? "input" : "inputs"} ${names}, expected a value known at conversion`,
    `Fix ${names} with the option "constants" (--constant NAME=VALUE), or export the model with it as a constant.`);
}

/** The values of a tensor where they are known, else undefined. */
export function constantValue(g: GraphBuilder, x: string): TypedArray | undefined {
  return tensorOf(g.graph, x).data ?? g.valueOf(x)?.data;
}

/** Fresh names for the outputs of a node that are wanted, "" for the others. */
export function outputNames(g: GraphBuilder, n: OnnxNode, count: number): string[] {
  return range(count).map((i) => (n.wants(i) ? freshName(g.graph, `${n.outputs[i]}_${n.op}${i}`) : ""));
}

const sums = new Set(["matmul", "dense", "conv2d", "convTranspose2d", "maxPool2d", "averagePool2d", "lstm", "gru", "rnn", "resample", "gatherNd"]);
const MAX_WORK = 2 ** 26;

/** Operators that sum are bounded by the product of their sizes: nothing is computed at conversion that takes seconds. */
export function isMuchWork(graph: Graph, node: Node): boolean {
  if (!sums.has(node.op)) return false;
  const size = (name: string) => (name ? sizeOf(tensorOf(graph, name).shape) : 0);
  const window = "kernel" in node.attributes ? sizeOf(node.attributes.kernel) : 1;
  return Math.max(...node.outputs.map(size)) * Math.max(window, ...node.inputs.map(size)) > MAX_WORK;
}

/** The model inputs that `x` depends on. */
export function sourcesOf(g: GraphBuilder, x: string): string[] {
  const wanted = new Set([x]);
  for (let i = g.graph.nodes.length - 1; i >= 0; i--) {
    const node = g.graph.nodes[i]!;
    if (node.outputs.some((o) => wanted.has(o))) for (const input of node.inputs) if (input && !isConstant(g.graph, input)) wanted.add(input);
  }
  return g.graph.inputs.filter((name) => wanted.has(name));
}

/** Integers that opset 12 and older give as an attribute, later ones as an input; undefined where both are absent. */
export function intsOf(n: OnnxNode, g: GraphBuilder, name: string, input: number): number[] | undefined {
  if (n.optional(input)) return valuesOf(g, n.optional(input), name);
  return n.ints(name);
}
