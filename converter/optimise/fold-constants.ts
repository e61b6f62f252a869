/**
 * Constants: op(c₁, c₂, …) → its value.
 * Integers that stand for real numbers stay integers: `dequantize` of a constant is not folded where activations are
 * quantized as well; moves of quantized constants (transpose, reshape) move their channel axis along.
 */
import { isQuantized } from "../ir/eval/quantize.ts";
import { evaluate } from "../ir/eval.ts";
import { sizeOf, type Node, type Quantization, type Tensor } from "../ir/graph.ts";
import type { Rewriter } from "./rewriter.ts";

/** Elements that folding may make out of fewer. */
const largestGrowth = 2 ** 20;
/** Products that folding may spend on one node. */
const largestWork = 2 ** 27;

export function foldConstants(rw: Rewriter, node: Node): void {
  if (!node.inputs.every((i) => !i || rw.constant(i)) || isTooLarge(rw, node)) return;
  const tensors = (names: string[]) => names.filter(Boolean).map((n) => rw.tensor(n));
  const inputs = tensors(node.inputs), outputs = tensors(node.outputs);
  if (!inputs.some(isQuantized)) {
    if (!outputs.some(isQuantized) || node.op === "quantize") rw.fix(node);
  } else if (node.op === "transpose" || node.op === "reshape") foldMove(rw, node);
  else if (node.op === "dequantize" && !rw.quantized) rw.fix(node);
}

function isTooLarge(rw: Rewriter, node: Node): boolean {
  const count = (names: string[]) => names.reduce((n, name) => n + (name ? sizeOf(rw.shape(name)) : 0), 0);
  const before = count(node.inputs), after = count(node.outputs);
  return after > Math.max(before, largestGrowth) || after * productsPerOutput(rw, node) > largestWork;
}

function productsPerOutput(rw: Rewriter, node: Node): number {
  if (node.op === "matmul" || node.op === "dense") return rw.shape(node.inputs[0]!).at(-1)!;
  return node.op === "conv2d" || node.op === "convTranspose2d" ? sizeOf(rw.shape(node.inputs[1]!).slice(1)) : 1;
}

function foldMove(rw: Rewriter, node: Node<"transpose"> | Node<"reshape">): void {
  const x = rw.constant(node.inputs[0])!, y = rw.tensor(node.outputs[0]!);
  const quantization = node.op === "transpose" ? transposed(x.quantization!, node.attributes.perm) : reshaped(x, y);
  if (!quantization) return;
  const plain = ({ quantization: _, ...t }: Tensor): Tensor => t;
  const graph = { ...rw.graph, states: [], tensors: new Map([[x.name, plain(x)], [y.name, plain({ ...y, dtype: x.dtype })]]) };
  const data = evaluate(graph, new Map(), { nodes: [node] }).get(y.name)!;
  rw.remove(node);
  Object.assign(y, { dtype: x.dtype, quantization, data });
}

/** Where the channel axis of a quantization goes when its tensor is transposed. */
export const transposed = (q: Quantization, perm: readonly number[]): Quantization => (q.scale.length === 1 ? q : { ...q, axis: perm.indexOf(q.axis) });

/** Where it goes in a reshape: to the axis of the same size behind as many elements; undefined where there is none. */
export function reshaped(x: Tensor, y: Pick<Tensor, "shape">): Quantization | undefined {
  const q = x.quantization!;
  if (q.scale.length === 1) return q;
  const before = sizeOf(x.shape.slice(0, q.axis));
  const axis = y.shape.findIndex((d, k) => d === q.scale.length && sizeOf(y.shape.slice(0, k)) === before);
  return axis < 0 ? undefined : { ...q, axis };
}
