/**
 * A 1-D convolution or pool that runs down a column runs along a row instead, the direction that kernels are made for:
 *   conv2d(x [N,H,1,C], w [O,KH,1,Cg]) = conv2d(x as [N,1,H,C], w as [O,1,KH,Cg]), its result seen as [N,OH,1,O]
 * The same numbers in the same order in memory; only the shapes say otherwise.
 */
import type { Node } from "../ir/graph.ts";
import type { Rewriter } from "./rewriter.ts";

type Columns = Node<"conv2d"> | Node<"maxPool2d"> | Node<"averagePool2d">;
const turnable = new Set<string>(["conv2d", "maxPool2d", "averagePool2d"]);

export function columnsToRows(rw: Rewriter, node: Node): void {
  if (!turnable.has(node.op) || !isColumn(rw, node as Columns)) return;
  const turned = node as Columns, [x, w, ...bias] = node.inputs as [string, string, ...string[]], y = rw.tensor(node.outputs[0]!);
  const [N, H, , C] = rw.shape(x) as [number, number, number, number], along = { stem: node.name };
  const inputs = [rw.add("reshape", [x], { shape: [N, 1, H, C] }, { ...along, like: rw.tensor(x) })];
  if (w) inputs.push(rw.add("reshape", [w], { shape: swapped(rw.shape(w)) }, { stem: w, like: rw.tensor(w) }), ...bias);
  const row = rw.add(turned.op, inputs, sideways(turned) as never, { ...along, like: y });
  rw.become(node, "reshape", [row], { shape: [...y.shape] });
}

/** [a,b,c,d] → [a,c,b,d] */
const swapped = ([a, b, c, d]: number[]): number[] => [a!, c!, b!, d!];

/** Width 1 everywhere, and something to gain. */
function isColumn(rw: Rewriter, node: Columns): boolean {
  const shape = rw.shape(node.inputs[0]!), [, left, , right] = node.attributes.pad;
  const width = node.op === "conv2d" ? rw.shape(node.inputs[1]!)[2] : node.attributes.kernel[1];
  return shape.length === 4 && shape[1]! > 1 && shape[2] === 1 && width === 1 && left === 0 && right === 0;
}

/** Heights become widths. */
function sideways({ attributes }: Columns): object {
  const flip = ([a, b]: number[]) => [b!, a!], [top, left, bottom, right] = attributes.pad;
  const kernel = "kernel" in attributes ? { kernel: flip(attributes.kernel) } : {};
  return { ...attributes, ...kernel, stride: flip(attributes.stride), dilation: flip(attributes.dilation), pad: [left, top, right, bottom] };
}
