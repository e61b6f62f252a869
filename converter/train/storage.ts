/**
 * The programs `start` (weights of the file → masters) and `commit` (masters → weights of the file), layer by layer. Both
 * walk the same places: the constants of the calls that compute the layer in `infer`.
 */
import { modelError } from "../ir/error.ts";
import { sizeOf, tensorOf, type Graph, type Node } from "../ir/graph.ts";
import { runsOf } from "../lower/conv.i8.ts";
import type { KernelCall, LoweringContext, Operand, Program } from "../lower/context.ts";
import { channelsLast, columnsOf8, pack, padded, pairsOf8, plain, quadsOf8, runs, unpack, type Groups, type Move } from "./packing.ts";
import type { Parameter, Role } from "./parameters.ts";

/** What one layer needs to reach its numbers. */
export interface Stored {
  graph: Graph;
  node: Node;
  parameters: readonly Parameter[];
  /** Its weights that are not trained. */
  frozen: readonly Frozen[];
  /** The calls of the layer in `infer`. */
  calls: readonly KernelCall[];
}

export interface Frozen { parameter: Parameter; scale?: Float32Array }

/** Rows of weights in the file, in one or two moves, and what is stored beside them. */
interface Rows { role: Role; direction: number; rows: number; K: number; groups: Groups; weights: Operand; moves: Move[][]; bytes: 1 | 4 }

export const constantOf = (id: string): Operand => ({ kind: "constant", id, offset: 0 });
/** The float bias of a layer of integers, as trained. */
export const storedBias = (p: Parameter): string => `${p.name} stored`;

export function storedLayer(graph: Graph, program: Program, name: string, parameters: readonly Parameter[], frozen: Iterable<Frozen>): Stored {
  return {
    graph, node: graph.nodes.find((n) => n.name === name)!, calls: program.calls.filter((c) => c.node === name),
    parameters: parameters.filter((p) => p.layer === name), frozen: [...frozen].filter((f) => f.parameter.layer === name),
  };
}

/** Weights of the file → masters. */
export function start(s: Stored, c: LoweringContext): void {
  c.begin(s.node.name);
  for (const r of rowsOf(s)) {
    const p = parameterOf(s, r.role, r.direction);
    if (!p) continue;
    const { from, finish } = r.bytes === 4 ? { from: c.at(p.name), finish: () => {} } : integersOf(c, p, r);
    unpackAll(c, r, r.weights, from);
    finish();
  }
  for (const b of biasesOf(s)) {
    if (b.p.role === "recurrentBias" && sharesBias(s)) continue; // zero, as all of the state
    if (isInteger(s)) unpack(c, plain(sizeOf(b.p.shape)), 4, constantOf(storedBias(b.p)), c.at(b.p.name));
    else unpack(c, b.moves, 4, b.at, c.at(b.p.name));
  }
}

/** Weights that are not trained → floats at `y`. */
export function unpackFrozen(s: Stored, { parameter: p, scale }: Frozen, y: Operand, c: LoweringContext): void {
  const r = rowsOf(s).find((o) => o.role === p.role && o.direction === p.direction)!;
  if (!scale) return unpackAll(c, r, r.weights, y);
  const q = c.scratch(r.rows * r.K);
  unpackAll(c, r, r.weights, q);
  c.call("dequantizeRows", { q, scale: c.constant(scale), w: y, O: r.rows, K: r.K }, ["w"], r.rows * r.K);
}

function integersOf(c: LoweringContext, p: Parameter, r: Rows): { from: Operand; finish: () => void } {
  const q = c.scratch(r.rows * r.K);
  return { from: q, finish: () => c.call("dequantizeRows", { q, scale: constantOf(p.scale!), w: c.at(p.name), O: r.rows, K: r.K }, ["w"], r.rows * r.K) };
}

/** Masters → weights of the file, with the multipliers and biases that follow from them. */
export function commit(s: Stored, c: LoweringContext): void {
  c.begin(s.node.name);
  if (isInteger(s)) return (s.node.op === "conv2d" || s.node.op === "dense" ? commitSums : commitRecurrent)(s, c);
  for (const r of rowsOf(s)) {
    const p = parameterOf(s, r.role, r.direction);
    if (p) packAll(c, r, c.at(p.name), r.weights);
  }
  for (const b of biasesOf(s)) if (!(b.p.role === "recurrentBias" && sharesBias(s))) pack(c, b.moves, 4, wholeBias(s, c, b.p), b.at);
}

/** One bias in the file stands for both of an LSTM or RNN. */
const sharesBias = (s: Stored): boolean => s.node.op !== "gru";

/** The bias that inference adds: of a layer with two, their sum. */
function wholeBias(s: Stored, c: LoweringContext, p: Parameter): Operand {
  const second = p.role === "bias" && sharesBias(s) ? parameterOf(s, "recurrentBias", p.direction) : undefined;
  if (!second) return c.at(p.name);
  const n = sizeOf(p.shape), sum = c.scratch(4 * n);
  pack(c, plain(n), 4, c.at(p.name), sum);
  c.call("accumulate", { acc: sum, g: c.at(second.name), n }, ["acc"]);
  return sum;
}

/** Quantized rows with what a kernel multiplies their sums with, and the bias with the zero point of x folded in. */
function commitRows(s: Stored, c: LoweringContext, r: Rows, input: { sx: number; zx: number; sy: number; integers: boolean }, b: Operand | 0): { m: Operand; folded: Operand } {
  const p = parameterOf(s, r.role, r.direction), q = c.scratch(r.rows * r.K), m = c.scratch(4 * r.rows), folded = c.scratch(4 * r.rows);
  const { w, scale, limit } = p ? { w: c.at(p.name), scale: constantOf(p.scale!), limit: p.limit! } : frozenRows(s, c, r);
  c.call("commitRows", {
    w, b, scale, q, m, folded, O: r.rows, K: r.K, limit, sx: input.sx, sy: input.sy, zx: input.zx, integers: Number(input.integers),
  }, ["scale", "q", "m", "folded"], r.rows * r.K);
  if (p) packAll(c, r, q, r.weights);
  return { m, folded };
}

/** Weights of a layer of which only the biases are trained: they come back as the integers that they are. */
function frozenRows(s: Stored, c: LoweringContext, r: Rows): { w: Operand; scale: Operand; limit: number } {
  const held = s.frozen.find(({ parameter: p }) => p.role === r.role && p.direction === r.direction)!, w = c.scratch(4 * r.rows * r.K), scale = c.scratch(4 * r.rows);
  unpackFrozen(s, held, w, c);
  pack(c, plain(r.rows), 4, c.constant(held.scale!), scale);
  return { w, scale, limit: 127 };
}

function commitSums(s: Stored, c: LoweringContext): void {
  const [r] = rowsOf(s) as [Rows], { params } = s.calls[0]!, x = tensorOf(s.graph, s.node.inputs[0]!).quantization!, y = tensorOf(s.graph, s.node.outputs[0]!).quantization!;
  const bias = parameterOf(s, "bias", 0);
  const { m, folded } = commitRows(s, c, r, { sx: x.scale[0]!, zx: x.zeroPoint[0]!, sy: y.scale[0]!, integers: true }, bias ? c.at(bias.name) : 0);
  pack(c, padded(r.groups), 4, m, params.m as Operand);
  pack(c, padded(r.groups), 4, folded, params.b as Operand);
  if (bias) pack(c, plain(r.rows), 4, c.at(bias.name), constantOf(storedBias(bias)));
}

/** The bias of the input product carries both zero points, but for a GRU's, whose recurrent product has a bias of its own. */
function commitRecurrent(s: Stored, c: LoweringContext): void {
  const x = tensorOf(s.graph, s.node.inputs[0]!).quantization!, h = tensorOf(s.graph, s.node.outputs[0]!).quantization!, rows = rowsOf(s), gru = s.node.op === "gru";
  for (const w of rows.filter((r) => r.role === "weight")) {
    const d = w.direction, r = rows.find((o) => o.role === "recurrent" && o.direction === d)!, { gates, step } = callsOf(s, d), own = parameterOf(s, "bias", d), second = gru ? parameterOf(s, "recurrentBias", d) : undefined;
    const bias = own ? wholeBias(s, c, own) : 0;
    const input = commitRows(s, c, w, { sx: x.scale[0]!, zx: x.zeroPoint[0]!, sy: 1, integers: false }, bias);
    const recurrent = commitRows(s, c, r, { sx: h.scale[0]!, zx: h.zeroPoint[0]!, sy: 1, integers: false }, second ? c.at(second.name) : gru ? 0 : input.folded);
    pack(c, padded(w.groups), 4, input.m, gates.params.m as Operand);
    pack(c, padded(r.groups), 4, recurrent.m, step.params.m as Operand);
    pack(c, padded(w.groups), 4, gru ? input.folded : recurrent.folded, gates.params.b as Operand);
    if (gru) pack(c, padded(r.groups), 4, recurrent.folded, step.params.rb as Operand);
    if (own) pack(c, plain(sizeOf(own.shape)), 4, bias as Operand, constantOf(storedBias(own)));
    if (second) pack(c, plain(sizeOf(second.shape)), 4, c.at(second.name), constantOf(storedBias(second)));
  }
}

const parameterOf = (s: Stored, role: Role, direction: number): Parameter | undefined => s.parameters.find((p) => p.role === role && p.direction === direction);
const isInteger = (s: Stored): boolean => s.parameters.some((p) => p.scale !== undefined) || s.frozen.some((f) => f.scale);
/** Of the weights, trained or not. */
const matrices = (s: Stored): Parameter[] => [...s.parameters, ...s.frozen.map((f) => f.parameter)].filter((p) => p.role === "weight" || p.role === "recurrent");

/** The calls of one direction of a recurrent layer. */
function callsOf(s: Stored, direction: number): { gates: KernelCall; step: KernelCall } {
  const steps = s.calls.filter((call) => "r" in call.params), gates = s.calls.filter((call) => "w" in call.params && "b" in call.params);
  return { gates: gates[direction]!, step: steps[direction]! };
}

function rowsOf(s: Stored): Rows[] {
  const { node } = s;
  switch (node.op) {
    case "conv2d": case "dense": return [sums(s)];
    case "lstm": case "gru": case "rnn": return matrices(s).map((p) => recurrentRows(s, p));
    case "gather": return [{ role: "table", direction: 0, rows: 1, K: sizeOf(s.parameters[0]!.shape), groups: { G: 1, H: 1 }, weights: s.calls[0]!.params.x as Operand, moves: [plain(sizeOf(s.parameters[0]!.shape))], bytes: 4 }];
    default: throw modelError("ERR_OCTAVO_OPERATOR", s.graph.format, `node "${node.name}" (${node.op})`, "its weights cannot be trained", "Train other layers (--trainable).");
  }
}

function sums(s: Stored): Rows {
  const node = s.node as Node<"conv2d"> | Node<"dense">, [O, KH, KW, Cg] = window(s), groups = node.op === "conv2d" ? node.attributes.groups : 1, K = KH * KW * Cg;
  const call = s.calls.find((k) => "w" in k.params)!, bytes = isInteger(s) ? 1 : 4, parts = { G: groups, H: O / groups };
  const common = { role: "weight" as const, direction: 0, rows: O, K, groups: parts, weights: call.params.w as Operand, bytes: bytes as 1 | 4 };
  switch (call.kernel) {
    case "depthwiseF32": return { ...common, moves: [channelsLast(O, KH * KW)] };
    case "denseF32": case "conv2dF32": return { ...common, moves: [columnsOf8(parts, K)] };
    case "depthwiseI8": return { ...common, groups: { G: 1, H: O }, moves: [pairsOf8(O, KH, KW)] };
    case "denseI8": return { ...common, moves: [quadsOf8(parts, K)] };
    case "conv2dI8": {
      const dilation = node.op === "conv2d" ? node.attributes.dilation[1]! : 1, { run, padded: wide, count, K: columns } = runsOf({ KH, KW, Cg, groups }, dilation);
      return { ...common, moves: run === wide && columns === K ? [quadsOf8(parts, K)] : [runs(O, count, run, wide, columns), quadsOf8(parts, columns)] };
    }
    default: throw modelError("ERR_OCTAVO_OPERATOR", s.graph.format, `node "${node.name}" (${node.op})`, `the kernel ${call.kernel} has no place for trained weights`, "Train other layers (--trainable), with --rounding fast and --precision int8 or float32.");
  }
}

function window(s: Stored): [number, number, number, number] {
  const { shape } = matrices(s)[0]!;
  return (shape.length === 2 ? [shape[0]!, 1, 1, shape[1]!] : shape) as [number, number, number, number];
}

function recurrentRows(s: Stored, p: Parameter): Rows {
  const { gates, step } = callsOf(s, p.direction), H = (s.node as Node<"lstm">).attributes.hidden, groups = { G: p.shape[0]! / H, H }, K = p.shape[1]!, bytes = isInteger(s) ? 1 : 4;
  const weights = (p.role === "weight" ? gates.params.w : step.params.r) as Operand;
  return { role: p.role, direction: p.direction, rows: p.shape[0]!, K, groups, weights, moves: [bytes === 1 ? quadsOf8(groups, K) : columnsOf8(groups, K)], bytes };
}

function biasesOf(s: Stored): { p: Parameter; at: Operand; moves: Move[] }[] {
  return s.parameters.filter((p) => p.role === "bias" || p.role === "recurrentBias").map((p) => {
    if (s.node.op === "conv2d" || s.node.op === "dense") {
      const call = s.calls.find((k) => "w" in k.params)!;
      return { p, at: call.params.b as Operand, moves: call.kernel === "depthwiseF32" ? plain(p.shape[0]!) : padded(sums(s).groups) };
    }
    const { gates, step } = callsOf(s, p.direction), H = (s.node as Node<"lstm">).attributes.hidden;
    return { p, at: (p.role === "bias" ? gates.params.b : step.params.rb) as Operand, moves: padded({ G: p.shape[0]! / H, H }) };
  });
}

function packAll(c: LoweringContext, r: Rows, from: Operand, to: Operand): void {
  const [first, second] = r.moves as [Move[], Move[]?];
  if (!second) return pack(c, first, r.bytes, from, to);
  const between = zeroed(c, r);
  pack(c, first, r.bytes, from, between);
  pack(c, second, r.bytes, between, to);
}

function unpackAll(c: LoweringContext, r: Rows, from: Operand, to: Operand): void {
  const [first, second] = r.moves as [Move[], Move[]?];
  if (!second) return unpack(c, first, r.bytes, from, to);
  const between = zeroed(c, r);
  unpack(c, second, r.bytes, from, between);
  unpack(c, first, r.bytes, between, to);
}

/** Rows with padded columns. */
function zeroed(c: LoweringContext, { rows, moves }: Rows): Operand {
  const columns = moves[0]![0]!.packed.strides[0]!, at = c.scratch(rows * columns);
  c.call("fill", { y: at, n: rows * columns, bytes: 1, bits: 0 }, ["y"]);
  return at;
}

