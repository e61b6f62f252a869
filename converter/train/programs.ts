/** The graph of a training step → the programs train, commit and start of a model file, and the memory that they need. */
import { bytesOf, sizeOf, tensorOf, type Graph } from "../ir/graph.ts";
import { LoweringContext, type KernelCall, type Operand, type Program } from "../lower/context.ts";
import { lower } from "../lower/index.ts";
import { planArena, type Arena } from "../plan/arena.ts";
import { lifetimes } from "../plan/lifetimes.ts";
import type { TrainingParts, TrainingProgram } from "../write/model-file.ts";
import { optimizers, slotsOf } from "./optimizers.ts";
import { gradientOf, type TrainingPlan } from "./plan.ts";
import { frozenAsStored } from "./frozen.ts";
import { rowCalls } from "./rows.ts";
import { movingScales, type Moving } from "./moving.ts";
import type { Parameter } from "./parameters.ts";
import { isInteger, storedLayer, type Stored } from "./places.ts";
import { commit, constantOf, isSecond, start, storedBias } from "./storage.ts";

/** Inference, compiled: what training reads of it. */
export interface Inference {
  graph: Graph;
  program: Program;
  /** Names of the nodes before the first trainable layer. */
  prefix: ReadonlySet<string>;
  /** Where in the table of scales that of a tensor stands. */
  scales: ReadonlyMap<string, number>;
}

/** What tools and the SDK need to know of training: `training` in the metadata. */
export interface TrainingInfo {
  /** `batch` rows make a step, `part` of them are computed at a time. */
  loss: string; labels: string; lossParameter: number; optimizer: string; batch: number; part: number; layers: string[];
  parameters: { name: string; shape: number[]; at: number; size: number }[];
  count: number; slots: number;
  outputs: { name: string; shape: number[]; activation: string }[];
  memory: { state: number; arena: number; total: number };
  /** Multiply-accumulates of one step. */
  macs: number;
}

const HYPER_BYTES = 64;
const align = (n: number, to: number) => Math.ceil(n / to) * to;

interface Places { places: { name: string; shape: number[]; at: number; size: number }[]; count: number; learned: number }

/** Offsets into masters, in floats: every parameter starts at a whole vector; behind the `learned` ones, which the optimizer moves, scales of activations. */
function placeParameters(plan: TrainingPlan): Places {
  let at = 0;
  const place = ({ name, shape }: Parameter) => {
    const own = { name, shape, at, size: sizeOf(shape) };
    at = align(at + own.size, 4);
    return own;
  };
  const learned = plan.parameters.filter((p) => !follows(p)).map(place), end = at;
  return { places: [...learned, ...plan.parameters.filter(follows).map(place)], count: at, learned: end };
}

const follows = (p: Parameter): boolean => p.role === "activation";

export function trainingParts(plan: TrainingPlan, inference: Inference): { parts: TrainingParts; info: TrainingInfo } {
  const { places, count, learned } = placeParameters(plan), slots = slotsOf(plan.optimizer), stateBytes = HYPER_BYTES + 4 * count * (2 + slots);
  const state = (block: number, offset = 0): Operand => ({ kind: "state", id: "", offset: HYPER_BYTES + 4 * (block * count + offset) });
  const bound = new Map<string, Operand>([...places.map((p): [string, Operand] => [p.name, state(0, p.at)]), ...places.map((p): [string, Operand] => [gradientOf(p.name), state(1, p.at)]),
    ...plan.parameters.flatMap((p): [string, Operand][] => (p.scale ? [[p.scale, constantOf(p.scale)]] : []))]);
  const inputs = hostInputs(plan, inference), moving = movingScales(inference.graph, plan.choice), { forward, macs, ...train } = trainProgram(plan, inference, moving, inputs, bound, updateCalls(state, { count, learned, slots }));
  const programs = [train, ...storagePrograms(plan, inference, bound, moving)], arenaBytes = Math.max(...programs.map((p) => p.arena.bytes));
  const at = (name: string): Operand => ({ kind: "tensor", id: name, offset: 0 }), bytes = (name: string) => 4 * sizeOf(tensorOf(plan.graph, name).shape);
  const { labels, weights, loss, prediction } = plan.names;
  const classes = plan.loss.labels === "index" ? tensorOf(plan.graph, prediction).shape.at(-1)! : 0;
  const io = [inputs.length, ...inputs.flatMap((i) => [at(i.id), i.bytes]), 1, at(prediction), bytes(prediction)], optimizer = optimizers.indexOf(plan.optimizer);
  const info = [state(0), state(1), count, slots, plan.part, optimizer, classes, forward, at(labels), bytes(labels), at(weights), at(loss), ...io];
  return {
    parts: { programs: programs.map(({ arena, ...p }) => ({ ...p, buffers: arena.buffers })), stateBytes, arenaBytes, info, batch: plan.batch, cells: cells(moving, inference, bound) },
    info: {
      loss: plan.loss.kind, labels: plan.loss.labels, lossParameter: plan.loss.parameter, optimizer: plan.optimizer, batch: plan.batch, part: plan.part, layers: [...new Set(plan.parameters.map((p) => p.layer))],
      parameters: places, count, slots, outputs: [{ name: inference.graph.outputs[0]!, shape: tensorOf(inference.graph, inference.graph.outputs[0]!).shape, activation: plan.head.activation }],
      memory: { state: stateBytes, arena: arenaBytes, total: align(stateBytes, 16) + arenaBytes }, macs,
    },
  };
}

type Planned = Omit<TrainingProgram, "buffers"> & { arena: Arena };

/** What the host fills in: every input of the model for the rows of a part. `id`: a buffer of the train program */
export interface HostInput { name: string; id: string; bytes: number }

function hostInputs(plan: TrainingPlan, { graph }: Inference): HostInput[] {
  const direct = new Set(plan.boundaries.filter((b) => b.isInput).map((b) => b.name));
  return graph.inputs.map((name) => {
    const bytes = plan.part * sizeOf(tensorOf(graph, name).shape) * bytesOf(tensorOf(graph, name).dtype);
    return { name, id: direct.has(name) ? name : `batch of ${name}`, bytes };
  });
}

/** Rows of the frozen prefix, the suffix forward and backward, the update. */
function trainProgram(plan: TrainingPlan, inference: Inference, moving: Moving, inputs: readonly HostInput[], bound: ReadonlyMap<string, Operand>, update: readonly KernelCall[]): Planned & { forward: number; macs: number } {
  const { graph, stored } = frozenAsStored(plan, inference), program = lower(keeping(graph, plan), "fast", 0, { stored }), rows = rowCalls(plan, inference, moving, inputs, program);
  const loss = new Set(graph.nodes.slice(0, graph.nodes.findIndex((n) => n.op === "loss") + 1).map((n) => n.name));
  const calls = [...rows, ...program.calls, ...update], forward = rows.length + program.calls.filter((c) => loss.has(c.node)).length, first = calls.length - update.length;
  const filled = [...inputs.map((i) => i.id), plan.names.labels, plan.names.weights];
  const ordered: Program = { ...program, calls: calls.map((c) => ("kernel" in c ? c : waiting)) };
  const spans = lifetimes(ordered, filled, [plan.names.loss, plan.names.prediction]).filter((s) => !bound.has(s.id));
  const work = (part: typeof calls) => part.reduce((n, c) => n + ("kernel" in c ? c : inference.program.calls[c.inference]!).macs, 0), macs = (plan.batch / plan.part) * work(calls.slice(0, first)) + work(update as typeof calls);
  return { kind: "train", calls, first, end: calls.length, program, arena: planArena(spans), bound, forward, macs };
}

/** In place of a call of inference, which uses no buffer of training. */
const waiting: KernelCall = { kernel: "fill", params: {}, reads: [], writes: [], node: "", macs: 0 };

/** What the host fills in, and parameters, may not be overwritten by what reads them last; gradients are added to where they stand. */
function keeping(graph: Graph, { parameters }: TrainingPlan): Graph {
  const sums = new Set(parameters.map((p) => gradientOf(p.name)));
  return { ...graph, outputs: [...new Set([...graph.outputs, ...graph.inputs.filter((name) => !sums.has(name))])] };
}

/** The optimizer's step, then that of scales. */
function updateCalls(state: (block: number, offset?: number) => Operand, { count, learned, slots }: { count: number; learned: number; slots: number }): KernelCall[] {
  const hyper: Operand = { kind: "state", id: "", offset: 0 }, slot = (i: number) => (i < slots ? state(2 + i) : 0), common = { reads: [], writes: [], node: "optimizer" };
  const step: KernelCall = { ...common, kernel: "optimize", params: { hyper, w: state(0), g: state(1), m: slot(0), v: slot(1), n: learned }, macs: 4 * learned };
  if (count === learned) return [step];
  return [step, { ...common, kernel: "follow", params: { hyper, s: state(0, learned), peak: state(1, learned), n: count - learned }, macs: 0 }];
}

/** Floats of the file that commit sets to the scales that moved: in the table, of what hands them out, of output ports. */
function cells(moving: Moving, { graph, program, scales }: Inference, bound: ReadonlyMap<string, Operand>): TrainingParts["cells"] {
  return [...moving].flatMap(([scale, tensors]) => {
    const from = bound.get(scale)!, readers = graph.nodes.filter((n) => n.op === "dequantize" && tensors.includes(n.inputs[0]!)), names = new Set(readers.map((n) => n.name));
    const calls = program.calls.filter((call) => names.has(call.node) && call.kernel === "dequantize"), outputs = readers.map((n) => graph.outputs.indexOf(n.outputs[0]!)).filter((i) => i >= 0);
    return [...tensors.map((t) => ({ scale: scales.get(t)! })), ...calls.map((call) => ({ call, field: "scale" })), ...outputs.map((output) => ({ output }))].map((to) => ({ to, from }));
  });
}

/** The programs start and commit. */
function storagePrograms(plan: TrainingPlan, { graph, program }: Inference, bound: ReadonlyMap<string, Operand>, moving: Moving): Planned[] {
  const names = new Set(plan.parameters.map((p) => p.layer)), layers = [...names].map((name) => storedLayer(graph, program, name, plan.parameters, plan.frozen.values(), moving));
  const constants = storedConstants(layers, plan);
  return (["start", "commit"] as const).map((kind) => {
    const c = new LoweringContext(plan.graph, "fast");
    for (const layer of layers) (kind === "start" ? start : commit)(layer, c);
    for (const [id, bytes] of constants) c.program.constants.set(id, bytes);
    const { calls } = c.program, spans = lifetimes(c.program, [], []).filter((s) => !bound.has(s.id));
    return { kind, calls, first: calls.length, end: calls.length, program: c.program, arena: planArena(spans), bound };
  });
}

/** Scales of integer rows, and biases as floats: what the file holds beside the weights of inference. */
function storedConstants(layers: readonly Stored[], { initial }: TrainingPlan): [string, Uint8Array][] {
  const bytes = (name: string) => new Uint8Array(initial.get(name)!.slice().buffer);
  return layers.flatMap((layer) => layer.parameters.flatMap((p): [string, Uint8Array][] => {
    if (p.scale) return [[p.scale, bytes(p.scale)]];
    return isInteger(layer) && !isSecond(layer, p) ? [[storedBias(p), bytes(p.name)]] : [];
  }));
}
