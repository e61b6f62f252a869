/** torch.nn.LSTM, GRU and RNN: layers and directions on top of each other. Gates lstm i,f,g,o · gru r,z,n (the graph has z,r,h). */
import type { GraphBuilder } from "../../ir/builder.ts";
import { allocate, freshName, sizeOf, tensorOf, type TypedArray } from "../../ir/graph.ts";
import type { RecurrentActivation } from "../../ir/ops.ts";
import { bounded, concat, constantValue, expand, reshape, sliceAxis, transpose } from "../onnx/write.ts";

export type Kind = "lstm" | "gru" | "rnn_tanh" | "rnn_relu";

/** Weights of one layer and direction, as tensors: w [G·H,I], r [G·H,H], biases [G·H] or "". */
export interface Cell { w: string; r: string; wb: string; rb: string }

export interface Form {
  kind: Kind;
  /** Of the module; its layers are called NAME.l0, NAME.l1, … */
  name?: string;
  /** Directions of layer 0, then of layer 1, … */
  cells: Cell[];
  directions: 1 | 2;
  batchFirst: boolean;
  /** [layers·D,N,H] each: h, and c of an lstm; none where they are zero. */
  initial: string[];
  /** States that begin at zero are carried from run to run. */
  stateful: boolean;
}

const activation = (fn: RecurrentActivation["fn"], alpha = 0, beta = 0): RecurrentActivation => ({ fn, alpha, beta });
const activationsOf: Record<Kind, RecurrentActivation[]> = {
  lstm: [activation("sigmoid"), activation("tanh"), activation("tanh")], gru: [activation("sigmoid"), activation("tanh")],
  rnn_tanh: [activation("tanh")], rnn_relu: [activation("clip", 0, Infinity)],
};

/** @returns y [N,T,D·H] or [T,N,D·H], then h and c [layers·D,N,H] */
export function recurrent(g: GraphBuilder, x: string, form: Form): string[] {
  const layers = form.cells.length / form.directions, states: string[][] = [], D = form.directions;
  if (g.shape(x).length !== 3) {
    g.fail(`its input has shape [${g.shape(x).join(",")}], expected three axes`, "Give the model batches.", "ERR_OCTAVO_SHAPE");
  }
  let y = form.batchFirst ? transpose(g, x, [1, 0, 2]) : x;
  for (let i = 0; i < layers; i++) {
    const first = form.cells[i * D]!, given = form.initial.map((s) => stateOf(g, s, i * D, D, g.shape(y)[1]!));
    const carried = form.stateful && !given.some(Boolean);
    const initial = carried ? carriedStates(g, form, first, g.shape(y)[1]!) : given, result = layer(g, y, form, i, initial);
    if (carried) {
      initial.forEach((input, k) => g.graph.states.push({ input, output: result.states[k]!,
        initial: allocate("float32", bounded(g, sizeOf(g.shape(input)), "a state")) }));
    }
    y = result.y;
    states.push(result.states);
  }
  const last = states[0]!.map((_, k) => concat(g, states.map((s) => s[k]!), 0));
  return [form.batchFirst ? transpose(g, y, [1, 0, 2]) : y, ...last];
}

/** Tensors [1,N,H] that hold the states between runs. */
function carriedStates(g: GraphBuilder, { kind, directions }: Form, cell: Cell, N: number): string[] {
  if (directions === 2) g.fail("it reads time in both directions, which a stream cannot", "Convert the model without --stateful.");
  return (kind === "lstm" ? ["h", "c"] : ["h"]).map((part) => {
    const name = freshName(g.graph, `${cell.r}_${part}`);
    g.graph.tensors.set(name, { name, dtype: "float32", shape: [1, N, g.shape(cell.r)[1]!] });
    return name;
  });
}

/** The part of an initial state that belongs to a layer, [D,N,H]; "" where all of it is zero. */
function stateOf(g: GraphBuilder, state: string, first: number, D: number, N: number): string {
  if (constantValue(g, state)?.every((v) => v === 0)) return "";
  const [all, n, H] = g.shape(state) as [number, number, number];
  if (first + D > all || (n !== N && n !== 1)) {
    g.fail(`its initial state has shape [${g.shape(state).join(",")}], expected [layers,${N},hidden]`, "", "ERR_OCTAVO_SHAPE");
  }
  return expand(g, sliceAxis(g, state, 0, first, D), [D, N, H]);
}

function layer(g: GraphBuilder, x: string, { kind, cells: all, directions: D, name: module }: Form, index: number, initial: string[]): { y: string; states: string[] } {
  const cells = all.slice(index * D, (index + 1) * D);
  const op = kind.startsWith("rnn") ? "rnn" : (kind as "lstm" | "gru"), H = g.shape(cells[0]!.r)[1]!;
  const name = (part: string) => freshName(g.graph, module ? `${module}.l${index}${part === "y" ? "" : `_${part}`}` : `${x}_${op}_${part}`);
  const outputs = [name("y"), name("h"), ...(op === "lstm" ? [name("c")] : [])], inputs = [x, ...parameters(g, op, cells), ...initial];
  const common = { direction: D === 2 ? "bidirectional" as const : "forward" as const, hidden: H,
    activations: cells.flatMap(() => activationsOf[kind]), clip: 0 };
  while (inputs.at(-1) === "") inputs.pop();
  if (op === "lstm") g.add("lstm", inputs, { ...common, inputForget: false }, outputs);
  else if (op === "gru") g.add("gru", inputs, { ...common, linearBeforeReset: true }, outputs);
  else g.add("rnn", inputs, common, outputs);
  const [T, , N] = g.shape(outputs[0]!) as [number, number, number];
  const joined = D === 1 ? outputs[0]! : transpose(g, outputs[0]!, [0, 2, 1, 3]);
  return { y: reshape(g, joined, [T, N, D * H]), states: outputs.slice(1) };
}

/** w [D,G·H,I], r [D,G·H,H], b or "": gru wants both biases one behind the other, the others their sum. */
function parameters(g: GraphBuilder, op: "lstm" | "gru" | "rnn", cells: Cell[]): string[] {
  const gates = { lstm: 4, gru: 3, rnn: 1 }[op], rows = g.shape(cells[0]!.r)[0]!, H = rows / gates;
  const stack = (stem: string, parts: TypedArray[], shape: number[]) => {
    const data = allocate("float32", parts.reduce((n, p) => n + p.length, 0));
    parts.reduce((at, p) => (data.set(p, at), at + p.length), 0);
    return g.constant(stem, "float32", [parts.length, ...shape], data);
  };
  const blocks = (tensor: string, width: number) => inOrder(values(g, tensor, rows * width), op, H * width);
  const I = g.shape(cells[0]!.w)[1] ?? 0, w = stack(`${cells[0]!.w}_stacked`, cells.map((c) => blocks(c.w, I)), [rows, I]);
  const r = stack(`${cells[0]!.r}_stacked`, cells.map((c) => blocks(c.r, H)), [rows, H]);
  if (!cells[0]!.wb) return [w, r, ""];
  const biases = cells.map((c) => [blocks(c.wb, 1), blocks(c.rb, 1)] as const);
  const joined = biases.map(([a, b]) => (op === "gru" ? Float32Array.of(...a, ...b) : Float32Array.from(a, (v, i) => v + b[i]!)));
  return [w, r, stack(`${cells[0]!.wb}_stacked`, joined, [joined[0]!.length])];
}

/** r,z,n → z,r,h */
function inOrder(data: TypedArray, op: "lstm" | "gru" | "rnn", block: number): TypedArray {
  if (op !== "gru") return data;
  const out = Float32Array.from(data);
  out.set(data.subarray(block, 2 * block), 0);
  out.set(data.subarray(0, block), block);
  return out;
}

function values(g: GraphBuilder, tensor: string, count: number): TypedArray {
  if (!tensor) return g.fail("it has a bias in one place and none in another", "Export the model again.", "ERR_OCTAVO_FORMAT");
  const data = constantValue(g, tensor), shape = `[${tensorOf(g.graph, tensor).shape.join(",")}]`;
  if (!data) return g.fail(`its weights "${tensor}" are computed, expected constants`, "Export the model without weight norm or the like.");
  return data.length === count ? data : g.fail(`its weights "${tensor}" have shape ${shape}, expected ${count} elements`, "", "ERR_OCTAVO_SHAPE");
}
