/**
 * Recognises the step of an LSTM, a GRU or a simple RNN in the nodes of a loop's body. The products are found as affine
 * functions of x and h, in whatever operators they were written; the gates by the equations of `lstm`, `gru` and `rnn`.
 */
import type { Graph, Node } from "../../ir/graph.ts";
import { activationOps, type RecurrentActivation } from "../../ir/ops.ts";
import { affineOf, producersOf, type Affine } from "./affine.ts";

/** What one step computes: x [N,I] and the states [N,H] before it, the states after it. */
export interface Step { graph: Graph; x: string; states: { before: string; after: string }[] }

/** The cell that a step is: w [G·H,I], r [G·H,H], b as the operator has it; `hidden` and `cell` are states by number. */
export interface Cell {
  op: "lstm" | "gru" | "rnn"; w: Float32Array; r: Float32Array; b: Float32Array; activations: RecurrentActivation[];
  linearBeforeReset: boolean; hidden: number; cell: number;
}

interface Matcher { step: Step; producers: Map<string, Node> }

export function matchCell(fused: Step): Cell | undefined {
  const step = unfused(fused), m = { step, producers: producersOf(step.graph) };
  const numbers = step.states.map((_, i) => i);
  if (numbers.length === 1) return gru(m, 0) ?? rnn(m, 0);
  if (numbers.length === 2) return lstm(m, 0, 1) ?? lstm(m, 1, 0);
  return undefined;
}

/** The name behind reshapes that only rearrange axes of size 1. */
function origin(m: Matcher, name: string): string {
  let n = m.producers.get(name), from = name;
  for (; n?.op === "reshape"; n = m.producers.get(from)) from = n.inputs[0]!;
  return from;
}

const producer = (m: Matcher, name: string): Node | undefined => m.producers.get(origin(m, name));

/** Both inputs of an operator, in both orders, where the result has that operator. */
function pairs(m: Matcher, name: string, op: "add" | "mul"): [string, string][] {
  const n = producer(m, name);
  if (n?.op !== op) return [];
  const [a, b] = n.inputs as [string, string];
  return [[a, b], [b, a]];
}

const functions = new Set(activationOps);

/** y = fn(x) */
interface Activation { x: string; fn: RecurrentActivation }

function activation(m: Matcher, name: string): Activation | undefined {
  const n = producer(m, name);
  if (!n || !functions.has(n.op) || n.op === "clip" || n.op === "affine") return clamped(m, name);
  const { alpha, beta } = n.attributes as { alpha: number; beta: number };
  return { x: n.inputs[0]!, fn: { fn: n.op, alpha, beta } as RecurrentActivation };
}

/** Scales, shifts and bounds in any order are y = clamp(scale · x + shift, low, high): ReLU, or, from 0 to 1, a hard sigmoid. */
function clamped(m: Matcher, name: string): Activation | undefined {
  let x = origin(m, name), scale = 1, shift = 0, low = -Infinity, high = Infinity;
  for (let part = bounds(m, x); part; part = bounds(m, x)) {
    low = Math.max(low, scale * part.low + shift);
    high = Math.min(high, scale * part.high + shift);
    [scale, shift, x] = [scale * part.scale, shift + scale * part.shift, origin(m, part.x)];
  }
  const unit = Math.abs(low) < 1e-6 && Math.abs(high - 1) < 1e-6;
  if (unit) return { x, fn: { fn: "hardSigmoid", alpha: scale, beta: shift } };
  return scale === 1 && shift === 0 && (low > -Infinity || high < Infinity) ? { x, fn: { fn: "clip", alpha: low, beta: high } } : undefined;
}

interface Bounds { x: string; scale: number; shift: number; low: number; high: number }

/** One such operator with a single positive constant factor, addend or bound. */
function bounds(m: Matcher, name: string): Bounds | undefined {
  const n = m.producers.get(name), free = { x: "", scale: 1, shift: 0, low: -Infinity, high: Infinity };
  if (n?.op === "clip") return { ...free, x: n.inputs[0]!, low: n.attributes.alpha, high: n.attributes.beta };
  const at = n?.inputs.findIndex((i) => constantOf(m, i) !== undefined) ?? -1;
  if (at < 0 || n!.inputs.length !== 2) return undefined;
  const x = n!.inputs[1 - at]!, c = constantOf(m, n!.inputs[at]!)!;
  if (n!.op === "mul" && c > 0) return { ...free, x, scale: c };
  if (n!.op === "add") return { ...free, x, shift: c };
  if (n!.op === "min") return { ...free, x, high: c };
  return n!.op === "max" ? { ...free, x, low: c } : undefined;
}

/** The one value of a constant. */
function constantOf(m: Matcher, name: string): number | undefined {
  const data = m.step.graph.tensors.get(name)?.data;
  return data && data.length > 0 && data.every((v) => v === data[0]) ? data[0] : undefined;
}

/** The same step with every fused activation as a node of its own. */
function unfused({ graph, x, states }: Step): Step {
  const tensors = new Map(graph.tensors), nodes = graph.nodes.flatMap((n): Node[] => {
    const [low, high] = ("clamp" in n.attributes ? n.attributes.clamp : [-Infinity, Infinity]) as [number, number], [y] = n.outputs;
    if (low === -Infinity && high === Infinity) return [n];
    const raw = `${y}_unclamped`;
    tensors.set(raw, { ...tensors.get(y!)!, name: raw });
    const open = { ...n, outputs: [raw], attributes: { ...n.attributes, clamp: [-Infinity, Infinity] } } as Node;
    return [open, { op: "clip", name: raw, inputs: [raw], outputs: [y!], attributes: { alpha: low, beta: high } }];
  });
  return { graph: { ...graph, tensors, nodes }, x, states };
}

/** fn(W · x + R · h + b) */
interface Gate { fn: RecurrentActivation; affine: Affine; x: string; h: string }

function gate(m: Matcher, name: string, h: string): Gate | undefined {
  const a = activation(m, name), affine = a && measured(m, a.x, [m.step.x, h], h);
  return affine && { fn: a.fn, affine, x: m.step.x, h };
}

/** An affine function with one value per value of the state `h`. */
function measured(m: Matcher, name: string, sources: string[], h: string): Affine | undefined {
  const affine = affineOf(m.step.graph, m.producers, name, sources);
  return affine?.bias.length === m.step.graph.tensors.get(h)!.shape[1] ? affine : undefined;
}

const same = (a: RecurrentActivation, b: RecurrentActivation) => a.fn === b.fn && a.alpha === b.alpha && a.beta === b.beta;

function stacked(parts: (Float32Array | undefined)[]): Float32Array {
  return Float32Array.from(parts.flatMap((p) => [...p!]));
}

const weightsOf = (gates: Gate[]) => ({ w: stacked(gates.map((g) => g.affine.weights.get(g.x))), r: stacked(gates.map((g) => g.affine.weights.get(g.h))) });

/** c' = f · c + i · g, h' = o · fn(c') */
function lstm(m: Matcher, hidden: number, cell: number): Cell | undefined {
  const { before: h, after: hAfter } = m.step.states[hidden]!, { before: c, after: cAfter } = m.step.states[cell]!;
  for (const [outGate, squashed] of pairs(m, hAfter, "mul")) {
    const out = activation(m, squashed);
    if (!out || origin(m, out.x) !== origin(m, cAfter)) continue;
    for (const [kept, added] of pairs(m, cAfter, "add")) {
      const forget = pairs(m, kept, "mul").find(([, right]) => origin(m, right) === c)?.[0];
      for (const [left, right] of forget ? pairs(m, added, "mul") : []) {
        const gates = [left, forget!, right, outGate].map((name) => gate(m, name, h));
        if (!gates.every((g) => g !== undefined)) continue;
        const [i, f, g, o] = gates as [Gate, Gate, Gate, Gate];
        if (!same(i.fn, f.fn) || !same(i.fn, o.fn)) continue;
        const b = stacked([i, f, g, o].map((x) => x.affine.bias)), activations = [i.fn, g.fn, out.fn];
        return { op: "lstm", ...weightsOf(gates as Gate[]), b, activations, linearBeforeReset: false, hidden, cell };
      }
    }
  }
  return undefined;
}

/** h' = z · h + (1 − z) · n */
function gru(m: Matcher, hidden: number): Cell | undefined {
  const { before: h, after } = m.step.states[hidden]!;
  for (const [kept, added] of pairs(m, after, "add")) {
    const z = pairs(m, kept, "mul").find(([, right]) => origin(m, right) === h)?.[0];
    const candidate = z && pairs(m, added, "mul").find(([left]) => isComplement(m, left, z))?.[1];
    const update = candidate ? gate(m, z, h) : undefined, n = candidate ? activation(m, candidate) : undefined;
    const inner = update && n && (resetAfter(m, n.x, h) ?? resetBefore(m, n.x, h));
    if (!inner || !same(update.fn, inner.reset.fn)) continue;
    const { reset, w, r, wb, rb, linearBeforeReset } = inner, gates = weightsOf([update, reset]), none = new Float32Array(rb.length);
    return {
      op: "gru", w: stacked([gates.w, w]), r: stacked([gates.r, r]), b: stacked([update.affine.bias, reset.affine.bias, wb, none, none, rb]),
      activations: [update.fn, n.fn], linearBeforeReset, hidden, cell: -1,
    };
  }
  return undefined;
}

interface Candidate { reset: Gate; w: Float32Array; r: Float32Array; wb: Float32Array; rb: Float32Array; linearBeforeReset: boolean }

/** (W · x + wb) + r · (R · h + rb) */
function resetAfter(m: Matcher, name: string, h: string): Candidate | undefined {
  for (const [left, right] of pairs(m, name, "add")) {
    const fromX = measured(m, left, [m.step.x], h);
    for (const [r, product] of fromX ? pairs(m, right, "mul") : []) {
      const reset = gate(m, r, h), fromH = reset && measured(m, product, [h], h);
      if (fromH) return { reset, w: fromX!.weights.get(m.step.x)!, r: fromH.weights.get(h)!, wb: fromX!.bias, rb: fromH.bias, linearBeforeReset: true };
    }
  }
  return undefined;
}

/** W · x + R · (r · h) + b */
function resetBefore(m: Matcher, name: string, h: string): Candidate | undefined {
  const products = m.step.graph.nodes.filter((n) => n.op === "mul").map((n) => n.outputs[0]!);
  for (const scaled of products) {
    const r = pairs(m, scaled, "mul").find(([, right]) => origin(m, right) === h)?.[0], reset = r ? gate(m, r, h) : undefined;
    const affine = reset && measured(m, name, [m.step.x, scaled], h);
    if (!affine) continue;
    const { weights, bias } = affine;
    return { reset, w: weights.get(m.step.x)!, r: weights.get(scaled)!, wb: bias, rb: new Float32Array(bias.length), linearBeforeReset: false };
  }
  return undefined;
}

/** Whether `name` is 1 − z. */
function isComplement(m: Matcher, name: string, z: string): boolean {
  const n = producer(m, name);
  return n?.op === "sub" && origin(m, n.inputs[1]!) === origin(m, z) && constantOf(m, n.inputs[0]!) === 1;
}

/** h' = fn(W · x + R · h + b) */
function rnn(m: Matcher, hidden: number): Cell | undefined {
  const { before, after } = m.step.states[hidden]!, g = gate(m, after, before);
  return g && { op: "rnn", ...weightsOf([g]), b: g.affine.bias, activations: [g.fn], linearBeforeReset: false, hidden, cell: -1 };
}
