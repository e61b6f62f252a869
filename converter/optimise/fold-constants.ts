/**
 * Constants: op(c₁, c₂, …) → its value.
 * Integers that stand for real numbers stay integers: `dequantize` of a constant is not folded where activations are
 * quantized as well; moves of quantized constants (transpose, reshape) move their channel axis along.
 */
import { isQuantized } from "../ir/eval/quantize.ts";
import { evaluate } from "../ir/eval.ts";
import { sizeOf, type Node, type Quantization, type Tensor } from "../ir/graph.ts";
import type { Rewriter } from "./rewriter.ts";

/** Elements that folding may make out of fewer: of one node, and in all. */
const largestGrowth = 2 ** 20, largestTotal = 2 ** 24;
/** Products, or elements where there are none, that folding may compute in all. */
const largestWork = 2 ** 26;

export function foldConstants(rw: Rewriter, node: Node): void {
  const fold = node.inputs.every((i) => !i || rw.constant(i)) ? foldingOf(rw, node) : undefined;
  if (fold && isAffordable(rw, node)) fold(rw, node as never);
}

/** How the value of a node over constants is found, or undefined where it stays to be computed. */
function foldingOf(rw: Rewriter, node: Node): ((rw: Rewriter, node: never) => void) | undefined {
  const isInteger = (name: string) => name !== "" && isQuantized(rw.tensor(name)), fix = () => rw.fix(node);
  if (!node.inputs.some(isInteger)) return !node.outputs.some(isInteger) || node.op === "quantize" ? fix : undefined;
  if (node.op === "transpose" || node.op === "reshape") return foldMove;
  return node.op === "dequantize" && !rw.quantized ? fix : undefined;
}

function isAffordable(rw: Rewriter, node: Node): boolean {
  const count = (names: string[]) => names.reduce((n, name) => n + (name ? sizeOf(rw.shape(name)) : 0), 0);
  const freed = count(node.inputs.filter((name) => name && rw.isPrivate(name))), after = count(node.outputs), growth = Math.max(0, after - freed);
  const work = after * productsPerOutput(rw, node), { spent } = rw;
  if (after > Math.max(count(node.inputs), largestGrowth) || spent.growth + growth > largestTotal || spent.work + work > largestWork) return false;
  spent.growth += growth;
  spent.work += work;
  return true;
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
