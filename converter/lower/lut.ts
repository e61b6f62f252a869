/** Functions of one int8 tensor → lutI8: `lut`, every unary operator, and requantize between 8-bit integers. */
import { evaluate } from "../ir/eval.ts";
import { bytesOf, sizeOf, type Graph, type Node, type TypedArray } from "../ir/graph.ts";
import type { UnaryOp } from "../ir/ops.ts";
import type { LoweringContext } from "./context.ts";
import { function16, isFunction16 } from "./functions.i16.ts";
import { rescale } from "./rescale.ts";
import { tfliteFunction } from "./unary.tflite.ts";

export function lut(node: Node<"lut">, c: LoweringContext): void {
  const data = c.tensor(node.inputs[1]!).data!;
  lookUp(c, node.inputs[0]!, node.outputs[0]!, (q) => data[q + 128]!);
}

/** The function on every value that x can have, by the evaluator. */
export function tabulate(node: Node<UnaryOp | "requantize">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], from = c.tensor(x), to = c.tensor(y), least = from.dtype === "uint8" ? 0 : -128;
  if (c.rounding === "tflite" && from.dtype === "int16" && isFunction16(node.op)) return function16(node as Node<UnaryOp>, c);
  if (bytesOf(from.dtype) !== 1 || bytesOf(to.dtype) !== 1) return rescale(node, c);
  const exact = c.rounding === "tflite" ? tfliteFunction(node, from, to) : undefined;
  if (exact) return lookUp(c, x, y, exact);
  const tensors = new Map([[x, { ...from, shape: [256] }], [y, { ...to, shape: [256] }]]);
  const graph: Graph = { ...c.graph, tensors, nodes: [node as Node], inputs: [x], outputs: [y], states: [], layouts: {} };
  const every = Array.from({ length: 256 }, (_, i) => i + least), table = evaluate(graph, new Map([[x, typed(from.dtype, every)]])).get(y)!;
  lookUp(c, x, y, (q) => table[q - least]!);
}

const typed = (dtype: string, values: number[]): TypedArray => (dtype === "uint8" ? Uint8Array.from(values) : Int8Array.from(values));

/** @param value of a stored integer */
export function lookUp(c: LoweringContext, x: string, y: string, value: (q: number) => number): void {
  const unsigned = c.tensor(x).dtype === "uint8", table = Uint8Array.from({ length: 256 }, (_, byte) => value(unsigned || byte < 128 ? byte : byte - 256));
  c.inherit(y, x);
  c.call("lutI8", { x: c.at(x), table: c.constant(table), y: c.at(y), n: sizeOf(c.tensor(y).shape) }, ["y"]);
}
