/** Reads and writes at positions known at run time: gather, gatherElements, gatherNd, scatterElements. */
import { around, stridesOf, walkOver } from "../ir/eval/strides.ts";
import { bytesOf, sizeOf, type Node } from "../ir/graph.ts";
import type { LoweringContext, Operand } from "./context.ts";
import { copyTensor } from "./move.ts";
import { walkFields } from "./strided.ts";

/** Indices as the floats that kernels read. */
export function indices(c: LoweringContext, name: string): Operand {
  const { data } = c.tensor(name);
  return data ? c.constant(Float32Array.from(data)) : c.at(name);
}

export function gather(node: Node<"gather">, c: LoweringContext): void {
  const [x, i] = node.inputs as [string, string], { shape, dtype } = c.tensor(x), { outer, size, inner } = around(shape, node.attributes.axis);
  c.call("gather", { x: c.at(x), i: indices(c, i), y: c.at(node.outputs[0]!), outer, n: size, count: sizeOf(c.tensor(i).shape), bytes: inner * bytesOf(dtype) }, ["y"]);
}

/** Walk over the indices; the strides of the other tensor, whose own axis is crossed by `step` per index. */
function along(shape: readonly number[], other: readonly number[], axis: number) {
  const strides = stridesOf(other), own = strides.map((s, a) => (a === axis ? 0 : s));
  return { size: other[axis]!, step: strides[axis]!, ...walkFields({ ...walkOver(shape, [own]) }, ["s"]) };
}

export function gatherElements(node: Node<"gatherElements">, c: LoweringContext): void {
  const [x, i] = node.inputs as [string, string];
  c.call("gatherElementsF32", { x: c.at(x), i: indices(c, i), y: c.at(node.outputs[0]!), ...along(c.tensor(i).shape, c.tensor(x).shape, node.attributes.axis) }, ["y"]);
}

const reductions = ["none", "add", "mul", "max", "min"];

export function scatterElements(node: Node<"scatterElements">, c: LoweringContext): void {
  const [x, i, u] = node.inputs as [string, string, string], y = node.outputs[0]!, { axis, reduction } = node.attributes;
  copyTensor(c, x, y);
  if (sizeOf(c.tensor(i).shape) === 0) return;
  c.call("scatterElementsF32", { u: c.at(u), i: indices(c, i), y: c.at(y), ...along(c.tensor(i).shape, c.tensor(x).shape, axis), reduction: reductions.indexOf(reduction) }, ["y"]);
}

export function gatherNd(node: Node<"gatherNd">, c: LoweringContext): void {
  const [x, i] = node.inputs as [string, string], { shape } = c.tensor(x), index = c.tensor(i).shape, { batchDims } = node.attributes, k = index.at(-1)!;
  const strides = stridesOf(shape), batches = sizeOf(shape.slice(0, batchDims)), rows = sizeOf(index.slice(batchDims, -1)), block = sizeOf(shape.slice(batchDims + k));
  const first = (name: string, values: readonly number[], fill: number) => Object.fromEntries(Array.from({ length: 6 }, (_, a) => [`${name}${a}`, values[a] ?? fill]));
  c.call("gatherNdF32", {
    x: c.at(x), i: indices(c, i), y: c.at(node.outputs[0]!), batches, batchStep: sizeOf(shape.slice(batchDims)), rows, k, block,
    ...first("n", shape.slice(batchDims, batchDims + k), 1), ...first("s", strides.slice(batchDims, batchDims + k), 0),
  }, ["y"]);
}
