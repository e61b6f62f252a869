/** Backpropagation through time: the time loop is one operator, products over all steps are others. */
import { freshName, sizeOf, type Node } from "../ir/graph.ts";
import type { RecurrentTrainAttributes } from "../ir/ops.recurrent.grad.ts";
import { addBias, addRowProduct } from "./products.ts";
import type { Rule, Rules, Tape } from "./tape.ts";

type Given = readonly (string | undefined)[];
const trimmed = (inputs: Given): string[] => inputs.slice(0, inputs.findLastIndex(Boolean) + 1).map((i) => i ?? "");
const named = (tape: Tape, node: Node, parts: readonly string[]): string[] => parts.map((p) => freshName(tape.b.graph, `${p} of ${node.name}`));

/** Steps [from, to) of [T,N,K]. */
function steps(tape: Tape, x: string, from: number, to: number): string {
  const [, N, K] = tape.shape(x) as [number, number, number];
  return tape.b.add("slice", [x], { starts: [from, 0, 0], steps: [1, 1, 1], sizes: [to - from, N, K] });
}

/** What the products of every step saw, h0 first. */
interface Earlier { y: string; h0: string | undefined; quantization: RecurrentTrainAttributes["lstmForward"]["quantization"] }

/** h0 as the products saw it [1,N,H]: as the model holds it. */
function held(tape: Tape, { y, h0, quantization: q }: Earlier): string | undefined {
  if (!h0) return undefined;
  const first = tape.shaped(h0, [1, ...tape.shape(y).slice(1)]);
  return q ? tape.b.add("fakeQuant", [first], { ...q, lo: -128, hi: 127 }) : first;
}

/** h0, then y of the step before, [T,N,H]. */
function before(tape: Tape, earlier: Earlier): string {
  const { y } = earlier, [T, N, H] = tape.shape(y) as [number, number, number], first = held(tape, earlier) ?? tape.zeros([1, N, H]);
  return T === 1 ? first : tape.b.add("concat", [first, steps(tape, y, 0, T - 1)], { axis: 0 });
}

/** [T,N,K] → [T·N,K] */
function rows(tape: Tape, x: string): string {
  const K = tape.shape(x).at(-1)!;
  return tape.shaped(x, [sizeOf(tape.shape(x)) / K, K]);
}

/** dr += dgatesᵀ · h[t − 1]; the first step counts where it has an h0. */
function addRecurrent(tape: Tape, r: string, earlier: Earlier, dgates: string): void {
  if (!tape.needs(r)) return;
  const add = (h: string, d: string) => addRowProduct(tape, r, rows(tape, h), rows(tape, d)), { y } = earlier, first = held(tape, earlier), [T] = tape.shape(y) as [number];
  if (first) add(first, steps(tape, dgates, 0, 1));
  if (T > 1) add(steps(tape, y, 0, T - 1), steps(tape, dgates, 1, T));
}

const lstmForward: Rule<"lstmForward"> = (node, [dy, , dc, dhn], tape) => {
  const [gates, r, h0, c0] = node.inputs as [string, string, string?, string?], [y, act, c] = node.outputs as [string, string, string];
  const [dgates, dh0, dc0] = named(tape, node, ["dgates", "dh0", "dc0"]) as [string, string, string], { hidden, quantization } = node.attributes;
  tape.b.add("lstmGrad", trimmed([r, act, c, h0, c0, dy, dhn, dc && lastOf(tape, dc)]), { hidden, ...(quantization && { quantization }) }, [dgates, h0 ? dh0 : "", c0 ? dc0 : ""]);
  addRecurrent(tape, r, { y, h0, quantization }, dgates);
  tape.pass(gates, () => dgates);
  tape.pass(h0, () => dh0);
  tape.pass(c0, () => dc0);
};

/** Of the cells only the last is read: converter/train/recurrent.ts. */
function lastOf(tape: Tape, dc: string): string {
  const [T, N, H] = tape.shape(dc) as [number, number, number];
  return tape.shaped(tape.b.add("slice", [dc], { starts: [T - 1, 0, 0], steps: [1, 1, 1], sizes: [1, N, H] }), [N, H]);
}

const gruForward: Rule<"gruForward"> = (node, [dy, , , dhn], tape) => {
  const [gates, r, rb, h0] = node.inputs as [string, string, string?, string?], [y, act, inner, , h] = node.outputs as [string, string, string, string, string];
  const [dgates, dh0, dsums] = named(tape, node, ["dgates", "dh0", "dsums"]) as [string, string, string], { linearBeforeReset, quantization } = node.attributes;
  tape.b.add("gruGrad", trimmed([r, act, inner, h, h0, dy, dhn]), node.attributes, [dgates, h0 ? dh0 : "", ...(linearBeforeReset ? [dsums] : [])]);
  if (linearBeforeReset) addRecurrent(tape, r, { y, h0, quantization }, dsums);
  else if (tape.needs(r)) addResetProducts(tape, r, before(tape, { y, h0, quantization }), inner, dgates);
  addBias(tape, rb || undefined, linearBeforeReset ? dsums : dgates);
  tape.pass(gates, () => dgates);
  tape.pass(h0, () => dh0);
};

/** The candidate's rows multiply r ∘ h, the others h. */
function addResetProducts(tape: Tape, r: string, h: string, inner: string, dgates: string): void {
  const [T, N, G] = tape.shape(dgates) as [number, number, number], H = G / 3, one = [1, 1];
  const gates = (first: number, count: number) => tape.b.add("slice", [dgates], { starts: [0, 0, first * H], steps: [1, 1, 1], sizes: [T, N, count * H] });
  const image = (x: string) => tape.shaped(x, [1, 1, T * N, tape.shape(x).at(-1)!]);
  const product = (x: string, dy: string, O: number) => tape.b.add("conv2dWeightGrad", [tape.zeros([O, 1, 1, H]), image(x), image(dy)], { stride: one, dilation: one, pad: [0, 0, 0, 0], groups: 1 });
  tape.sum(r, (acc) => tape.b.add("accumulate", [acc, tape.shaped(tape.b.add("concat", [product(h, gates(0, 2), 2 * H), product(inner, gates(2, 1), H)], { axis: 0 }), [G, H])], {}), [G, H]);
}

const rnnForward: Rule<"rnnForward"> = (node, [dy, dhn], tape) => {
  const [gates, r, h0] = node.inputs as [string, string, string?], [y, , h] = node.outputs as [string, string, string];
  const [dgates, dh0] = named(tape, node, ["dgates", "dh0"]) as [string, string], { quantization } = node.attributes;
  tape.b.add("rnnGrad", trimmed([r, h, h0, dy, dhn]), node.attributes, [dgates, h0 ? dh0 : ""]);
  addRecurrent(tape, r, { y, h0, quantization }, dgates);
  tape.pass(gates, () => dgates);
  tape.pass(h0, () => dh0);
};

export const recurrent: Rules = { lstmForward, gruForward, rnnForward };
