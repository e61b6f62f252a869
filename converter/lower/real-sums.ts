/** Products of int8 with float results → gatesI8, of many rows gatesPanelI8; windows of a convolution become rows first. */
import type { Node } from "../ir/graph.ts";
import type { LoweringContext, Operand } from "./context.ts";
import type { Filter } from "./conv.i8.ts";
import { packI8 } from "./pack.ts";
import { stridedFields } from "./strided.ts";

/** From so many rows on the weights are expanded to i16 first. */
const PANELS_FROM = 8;
/** Rows that are laid out at once. */
const COLUMN_BYTES = 98304;

/** Weights as gatesI8 reads them, with rows of outputs that are a multiple of 8. */
export interface RealFilter { w: Operand; m: Operand; b: Operand; O: number; P: number; K: number }

/** @param m per output, a multiple of 8 of them @param b alike */
export const realFilter = (c: LoweringContext, f: Filter, m: readonly number[], b: readonly number[]): RealFilter => {
  const K = f.KH * f.KW * f.Cg;
  return { w: c.constant(packI8(f.data, f.O, K)), m: c.constant(Float32Array.from(m)), b: c.constant(Float32Array.from(b)), O: f.O, P: m.length, K };
};

/** N rows of x to rows of y. */
export function realRows(c: LoweringContext, { w, m, b, O, P, K }: RealFilter, x: Operand, y: Operand, N: number): void {
  const rows = P === O ? y : c.scratch(4 * N * P), operands = { x, w, m, b, y: rows, N, I: K, O: P }, macs = N * K * O, even = Math.ceil(K / 4) * 4;
  if (N < PANELS_FROM) c.call("gatesI8", operands, ["y"], macs);
  else c.call("gatesPanelI8", { ...operands, t: c.scratch(32 + 8 * (even + 8) + 2 * even * P) }, ["y", "t"], macs);
  if (P !== O) c.call("copy", { x: rows, y, bytes: 4, ...stridedFields([N, O], { x: [P, 1], y: [O, 1] }) }, ["y"]);
}

/** Windows without padding: some lines of them at a time, [lines,OW,KH,KW,C]. */
export function realWindows(c: LoweringContext, filter: RealFilter, f: Filter, { inputs, outputs, attributes: { stride, dilation } }: Node<"conv2d">): void {
  const [x, y] = [inputs[0]!, outputs[0]!], [N, H, W, C] = c.tensor(x).shape as [number, number, number, number], [, OH, OW] = c.tensor(y).shape as [number, number, number];
  const line = OW * filter.K, most = Math.min(OH, Math.max(1, Math.floor(COLUMN_BYTES / line))), columns = c.scratch(most * line + 16);
  const strides = [stride[0]! * W * C, stride[1]! * C, dilation[0]! * W * C, dilation[1]! * C, 1];
  for (let n = 0; n < N; n++) for (let v = 0; v < OH; v += most) {
    const lines = Math.min(most, OH - v), shape = [lines, OW, f.KH, f.KW, C];
    c.call("copy", { x: c.at(x, (n * H + v * stride[0]!) * W * C), y: columns, bytes: 1, ...stridedFields(shape, { x: strides, y: [line, filter.K, f.KW * C, C, 1] }) }, ["y"]);
    realRows(c, filter, columns, c.at(y, 4 * (n * OH + v) * OW * f.O), lines * OW);
  }
}
