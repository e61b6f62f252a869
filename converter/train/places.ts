/** Where a layer's numbers lie in the constants of the calls that compute it in `infer`. */
import { modelError } from "../ir/error.ts";
import { sizeOf, type Graph, type Node } from "../ir/graph.ts";
import { runsOf, transposedTaps as transposedTapsI8 } from "../lower/conv.i8.ts";
import { transposedTaps } from "../lower/conv.ts";
import type { KernelCall, LoweringContext, Operand, Program } from "../lower/context.ts";
import { channelsLast, columnsOf8, pack, padded, pairsOf8, plain, quadsOf8, runs, tapsOf, unpack, type Groups, type Move } from "./packing.ts";
import type { Moving } from "./moving.ts";
import type { Parameter, Role } from "./parameters.ts";

export interface Frozen { parameter: Parameter; scale?: Float32Array }

/** What one layer needs to reach its numbers. */
export interface Stored {
  graph: Graph;
  node: Node;
  parameters: readonly Parameter[];
  /** Its weights that are not trained. */
  frozen: readonly Frozen[];
  moving: Moving;
  /** The calls of the layer in `infer`. */
  calls: readonly KernelCall[];
}

/**
 * The weights of one call: rows [O,K] of a matrix in the order of the graph, or of a transposed convolution some of its taps,
 * in one or more moves to where the kernel reads them.
 */
export interface Place { rows: number; K: number; groups: Groups; call: KernelCall; weights: Operand; moves: Move[][]; bytes: 1 | 4; picked: boolean }

/** Of one output channel: its weights, its bias, its multiplier. */
export interface ChannelPlace { weights: Place; b: Operand; m?: Operand }

export function storedLayer(graph: Graph, program: Program, name: string, parameters: readonly Parameter[], frozen: Iterable<Frozen>, moving: Moving = new Map()): Stored {
  return {
    graph, moving, node: graph.nodes.find((n) => n.name === name)!, calls: program.calls.filter((c) => c.node === name),
    parameters: parameters.filter((p) => p.layer === name), frozen: [...frozen].filter((f) => f.parameter.layer === name),
  };
}

export const parameterOf = (s: Stored, role: Role, direction: number): Parameter | undefined => s.parameters.find((p) => p.role === role && p.direction === direction);
export const isInteger = (s: Stored): boolean => s.parameters.some((p) => p.scale !== undefined) || s.frozen.some((f) => f.scale);

/** The calls of one direction of a recurrent layer. */
export function stepsOf(s: Stored, direction: number): { gates: KernelCall; step: KernelCall } {
  const steps = s.calls.filter((call) => "r" in call.params), gates = s.calls.filter((call) => "w" in call.params && "b" in call.params);
  return { gates: gates[direction]!, step: steps[direction]! };
}

/** Where the weights `p` lie; several places where several calls share them out. */
export function placesOf(s: Stored, p: Parameter): Place[] {
  switch (s.node.op) {
    case "conv2d": case "dense": return [sums(s, p)];
    case "convTranspose2d": return transposed(s, p, s.node);
    case "lstm": case "gru": case "rnn": return [recurrent(s, p)];
    case "gather": return [asIs(s, p, "x")];
    case "mul": case "add": case "prelu": return [asIs(s, p, isConstantOperand(s.calls[0]!, "a") ? "a" : "b")];
    default: return refuse(s, "its weights cannot be trained");
  }
}

/** Floats in the order of the graph, at that operand of the layer's first call. */
function asIs(s: Stored, p: Parameter, operand: string): Place {
  const [call] = s.calls as [KernelCall];
  return { rows: 1, K: sizeOf(p.shape), groups: { G: 1, H: 1 }, call, weights: call.params[operand] as Operand, moves: [plain(sizeOf(p.shape))], bytes: 4, picked: false };
}

const isConstantOperand = ({ params }: KernelCall, name: string): boolean => (params[name] as Operand).kind === "constant";

const refuse = (s: Stored, problem: string): never => {
  throw modelError("ERR_OCTAVO_OPERATOR", s.graph.format, `node "${s.node.name}" (${s.node.op})`, problem, "Train other layers (--trainable), with --precision int8 or float32.");
};

const products = (s: Stored): KernelCall[] => s.calls.filter((c) => "w" in c.params && "b" in c.params);

function sums(s: Stored, p: Parameter): Place {
  const node = s.node as Node<"conv2d"> | Node<"dense">, [O, KH, KW, Cg] = windowOf(p), groups = node.op === "conv2d" ? node.attributes.groups : 1, call = products(s)[0]!;
  const common = { rows: O, K: KH * KW * Cg, call, weights: call.params.w as Operand, picked: false }, parts = { G: groups, H: O / groups };
  const dilation = node.op === "conv2d" ? node.attributes.dilation[1]! : 1;
  if (call.kernel === "depthwiseF32") return { ...common, groups: { G: 1, H: O }, moves: [channelsLast(O, KH * KW)], bytes: 4 };
  if (call.kernel === "depthwiseI8") return { ...common, groups: { G: 1, H: O }, moves: [pairsOf8(O, KH, KW)], bytes: 1 };
  return { ...common, groups: parts, ...matrix(s, call, O, [KH, KW, Cg], parts, dilation) };
}

/** Rows `part.channels` of a dense layer or of a convolution with one group: each as the first of a block of eight, moved to its own. */
export function channelPlaces(s: Stored, p: Parameter): ChannelPlace[] {
  const node = s.node as Node<"conv2d"> | Node<"dense">, { channels, whole } = p.part!, [, KH, KW, Cg] = windowOf({ ...p, shape: whole });
  const call = products(s)[0]!, one = { G: 1, H: 1 }, dilation = node.op === "conv2d" ? node.attributes.dilation[1]! : 1;
  const { moves, bytes, columns } = matrix(s, call, 1, [KH, KW, Cg], one, dilation), quad = bytes === 1 ? 4 : 1, block = 8 * quad * Math.ceil(columns / quad);
  const moved = (field: string, by: number): Operand => ({ ...(call.params[field] as Operand), offset: (call.params[field] as Operand).offset + by });
  return channels.map((o) => ({
    weights: { rows: 1, K: KH * KW * Cg, groups: one, call, weights: moved("w", bytes * ((o >> 3) * block + (o & 7) * quad)), moves, bytes, picked: false },
    b: moved("b", 4 * o), ...(bytes === 1 && { m: moved("m", 4 * o) }),
  }));
}

/** Packed rows as the kernel of a product reads them, of so many columns. */
function matrix(s: Stored, call: KernelCall, O: number, [KH, KW, Cg]: readonly [number, number, number], groups: Groups, dilation: number): { moves: Move[][]; bytes: 1 | 4; columns: number } {
  const K = KH * KW * Cg;
  if (call.kernel === "denseF32" || call.kernel === "conv2dF32") return { moves: [columnsOf8(groups, K)], bytes: 4, columns: K };
  if (call.kernel === "denseI8") return { moves: [quadsOf8(groups, K)], bytes: 1, columns: K };
  if (call.kernel !== "conv2dI8") return refuse(s, `the kernel ${call.kernel} has no place for trained weights`);
  const { run, padded: wide, count, K: columns } = runsOf({ KH, KW, Cg, groups: groups.G }, dilation);
  return { moves: run === wide && columns === K ? [quadsOf8(groups, K)] : [runs(O, count, run, wide, columns), quadsOf8(groups, columns)], bytes: 1, columns };
}

/** A call per remainder of the output position modulo the stride, each with its taps. */
function transposed(s: Stored, p: Parameter, node: Node<"convTranspose2d">): Place[] {
  const [O, KH, KW, Cg] = windowOf(p), groups = { G: node.attributes.groups, H: O / node.attributes.groups }, y = s.graph.tensors.get(node.outputs[0]!)!.shape;
  const phases = (isInteger(s) ? transposedTapsI8 : transposedTaps)(node.attributes, [KH, KW], y);
  return products(s).map((call, i) => {
    const { rows, columns, dilation } = phases[i]!, taps = rows.flatMap((u) => columns.map((v) => (u < 0 || v < 0 ? -1 : u * KW + v)));
    const { moves, bytes } = matrix(s, call, O, [rows.length, columns.length, Cg], groups, dilation);
    return { rows: O, K: taps.length * Cg, groups, call, weights: call.params.w as Operand, moves: [tapsOf(O, KH * KW, Cg, taps), ...moves], bytes, picked: true };
  });
}

function recurrent(s: Stored, p: Parameter): Place {
  const { gates, step } = stepsOf(s, p.direction), call = p.role === "weight" ? gates : step, H = (s.node as Node<"lstm">).attributes.hidden, groups = { G: p.shape[0]! / H, H }, K = p.shape[1]!;
  const bytes = isInteger(s) ? 1 : 4, weights = (p.role === "weight" ? gates.params.w : step.params.r) as Operand;
  return { rows: p.shape[0]!, K, groups, call, weights, moves: [bytes === 1 ? quadsOf8(groups, K) : columnsOf8(groups, K)], bytes, picked: false };
}

/** [O,KH,KW,C/groups] */
const windowOf = ({ shape }: Parameter): [number, number, number, number] => (shape.length === 2 ? [shape[0]!, 1, 1, shape[1]!] : shape) as [number, number, number, number];

/** Where inference adds a bias, in floats; `moves` pad it as its weights are. */
export function biasPlaces(s: Stored, p: Parameter): { at: Operand; moves: Move[] }[] {
  if (s.node.op === "lstm" || s.node.op === "gru" || s.node.op === "rnn") {
    const { gates, step } = stepsOf(s, p.direction), H = s.node.attributes.hidden;
    return [{ at: (p.role === "bias" ? gates.params.b : step.params.rb) as Operand, moves: padded({ G: p.shape[0]! / H, H }) }];
  }
  const O = p.shape[0]!, G = s.node.op === "conv2d" || s.node.op === "convTranspose2d" ? s.node.attributes.groups : 1;
  return products(s).map((call) => ({ at: call.params.b as Operand, moves: call.kernel === "depthwiseF32" ? plain(O) : padded({ G, H: O / G }) }));
}

/** Rows in the order of the graph → as the kernel reads them. */
export function packInto(c: LoweringContext, place: Place, from: Operand): void {
  const { moves, bytes, weights } = place;
  moves.forEach((stage, i) => {
    const to = i === moves.length - 1 ? weights : zeroed(c, stage, place);
    pack(c, stage, bytes, from, to);
    from = to;
  });
}

/** Back; taps that this place does not hold stay as they are at `to`. */
export function unpackFrom(c: LoweringContext, place: Place, to: Operand): void {
  const { moves, bytes, weights } = place;
  let from = weights;
  for (let i = moves.length - 1; i >= 0; i--) {
    const next = i === 0 ? to : zeroed(c, moves[i - 1]!, place);
    unpack(c, moves[i]!, bytes, from, next);
    from = next;
  }
}

/** Room for rows as a stage leaves them, padding zero; a place without taps has columns of zeros. */
function zeroed(c: LoweringContext, stage: readonly Move[], { rows, bytes, K }: Place): Operand {
  const n = rows * (stage[0]?.packed.strides[0] ?? K), at = c.scratch(n * bytes);
  c.call("fill", { y: at, n, bytes, bits: 0 }, ["y"]);
  return at;
}
