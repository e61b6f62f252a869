/** Graph (float or quantized) → model file: lower, plan, write. */
import { withFloatBorders } from "./borders.ts";
import { bytesOf, sizeOf, tensorOf, type Graph, type Node, type Tensor } from "./ir/graph.ts";
import type { Program, Rounding } from "./lower/context.ts";
import { lower } from "./lower/index.ts";
import { integersToFloat } from "./lower/integers-to-float.ts";
import { planArena, type Arena } from "./plan/arena.ts";
import { lifetimes, resolve } from "./plan/lifetimes.ts";
import { trainingParts, type TrainingInfo } from "./train/programs.ts";
import type { TrainingPlan } from "./train/plan.ts";
import { writeModelFile, type Port, type Raw } from "./write/model-file.ts";

/** As sdk/model-file.ts reads it. */
interface LayerInfo { name: string; op: string; kernel: string; macs: number; outputs?: { name?: string; at: number; size: number }[] }

export interface CompileOptions {
  rounding?: Rounding;
  /** Merged into the metadata that tools and applications read. */
  metadata?: Record<string, unknown>;
  /** Programs that train some layers; `graph` is the source, its prefix first. */
  training?: { plan: TrainingPlan; prefix: ReadonlySet<string> };
}

export interface Compiled {
  model: Uint8Array;
  /** The graph that was lowered, borders included. */
  graph: Graph;
  program: Program;
  arena: Arena;
  training?: TrainingInfo;
}

/** @throws OctavoError ERR_OCTAVO_OPERATOR for operators without a kernel */
export async function compile(source: Graph, options: CompileOptions = {}): Promise<Compiled> {
  const { graph, leading, trailing } = withFloatBorders(integersToFloat(source)), program = lower(graph, options.rounding, trailing, { owned: new Set(options.training?.plan.parameters.map((p) => p.layer)) });
  const states = new Set(graph.states.map((s) => s.input));
  const spans = lifetimes(program, graph.inputs, graph.outputs).filter((s) => !states.has(s.id)), arena = planArena(spans);
  const ends = borderCalls(graph.nodes, program, leading, trailing), scales = scaleTable(graph);
  const training = options.training && trainingParts(options.training.plan, { graph, program, scales: scales.places, prefix: new Set([...options.training.prefix, ...graph.nodes.slice(0, leading).map((n) => n.name)]) });
  const model = await writeModelFile({
    program, buffers: arena.buffers, arenaBytes: arena.bytes, body: ends, scales: scales.values,
    states: graph.states.map((s) => ({ tensor: s.input, bytes: bytesIn(tensorOf(graph, s.input)), ...(s.initial.some((v) => v !== 0) && { initial: initialOf(program, s.initial) }) })),
    inputs: graph.inputs.map((name) => port(graph, name, graph.nodes.slice(0, leading), "input")),
    outputs: graph.outputs.map((name) => port(graph, name, graph.nodes.slice(graph.nodes.length - trailing), "output")),
    metadata: { ...describe(graph, program, arena), tensors: scales.tensors, rounding: options.rounding ?? "fast", ...(training && { training: training.info }), ...options.metadata },
    ...(training && { training: training.parts }),
  });
  return { model, graph, program, arena, ...(training && { training: training.info }) };
}

const bytesIn = (t: Tensor) => sizeOf(t.shape) * bytesOf(t.dtype);

function initialOf(program: Program, data: ArrayBufferView): { kind: "constant"; id: string; offset: number } {
  const id = `initial ${program.constants.size}`;
  program.constants.set(id, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return { kind: "constant", id, offset: 0 };
}

/** The calls between those of the border nodes. */
function borderCalls(nodes: readonly Node[], program: Program, leading: number, trailing: number): { first: number; end: number } {
  const names = (part: readonly Node[]) => new Set(part.map((n) => n.name));
  const count = (part: Set<string>) => program.calls.filter((c) => part.has(c.node)).length;
  return { first: count(names(nodes.slice(0, leading))), end: program.calls.length - count(names(trailing ? nodes.slice(-trailing) : [])) };
}

function port(graph: Graph, name: string, borders: readonly Node[], side: "input" | "output"): Port {
  const tensor = tensorOf(graph, name), border = borders.filter((n) => (side === "input" ? n.inputs[0] : n.outputs[0]) === name);
  const raw = border.length === 1 ? rawOf(tensorOf(graph, side === "input" ? border[0]!.outputs[0]! : border[0]!.inputs[0]!)) : undefined;
  const itself: Raw | undefined = tensor.dtype === "float32" ? undefined : { tensor: name, dtype: tensor.dtype, scale: 1, zeroPoint: 0 };
  const integers = raw ?? itself;
  return { tensor: name, dtype: tensor.dtype, bytes: bytesIn(tensor), ...(integers && { raw: integers }) };
}

const rawOf = (t: Tensor): Raw | undefined => t.quantization && { tensor: t.name, dtype: t.dtype, scale: t.quantization.scale[0]!, zeroPoint: t.quantization.zeroPoint[0]! };

/** Scales and zero points of all quantized tensors, flat, and where each tensor's begin. */
function scaleTable(graph: Graph): { values: Float32Array; tensors: object[]; places: Map<string, number> } {
  const values: number[] = [], tensors: object[] = [], places = new Map<string, number>();
  for (const t of graph.tensors.values()) {
    if (!t.quantization || t.data) continue;
    places.set(t.name, values.length);
    tensors.push({ name: t.name, shape: t.shape, dtype: t.dtype, axis: t.quantization.axis, at: values.length, count: t.quantization.scale.length });
    values.push(...t.quantization.scale, ...t.quantization.zeroPoint);
  }
  return { values: Float32Array.from(values), tensors, places };
}

/** What inspect, profile and run need to know of the model. */
function describe(graph: Graph, program: Program, arena: Arena): Record<string, unknown> {
  const ports = (names: readonly string[]) => names.map((name) => ({ name, shape: tensorOf(graph, name).shape, layout: graph.layouts[name] ?? "" }));
  return {
    name: graph.name, format: graph.format, precision: [...graph.tensors.values()].some((t) => t.quantization) ? "int8" : "float32", inputs: ports(graph.inputs), outputs: ports(graph.outputs),
    states: graph.states.map((s) => ({ name: s.input, shape: tensorOf(graph, s.input).shape, next: s.output })),
    layers: layersOf(graph, program, arena),
    arena: { bytes: arena.bytes, largestLive: arena.lowerBound },
  };
}

/** A row per kernel call; with a node's last call its outputs and where in the arena they lie then, for `octavo compare`. */
function layersOf(graph: Graph, program: Program, arena: Arena): LayerInfo[] {
  const nodes = new Map(graph.nodes.map((n) => [n.name, n])), last = new Map(program.calls.map((c, i) => [c.node, i])), places = new Map(arena.buffers.map((b) => [b.id, b.offset]));
  const outputs = (node: Node) => node.outputs.filter(Boolean).flatMap((name) => {
    const { id, offset } = resolve(program, name), at = places.get(id);
    return at === undefined ? [] : [{ ...(name !== node.name && { name }), at: at + offset, size: sizeOf(tensorOf(graph, name).shape) }];
  });
  return program.calls.map((c, i) => {
    const node = nodes.get(c.node);
    return { name: c.node, op: node?.op ?? "state", kernel: c.kernel, macs: c.macs, ...(node && last.get(c.node) === i && { outputs: outputs(node) }) };
  });
}
