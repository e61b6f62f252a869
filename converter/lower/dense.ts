/** dense → denseF32, or from 4 rows conv2dF32, whose panels share each weight among 5 rows; matmul → matmulF32. */
import { broadcastStrides } from "../ir/eval/strides.ts";
import { sizeOf, type Node } from "../ir/graph.ts";
import type { LoweringContext, Operand, Params } from "./context.ts";
import { panelBytes, windowFields } from "./conv.ts";
import { perGate, weightsF32 } from "./gates.ts";
import { stridedFields } from "./strided.ts";

const PANEL_FROM = 4;

export function dense(node: Node<"dense">, c: LoweringContext): void {
  const [x, w, b] = node.inputs as [string, string, string?], [O, I] = c.tensor(w).shape as [number, number], N = sizeOf(c.tensor(x).shape) / I;
  const [lo, hi] = node.attributes.clamp, gates = { d: 0, G: 1, H: O };
  rows(c, { x: c.at(x), w: weightsF32(c, w, gates, I), b: perGate(c, b, gates, 1), y: c.at(node.outputs[0]!), N, I, O, lo, hi }, N * I * O);
}

/** Operands and sizes of denseF32. */
interface Rows extends Params { N: number; I: number; O: number }

/** N rows of I values through a dense layer. */
export function rows(c: LoweringContext, { N, I, ...operands }: Rows, macs: number): void {
  if (N < PANEL_FROM) c.call("denseF32", { ...operands, N, I }, ["y"], macs);
  else c.call("conv2dF32", { ...operands, ...rowsAsImage(N, I), t: c.scratch(panelBytes(I)), groups: 1, yBatch: 0, yRow: 0, yPixel: operands.O }, ["y"], macs);
}

/** N rows are an image of one line; a row is a pixel. */
const rowsAsImage = (N: number, I: number) =>
  windowFields({ x: [1, 1, N, I], output: [1, N], kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] });

/** y [M,N] = a [M,K] · b [K,N] */
export function product(c: LoweringContext, a: Operand, b: Operand, y: Operand, [M, K, N]: readonly [number, number, number]): void {
  c.call("matmulF32", { a, b, y, t: c.scratch(panelBytes(K)), M, K, N, ...stridedFields([], { a: [], b: [] }) }, ["y"], M * K * N);
}

export function matmul(node: Node<"matmul">, c: LoweringContext): void {
  const [a, b] = node.inputs as [string, string], y = node.outputs[0]!, shape = c.tensor(y).shape, batch = shape.slice(0, -2);
  const [M, N] = shape.slice(-2) as [number, number], K = c.tensor(a).shape.at(-1)!;
  const strides = (name: string) => {
    const own = c.tensor(name).shape;
    return broadcastStrides(own.slice(0, -2), batch).map((s) => s * sizeOf(own.slice(-2)));
  };
  c.call("matmulF32", { a: c.at(a), b: c.at(b), y: c.at(y), t: c.scratch(panelBytes(K)), M, K, N, ...stridedFields(batch, { a: strides(a), b: strides(b) }) }, ["y"], sizeOf(batch) * M * K * N);
}
