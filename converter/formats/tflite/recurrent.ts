/**
 * Recurrent operators → `lstm` and `rnn`, time-major, gates in TFLite's own order i,f,g,o.
 *
 * Where the file quantized the whole operator (int8 x, int8 weights, int32 bias) the graph has everything that exact
 * integer execution needs: w and r carry one scale per gate (repeated over its H rows, axis 1); the outputs of `lstm` are
 * all named: y has the quantization of the hidden intermediate, h that of the output state (which the recurrent product
 * reads), c is int16 with the power-of-two scale of the cell state. Gates are Q3.12 before and Q0.15 after activation.
 */
import { tensorOf, type DType, type Quantization } from "../../ir/graph.ts";
import type { Attributes, ActivationOp, RecurrentActivation } from "../../ir/ops.ts";
import { biases, gates, joined, type Direction } from "./gates.ts";
import type { OperatorTable, TfliteNode } from "./node.ts";
import { activationNames, basicLstm, options } from "./schema.ts";
import { tensorAt } from "./scope.ts";
import { carry, stateTensor } from "./states.ts";
import { dtypeOf, quantizationOf } from "./tensors.ts";

export const recurrents: OperatorTable = {
  UNIDIRECTIONAL_SEQUENCE_LSTM: unidirectionalLstm, BIDIRECTIONAL_SEQUENCE_LSTM: bidirectionalLstm, LSTM: lstmStep,
  UNIDIRECTIONAL_SEQUENCE_RNN: unidirectionalRnn, BIDIRECTIONAL_SEQUENCE_RNN: bidirectionalRnn, RNN: rnnStep,
};

type Op = "lstm" | "rnn";

const from = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);
const lstmAt = (first: number, hidden: number, cell: number): Direction =>
  ({ weights: from(first, 4), recurrent: from(first + 4, 4), bias: from(first + 11, 4), hidden, cell });

function unidirectionalLstm(n: TfliteNode): void {
  const o = options.unidirectionalLstm(n.operator);
  const y = recurrent(n, "lstm", timeMajor(n, o.timeMajor), [lstmAt(1, 18, 19)], o);
  finish(n, y, 0, o.timeMajor, 0);
}

/** Outputs of both directions, one behind the other or joined along the channels. */
function bidirectionalLstm(n: TfliteNode): void {
  const o = options.bidirectionalLstm(n.operator);
  const y = recurrent(n, "lstm", timeMajor(n, o.timeMajor), [lstmAt(1, 35, 36), lstmAt(18, 37, 38)], o);
  both(n, y, o);
}

function unidirectionalRnn(n: TfliteNode): void {
  const o = options.sequenceRnn(n.operator);
  const y = recurrent(n, "rnn", timeMajor(n, o.timeMajor), [{ weights: [1], recurrent: [2], bias: [3], hidden: 4 }], { ...o, cellClip: 0 });
  finish(n, y, 0, o.timeMajor, 0);
}

function bidirectionalRnn(n: TfliteNode): void {
  const o = options.bidirectionalRnn(n.operator);
  const directions = [{ weights: [1], recurrent: [2], bias: [3], hidden: 4 }, { weights: [5], recurrent: [6], bias: [7], hidden: 8 }];
  both(n, recurrent(n, "rnn", timeMajor(n, o.timeMajor), directions, { ...o, cellClip: 0 }), o);
}

/** One step of x [N,I]. */
function rnnStep(n: TfliteNode): void {
  const o = options.rnn(n.operator), x = n.input(0), [N, I] = n.ranked(x, 2) as [number, number];
  const y = recurrent(n, "rnn", n.reshape(x, [1, N, I]), [{ weights: [1], recurrent: [2], bias: [3], hidden: 4 }], { ...o, cellClip: 0 }, true);
  n.emit("reshape", [y], { shape: [N, n.shape(y)[3]!] });
}

/** One step of x [N,I]; older files list scratch and states before the output. */
function lstmStep(n: TfliteNode): void {
  const o = options.lstm(n.operator), x = n.input(0), [N, I] = n.ranked(x, 2) as [number, number];
  if (o.kernel === basicLstm) n.fail("it is of the basic kernel, expected the full one", "Export it as UNIDIRECTIONAL_SEQUENCE_LSTM.");
  const y = recurrent(n, "lstm", n.reshape(x, [1, N, I]), [lstmAt(1, 18, 19)], o, true);
  n.emit("reshape", [y], { shape: [N, n.shape(y)[3]!] }, n.operator.outputs.length - 1);
}

/** x as [T,N,I]. */
function timeMajor(n: TfliteNode, already: boolean): string {
  const x = n.input(0);
  n.ranked(x, 3);
  return already ? x : n.transpose(x, [1, 0, 2]);
}

/** y [T,D,N,H] → output `which`, [T,N,H] or [N,T,H], of direction `d`. */
function finish(n: TfliteNode, y: string, d: number, isTimeMajor: boolean, which: number): void {
  const [T, D, N, H] = n.shape(y) as [number, number, number, number];
  const one = D === 1 ? y : n.move("slice", [y], { starts: [0, d, 0, 0], steps: [1, 1, 1, 1], sizes: [T, 1, N, H] });
  if (isTimeMajor) n.emit("reshape", [one], { shape: [T, N, H] }, which);
  else n.emit("transpose", [n.reshape(one, [T, N, H])], { perm: [1, 0, 2] }, which);
}

function both(n: TfliteNode, y: string, o: { mergeOutputs: boolean; timeMajor: boolean }): void {
  if (!o.mergeOutputs) return [0, 1].forEach((d) => finish(n, y, d, o.timeMajor, d));
  const [T, , N, H] = n.shape(y) as [number, number, number, number];
  const joined = n.transpose(y, o.timeMajor ? [0, 2, 1, 3] : [2, 0, 1, 3]);
  n.emit("reshape", [joined], { shape: o.timeMajor ? [T, N, 2 * H] : [N, T, 2 * H] });
}

interface Options { activation: number; cellClip: number }

/** Adds the node. @returns y [T,D,N,H] */
function recurrent(n: TfliteNode, op: Op, x: string, directions: Direction[], o: Options, keep = n.scope.options.stateful ?? false): string {
  const [, N] = n.shape(x) as [number, number, number];
  const recurrentWeights = directions.map((d) => gates(n, d.recurrent, d));
  const hidden = n.shape(recurrentWeights[0]!)[2]!;
  const inputs = [
    x, joined(n, directions.map((d) => gates(n, d.weights, d))), joined(n, recurrentWeights), joined(n, directions.map((d) => biases(n, d, hidden))),
  ];
  const states = keep ? initialStates(n, directions, N, hidden) : [];
  const quantized = n.dtype(x) !== "float32";
  const attributes = {
    direction: directions.length === 2 ? "bidirectional" : "forward", hidden, clip: 0, activations: directions.flatMap(() => activationsOf(n, op, o.activation)),
    ...(op === "lstm" && { inputForget: false, ...(o.cellClip > 0 && { cellClip: o.cellClip }) }),
  } as Attributes<Op>;
  const names = ["h", "c"].slice(0, op === "lstm" ? 2 : 1).map((s) => (keep || quantized ? n.fresh(`${n.outputName()}_${s}`) : ""));
  if (!inputs[3] && !states.length) inputs.pop();
  const y = n.graph.add(op, [...inputs, ...states], attributes, [n.fresh(`${n.outputName()}_y`), ...names], quantized ? hiddenOf(n) : undefined);
  if (quantized) names.forEach((name, i) => Object.assign(tensorOf(n.graph.graph, name), stateOf(n, i === 0 ? directions[0]!.hidden : directions[0]!.cell!)));
  states.forEach((s, i) => carry(n.scope, s, names[i]!));
  return y;
}

/** Quantization of y: the hidden intermediate where the file has one, else the output. */
function hiddenOf(n: TfliteNode): { dtype: DType; quantization: Quantization } {
  const index = n.operator.intermediates[4];
  const t = index !== undefined && index >= 0 ? tensorAt(n.scope, index) : n.target();
  const quantization = quantizationOf(t) ?? quantizationOf(n.target()) ?? n.damaged("its output has no scale");
  return { dtype: dtypeOf(n.target()), quantization };
}

/** Type and quantization of a state tensor, input `i`. */
function stateOf(n: TfliteNode, i: number): { dtype: DType; quantization?: Quantization } {
  const t = n.source(i), quantization = quantizationOf(t);
  return { dtype: dtypeOf(t), ...(quantization && { quantization }) };
}

/** [D,N,H] of what the operator remembers: hidden, then cell. */
function initialStates(n: TfliteNode, directions: Direction[], N: number, H: number): string[] {
  const kinds = directions[0]!.cell === undefined ? [directions[0]!.hidden] : [directions[0]!.hidden, directions[0]!.cell];
  return kinds.map((i) => {
    const { dtype, quantization } = stateOf(n, i);
    return stateTensor(n.scope, n.source(i).name || "state", dtype, [directions.length, N, H], quantization);
  });
}

const fns: Record<string, [fn: ActivationOp, alpha: number, beta: number]> = {
  NONE: ["affine", 1, 0], RELU: ["clip", 0, Infinity], RELU_N1_TO_1: ["clip", -1, 1], RELU6: ["clip", 0, 6], TANH: ["tanh", 0, 0],
};

/** lstm: gates, cell input, cell output; rnn: hidden. */
function activationsOf(n: TfliteNode, op: Op, activation: number): RecurrentActivation[] {
  const name = activationNames[activation] ?? "", found = fns[name] ?? n.fail(`its activation is ${name || activation}, expected ${Object.keys(fns).join(", ")}`);
  const own = { fn: found[0], alpha: found[1], beta: found[2] };
  return op === "rnn" ? [own] : [{ fn: "sigmoid", alpha: 0, beta: 0 }, own, { ...own }];
}
