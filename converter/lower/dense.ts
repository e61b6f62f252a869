/** dense → denseF32, in a training step products one by one where weights are a few rows, or from 4 rows conv2dF32, whose panels share each weight among 5 rows; matmul → matmulF32. */
import { broadcastStrides } from "../ir/eval/strides.ts";
import { sizeOf, type Node } from "../ir/graph.ts";
import type { LoweringContext, Operand, Params } from "./context.ts";
import { panelBytes, windowFields } from "./conv.ts";
import { perGate, weightsF32 } from "./gates.ts";
import { map } from "./elementwise.ts";
import { copyStrided } from "./move.ts";
import { stridedFields } from "./strided.ts";

const PANEL_FROM = 4;

export function dense(node: Node<"dense">, c: LoweringContext): void {
  const [x, w, b] = node.inputs as [string, string, string?], [O, I] = c.tensor(w).shape as [number, number], N = sizeOf(c.tensor(x).shape) / I;
  const [lo, hi] = node.attributes.clamp, gates = { d: 0, G: 1, H: O };
  if (c.trains && !c.tensor(w).data && O < 8 && N < PANEL_FROM) return fewRows(node, c, { N, I, O });
  rows(c, { x: c.at(x), w: weightsF32(c, w, gates, I), b: perGate(c, b, gates, 1), y: c.at(node.outputs[0]!), N, I, O, lo, hi }, N * I * O);
}

/** Pixels whose sums are loaded and stored once: assembly/kernels/conv2d.grad.ts. */
const CHUNK = 256;

/** Weights of a few rows that a step computes, where they stand: each output is its bias and products added to it, i ascending, as in denseF32. */
function fewRows(node: Node<"dense">, c: LoweringContext, { N, I, O }: { N: number; I: number; O: number }): void {
  const [x, w, b] = node.inputs as [string, string, string?], y = node.outputs[0]!, one = { stride: [1, 1], dilation: [1, 1], pad: [0, 0] }, chunk = Math.min(I, CHUNK), t = c.scratch(16 * chunk + 16);
  if (b) copyStrided(c, [N, O], 4, { at: c.at(b), strides: [0, 1] }, { at: c.at(y), strides: [O, 1] });
  else c.call("fill", { y: c.at(y), n: N * O, bytes: 4, bits: 0 }, ["y"]);
  for (let n = 0; n < N; n++) for (let o = 0; o < O; o++) {
    const places = { x: c.at(w, 4 * o * I), dy: c.at(x, 4 * n * I), dw: c.at(y, 4 * (n * O + o)) };
    c.call("conv2dWeightGrad", { ...windowFields({ x: [1, 1, I, 1], output: [1, I], kernel: [1, 1], ...one }), ...places, t, O: 1, groups: 1, chunk }, ["dw"], I);
  }
  map(c, "clip", [y], y, ...node.attributes.clamp);
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
