/**
 * Recurrent layers → lstm, gru, rnn, time-major. Keras' kernels are [I,G·H] and [H,G·H], gates i,f,c,o and z,r,h as in
 * the graph; GRU biases are [2,3H] with reset_after, [3H] without.
 */
import { allocate, freshName, tensorOf } from "../../ir/graph.ts";
import type { RecurrentActivation } from "../../ir/ops.ts";
import { bounded, reshape, reverse, transpose } from "../onnx/write.ts";
import { recurrentActivation } from "./activation.ts";
import { Config } from "./config.ts";
import { permuted, ranked, tensorsIn, variablesOf, type Layer, type LayerFunction } from "./layer.ts";
import { compacted, maskOverTime, spread, type Compacted } from "./masking.ts";
import { entry, isObject, type Json, type JsonObject } from "../wire/json.ts";
import type { Variables, Weight } from "./variables.ts";

export const recurrents: Record<string, LayerFunction> = { LSTM: recurrent, GRU: recurrent, SimpleRNN: recurrent, RNN: recurrent };
export const cellClasses = ["LSTMCell", "GRUCell", "SimpleRNNCell", "StackedRNNCells"];

type Op = "lstm" | "gru" | "rnn";
const opOf: Record<string, Op> = { LSTM: "lstm", LSTMCell: "lstm", GRU: "gru", GRUCell: "gru", SimpleRNN: "rnn", SimpleRNNCell: "rnn" };

/** One recurrent cell. `bias` in the form of the graph, one direction. */
export interface Cell {
  op: Op;
  hidden: number;
  kernel: Weight;
  recurrent: Weight;
  bias: Float32Array | undefined;
  activations: RecurrentActivation[];
  linearBeforeReset: boolean;
}

export const statesOf = (cell: Cell): number => (cell.op === "lstm" ? 2 : 1);

/** The cells of a layer, the first one sees the input. */
export function cellsOf(l: Layer): Cell[] {
  if (l.className !== "RNN") return [cellOf(l, l.className, l.config, l.variables.part("cell"))];
  const json = l.config.json("cell");
  if (!isObject(json)) return l.config.wrong("cell", "a cell");
  const config = new Config(json.config, l.g), part = l.variables.part("cell");
  if (json.class_name !== "StackedRNNCells") return [cellOf(l, String(json.class_name), config, part)];
  const cells = (config.json("cells") ?? []) as Json, list = Array.isArray(cells) ? cells.filter(isObject) : [];
  const variables = part.cells(list.map((c) => String(c.class_name)));
  return list.map((c: JsonObject, i) => cellOf(l, String(c.class_name), new Config(c.config, l.g), variables[i]!));
}

function cellOf(l: Layer, className: string, config: Config, variables: Variables): Cell {
  const op = entry(opOf, className) ?? l.g.fail(`its cell is a ${className}, expected LSTMCell, GRUCell or SimpleRNNCell`, "Use one of these cells.");
  const inner: Layer = { ...l, config, className }, hidden = config.int("units", undefined, 1), gates = { lstm: 4, gru: 3, rnn: 1 }[op] * hidden;
  const { kernel, recurrent_kernel: recurrent } = variablesOf(inner, { kernel: [-1, gates], recurrent_kernel: [hidden, gates] }, variables);
  const bias = config.bool("use_bias", true) ? biasOf(inner, variables, gates) : undefined;
  const resetAfter = op === "gru" && (bias ? bias.shape.length === 2 : config.bool("reset_after", false));
  const main = recurrentActivation(inner, "activation", "tanh");
  const gate = op === "rnn" ? [] : [recurrentActivation(inner, "recurrent_activation", l.context.keras >= 3 ? "sigmoid" : "hard_sigmoid")];
  return { op, hidden, kernel, recurrent, bias: bias && biasData(op, bias, gates), activations: [...gate, main, ...(op === "lstm" ? [main] : [])],
    linearBeforeReset: resetAfter };
}

function biasOf(l: Layer, variables: Variables, gates: number): Weight {
  const [, , bias] = variables.take(["kernel", "recurrent_kernel", "bias"]);
  const fits = bias && (bias.shape.join() === `${gates}` || (opOf[l.className] === "gru" && bias.shape.join() === `2,${gates}`));
  return fits ? bias : l.g.fail(`its variable "bias" is ${bias ? `of shape [${bias.shape.join(",")}]` : "missing"}, expected [${gates}]`,
    "Save the model again.", "ERR_OCTAVO_SHAPE");
}

/** gru wants the biases of w, then of r: without reset_after there is one, and it is added to w's. */
function biasData(op: Op, bias: Weight, gates: number): Float32Array {
  if (op !== "gru" || bias.shape.length === 2) return bias.data;
  const both = new Float32Array(2 * gates);
  both.set(bias.data);
  return both;
}

/** What a sweep over time gives: y [T,D,N,H], or "" where nobody wants it, and the last states [D,N,H]. */
interface Sweep { y: string; states: string[] }

/** One operator over x [T,N,I]; two cells are its two directions. */
export function sweep(l: Layer, cells: Cell[], direction: "forward" | "reverse" | "bidirectional", x: string, initial: string[], wantsY: boolean,
  lengths = ""): Sweep {
  const first = cells[0]!, states = statesOf(first), name = (part: string) => freshName(l.g.graph, `${l.name}/${part}`);
  const outputs = [wantsY ? name("y") : "", name("h"), ...(states > 1 ? [name("c")] : [])], parameters = parametersOf(l, cells);
  const inputs = [x, ...parameters, initial[0] ?? "", ...(first.op === "lstm" ? [initial[1] ?? "", "", lengths] : [lengths])];
  while (inputs.at(-1) === "") inputs.pop();
  const common = { direction, hidden: first.hidden, activations: cells.flatMap((c) => c.activations), clip: 0 };
  if (first.op === "lstm") l.g.add("lstm", inputs, { ...common, inputForget: false }, outputs);
  else if (first.op === "gru") l.g.add("gru", inputs, { ...common, linearBeforeReset: first.linearBeforeReset }, outputs);
  else l.g.add("rnn", inputs, common, outputs);
  return { y: outputs[0]!, states: outputs.slice(1) };
}

/** w [D,G·H,I], r [D,G·H,H], b or "". */
function parametersOf(l: Layer, cells: Cell[]): string[] {
  const stack = (stem: string, parts: Float32Array[], shape: number[]): string => {
    const key = `${cells.map((c) => c.kernel.name).join()} ${stem}`, known = l.context.constants.get(key);
    if (known !== undefined) return known;
    const data = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
    parts.reduce((at, p) => (data.set(p, at), at + p.length), 0);
    const made = l.g.constant(`${l.name}/${stem}`, "float32", [parts.length, ...shape], data);
    l.context.constants.set(key, made);
    return made;
  };
  const { kernel, recurrent, bias } = cells[0]!, turned = (w: Weight) => permuted(w, [1, 0]);
  const w = stack("kernel", cells.map((c) => turned(c.kernel)), [kernel.shape[1]!, kernel.shape[0]!]);
  const r = stack("recurrent_kernel", cells.map((c) => turned(c.recurrent)), [recurrent.shape[1]!, recurrent.shape[0]!]);
  return [w, r, bias ? stack("bias", cells.map((c) => c.bias!), [bias.length]) : ""];
}

/** Result of a recurrent layer: y [N,T,H] with `return_sequences`, else [N,H]; states [1,N,H]. */
export interface Result { y: string; states: string[] }

/** A layer in its own direction. go_backwards: time runs from the end, and so do the outputs. */
export function runLayer(l: Layer, x: string, initial: string[]): Result {
  const [N, T] = ranked(l, x, 3) as [number, number], cells = cellsOf(l), backwards = l.config.bool("go_backwards", false);
  const sequences = l.config.bool("return_sequences", false);
  l.config.only("time_major", false, "Build the layer with time_major=False.");
  const mask = maskOverTime(l, x, initial), count = cells.reduce((n, c) => n + statesOf(c), 0);
  if (initial.length && initial.length !== count) {
    l.g.fail(`it is given ${initial.length} initial states, expected ${count}`, "", "ERR_OCTAVO_FORMAT");
  }
  if (!cells.length) l.g.fail("it has no cells", "", "ERR_OCTAVO_FORMAT");
  const seen = mask !== undefined && backwards ? reverse(l.g, mask, 1) : mask, timeMajor = transpose(l.g, x, [1, 0, 2]);
  const valid = seen === undefined ? undefined : compacted(l, backwards ? reverse(l.g, timeMajor, 0) : timeMajor, seen);
  const result = runCells(l, cells, valid?.x ?? timeMajor, backwards && !valid ? "reverse" : "forward", initial, N, sequences, valid);
  if (!sequences) return { y: flatState(l, result.states[result.states.length - statesOf(cells.at(-1)!)]!), states: result.states };
  const inOrder = backwards && !valid ? reverse(l.g, result.y, 0) : result.y;
  const y = valid ? spread(l, valid, inOrder, l.config.bool("zero_output_for_mask", false)) : inOrder;
  if (l.g.shape(y)[0] !== T) l.g.fail("its output has another length than its input", "", "ERR_OCTAVO_SHAPE");
  return { y: transpose(l.g, y, [1, 0, 2]), states: result.states };
}

/** A state [1,N,H] as [N,H]. */
export const flatState = (l: Layer, state: string): string => reshape(l.g, state, l.g.shape(state).slice(1));

/** Cells on top of each other; y [T,N,H] of the last one. */
function runCells(l: Layer, cells: Cell[], x: string, direction: "forward" | "reverse", initial: string[], N: number, wantsY: boolean,
  valid: Compacted | undefined): Result {
  const states: string[] = [];
  let y = x;
  cells.forEach((cell, i) => {
    const own = initial.length ? initial.splice(0, statesOf(cell)).map((s) => reshape(l.g, s, [1, N, cell.hidden])) : streamStates(l, cell, N);
    const wanted = wantsY || i < cells.length - 1, result = sweep(l, [cell], direction, y, own, wanted, valid?.lengths);
    if (isStateful(l)) {
      own.forEach((state, k) => l.g.graph.states.push({ input: state, output: result.states[k]!,
        initial: allocate("float32", bounded(l.g, N * cell.hidden, "a state")) }));
    }
    states.push(...result.states);
    if (wanted) y = reshape(l.g, result.y, [l.g.shape(y)[0]!, N, cell.hidden]);
  });
  return { y, states };
}

export const isStateful = (l: Layer): boolean => l.context.options.stateful === true || l.config.bool("stateful", false);

/** Tensors that carry the states from run to run. */
function streamStates(l: Layer, cell: Cell, N: number): string[] {
  if (!isStateful(l)) return [];
  if (l.config.bool("go_backwards", false)) l.g.fail("it runs backwards in time, which a stream cannot", "Convert the model without --stateful.");
  return ["h", "c"].slice(0, statesOf(cell)).map((part) => {
    const name = freshName(l.g.graph, `${l.name}/${part}_before`);
    l.g.graph.tensors.set(name, { name, dtype: "float32", shape: [1, N, cell.hidden] });
    return tensorOf(l.g.graph, name).name;
  });
}

function recurrent(l: Layer, inputs: string[]): string[] {
  const [x, ...others] = inputs, initial = [...others, ...tensorsIn(l.keywords.initial_state)];
  if (initial.length && isStateful(l)) {
    l.g.fail("it is stateful and given an initial state", "Pass one of the two: convert without --stateful, or leave the state out.");
  }
  const { y, states } = runLayer(l, x!, initial), mask = l.context.masks.get(x!);
  if (mask && l.config.bool("return_sequences", false)) l.context.masks.set(y, mask);
  return l.config.bool("return_state", false) ? [y, ...states.map((s) => flatState(l, s))] : [y];
}

/** Both directions in one operator, where they differ in nothing but their weights. */
export function canJoin(a: Cell[], b: Cell[]): boolean {
  const shape = (c: Cell) => JSON.stringify([c.op, c.hidden, c.activations, c.linearBeforeReset, c.kernel.shape, c.bias?.length,
    c.activations.map((f) => [String(f.alpha), String(f.beta)])]);
  return a.length === 1 && b.length === 1 && shape(a[0]!) === shape(b[0]!);
}

