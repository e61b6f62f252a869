/** Derivatives of convolutions, dense layers, products and pools. */
import type { Node } from "../ir/graph.ts";
import { sizeOf } from "../ir/graph.ts";
import type { Clamp } from "../ir/ops.ts";
import { rowsOf, type Rule, type Rules, type Tape } from "./tape.ts";

/** dy where a fused activation let the result through. */
export function throughClamp(tape: Tape, y: string, dy: string, [min, max]: Clamp): string {
  return min === -Infinity && max === Infinity ? dy : tape.b.add("clampGrad", [y, dy], { min, max });
}

const alone = { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1 };

/** dyᵀ · x added to acc [O,1,1,I], for rows x [rows,I], dy [rows,O] */
function addRowProducts(tape: Tape, acc: string, x: string, dy: string): string {
  const image = (name: string) => tape.shaped(name, [1, 1, rowsOf(tape.shape(x)), tape.shape(name).at(-1)!]);
  return tape.b.add("conv2dWeightGrad", [acc, image(x), image(dy)], alone);
}

/** dw += dyᵀ · x for rows x [rows,I], dy [rows,O]; w [O,I] */
export function addRowProduct(tape: Tape, w: string, x: string, dy: string): void {
  tape.sum(w, (acc) => addRowProducts(tape, acc, x, dy), [tape.shape(dy).at(-1)!, 1, 1, tape.shape(x).at(-1)!]);
}

export function addBias(tape: Tape, b: string | undefined, dy: string): void {
  if (!tape.needs(b)) return;
  if (tape.isParameter(b)) tape.sum(b, (acc) => tape.b.add("biasGrad", [acc, dy], {}));
  else tape.pass(b, () => tape.b.add("biasGrad", [tape.zeros(tape.shape(b)), dy], {}));
}

/** As many rows as share what is read of w. */
const FEW_ROWS = 64;

/** dy [rows,O] · w [O,I], in the shape of x; for few rows as a sum over the rows of w, which are read once as they lie. */
export function rowProduct(tape: Tape, dy: string, w: string, shape: readonly number[]): string {
  const O = tape.shape(dy).at(-1)!, N = sizeOf(tape.shape(dy)) / O, rows = tape.shaped(dy, [N, O]);
  if (N > FEW_ROWS) return tape.shaped(tape.b.add("matmul", [rows, w], {}), shape);
  return tape.shaped(addRowProducts(tape, tape.zeros([N, 1, 1, tape.shape(w).at(-1)!]), w, tape.b.add("transpose", [rows], { perm: [1, 0] })), shape);
}

/** y = x · wᵀ + b: dx = dy · w, dw = dyᵀ · x, db = Σ dy */
const dense: Rule<"dense"> = (node, [given], tape) => {
  const [x, w, b] = node.inputs as [string, string, string?], dy = throughClamp(tape, node.outputs[0]!, given!, node.attributes.clamp);
  if (tape.needs(w)) addRowProduct(tape, w, x, dy);
  addBias(tape, b, dy);
  tape.pass(x, () => rowProduct(tape, dy, w, tape.shape(x)));
};

const conv2d: Rule<"conv2d"> = (node, [given], tape) => {
  const [x, w, b] = node.inputs as [string, string, string?], { stride, dilation, pad, groups, clamp } = node.attributes, dy = throughClamp(tape, node.outputs[0]!, given!, clamp);
  const [, H, W] = tape.shape(x) as [number, number, number];
  tape.sum(w, (acc) => tape.b.add("conv2dWeightGrad", [acc, x, dy], { stride, dilation, pad, groups }));
  addBias(tape, b, dy);
  tape.pass(x, () => tape.b.add("conv2dInputGrad", [dy, w], { stride, dilation, pad, groups, size: [H, W] }));
};

/**
 * y is what conv2dInputGrad of x and the turned weights gives, so dx is a convolution of dy, and dw the weight gradient of
 * that convolution, turned: w [O,KH,KW,C/g] ↔ [C,KH,KW,O/g].
 */
const convTranspose2d: Rule<"convTranspose2d"> = (node, [given], tape) => {
  const [x, w, b] = node.inputs as [string, string, string?], { stride, dilation, pad, groups, clamp } = node.attributes, dy = throughClamp(tape, node.outputs[0]!, given!, clamp);
  const [O, KH, KW, Cg] = tape.shape(w) as [number, number, number, number], Og = O / groups, C = Cg * groups, { b: g } = tape;
  const turned = (t: string, outer: number, inner: number) =>
    tape.shaped(g.add("transpose", [tape.shaped(t, [groups, outer, KH * KW, inner])], { perm: [0, 3, 2, 1] }), [groups * inner, KH, KW, outer]);
  if (tape.needs(w)) {
    tape.sum(w, (acc) => {
      const own = g.add("conv2dWeightGrad", [tape.zeros([C, KH, KW, Og]), dy, x], { stride, dilation, pad, groups });
      return g.add("accumulate", [acc, turned(own, Cg, Og)], {});
    }, tape.shape(w));
  }
  addBias(tape, b, dy);
  tape.pass(x, () => {
    const dx = g.add("conv2d", [dy, turned(w, Og, Cg)], { stride, dilation, pad, groups, clamp: [-Infinity, Infinity] });
    return cropped(tape, dx, tape.shape(x));
  });
};

/** With output padding the convolution has pixels that no input stands for. */
function cropped(tape: Tape, dx: string, shape: readonly number[]): string {
  if (tape.shape(dx).every((d, i) => d === shape[i])) return dx;
  return tape.b.add("slice", [dx], { starts: [0, 0, 0, 0], steps: [1, 1, 1, 1], sizes: [...shape] });
}

/** y = a · b: da = dy · bᵀ, db = aᵀ · dy, summed over broadcast axes */
const matmul: Rule<"matmul"> = (node, [dy], tape) => {
  const [a, c] = node.inputs as [string, string];
  const swapped = (t: string) => {
    const rank = tape.shape(t).length, perm = Array.from({ length: rank }, (_, i) => i);
    [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
    return tape.b.add("transpose", [t], { perm });
  };
  tape.pass(a, () => tape.unbroadcast(tape.b.add("matmul", [dy!, swapped(c)], {}), tape.shape(a)));
  tape.pass(c, () => tape.unbroadcast(tape.b.add("matmul", [swapped(a), dy!], {}), tape.shape(c)));
};

const maxPool2d: Rule<"maxPool2d"> = (node, [given], tape) => {
  const { clamp, kernel, stride, dilation, pad } = node.attributes, [x, y] = [node.inputs[0]!, node.outputs[0]!], dy = throughClamp(tape, y, given!, clamp);
  if (clamp[0] !== -Infinity || clamp[1] !== Infinity) return clampedMaximum(node, dy, tape);
  tape.pass(x, () => tape.b.add("maxPool2dGrad", [x, y, dy], { kernel, stride, dilation, pad }));
};

/** The maximum itself is not y where y was clamped: it is computed again. */
function clampedMaximum({ inputs: [x], attributes: { kernel, stride, dilation, pad } }: Node<"maxPool2d">, dy: string, tape: Tape): void {
  tape.pass(x, () => {
    const y = tape.b.add("maxPool2d", [x!], { kernel, stride, dilation, pad, clamp: [-Infinity, Infinity] });
    return tape.b.add("maxPool2dGrad", [x!, y, dy], { kernel, stride, dilation, pad });
  });
}

const averagePool2d: Rule<"averagePool2d"> = (node, [given], tape) => {
  const { clamp, kernel, stride, dilation, pad, countIncludePad } = node.attributes, x = node.inputs[0]!, [, H, W] = tape.shape(x) as [number, number, number];
  const dy = throughClamp(tape, node.outputs[0]!, given!, clamp);
  tape.pass(x, () => tape.b.add("averagePool2dGrad", [dy], { kernel, stride, dilation, pad, countIncludePad, size: [H, W] }));
};

export const products: Rules = { dense, conv2d, convTranspose2d, matmul, maxPool2d, averagePool2d };
