/** Ranges → scale and zero point of every integer activation. */
import { tensorOf, type Graph, type Node, type Quantization } from "../ir/graph.ts";
import type { Ranges } from "./calibrate.ts";
import { extentOf } from "./constants.ts";
import { activationInputs, keepsScale } from "./integer-ops.ts";
import { boundsOf, perTensor, quantizationOf, type ActivationType, type Bounds } from "./integers.ts";
import { usefulRanges, type Tables } from "./pointwise.ts";

/** Outputs whose range is known beforehand, as in TFLite's specification. */
const fixed: Partial<Record<Node["op"], Record<ActivationType, Quantization>>> = {
  softmax: { int8: perTensor(1 / 256, -128), int16: perTensor(1 / 32768, 0) },
  sigmoid: { int8: perTensor(1 / 256, -128), int16: perTensor(1 / 32768, 0) },
  tanh: { int8: perTensor(1 / 128, 0), int16: perTensor(1 / 32768, 0) },
  logSoftmax: { int8: perTensor(16 / 256, 127), int16: perTensor(16 / 32768, 0) },
};

/** A hidden state is an output gate times an activation: with tanh it lies in (−1, 1). */
const hiddenState = perTensor(1 / 128, 0);

/** Sets of tensors that share a scale. */
class Groups {
  private readonly parent = new Map<string, string>();

  of(name: string): string {
    for (let parent = this.parent.get(name); parent !== undefined; parent = this.parent.get(name)) {
      const next = this.parent.get(parent);
      if (next !== undefined) this.parent.set(name, next);
      name = parent;
    }
    return name;
  }

  join(a: string, b: string): void {
    const from = this.of(a), to = this.of(b);
    if (from !== to) this.parent.set(from, to);
  }
}

export interface ScaleOptions { type: ActivationType; tables: Tables; integer: ReadonlySet<Node> }

/** Quantization of every tensor in `members`, and of the constants that share theirs. */
export function chooseScales(graph: Graph, ranges: Ranges, members: readonly string[], options: ScaleOptions): Map<string, Quantization> {
  const groups = shareScales(graph, members, options), own = fixedScales(graph, options);
  const bounds = new Map<string, Bounds>(), useful = usefulRanges(graph, options.tables, 256), shared = new Map<string, Quantization>();
  for (const name of members) widen(bounds, groups.of(name), tensorBounds(graph, ranges, name, own, options.type, useful));
  for (const { hidden, initial } of initialStates(graph, ranges, options.integer)) if (bounds.has(groups.of(hidden))) widen(bounds, groups.of(hidden), initial);
  for (const name of members) {
    const root = groups.of(name), known = own.get(name);
    if (known && !shared.has(root) && holds(boundsOf(known, options.type), bounds.get(root)!)) shared.set(root, known);
  }
  return new Map(members.map((name) => [name, shared.get(groups.of(name)) ?? quantizationOf(bounds.get(groups.of(name))!, options.type)]));
}

function shareScales(graph: Graph, members: readonly string[], { integer, type }: ScaleOptions): Groups {
  const groups = new Groups(), known = new Set(members);
  for (const node of integer) {
    if (!keepsScale(node) && !(type === "int16" && node.op === "averagePool2d")) continue;
    for (const i of activationInputs(node)) if (known.has(node.inputs[i]!)) groups.join(node.inputs[i]!, node.outputs[0]!);
  }
  for (const { input, output } of graph.states) if (known.has(input) && known.has(output)) groups.join(input, output);
  return groups;
}

function fixedScales(graph: Graph, { type, integer, tables }: ScaleOptions): Map<string, Quantization> {
  const own = new Map<string, Quantization>();
  for (const node of graph.nodes) {
    const known = fixed[node.op]?.[type];
    if (known && (integer.has(node) || tables.has(node.outputs[0]!))) own.set(node.outputs[0]!, known);
    if (integer.has(node) && isBounded(node) && node.outputs[0]) own.set(node.outputs[0], hiddenState);
  }
  return own;
}

/** The products of the first step see an initial state as the hidden state is held: it must fit. */
function initialStates(graph: Graph, ranges: Ranges, integer: ReadonlySet<Node>): { hidden: string; initial: Bounds }[] {
  return [...integer].flatMap((node) => {
    const [hidden, h0] = [node.outputs[0], node.inputs[4]];
    if (!["lstm", "gru", "rnn"].includes(node.op) || !hidden || !h0) return [];
    const { data } = tensorOf(graph, h0), seen = ranges.get(h0)?.histogram;
    return data ? [{ hidden, initial: extentOf(data) }] : seen ? [{ hidden, initial: [seen.min, seen.max] as Bounds }] : [];
  });
}

/** Without an initial state beyond it the hidden state cannot leave (−1, 1). */
function isBounded(node: Node): boolean {
  const within = (fn: string) => ["tanh", "sigmoid", "hardSigmoid", "softsign"].includes(fn);
  if (node.op === "lstm") return node.attributes.activations.every((a, i) => i % 3 === 1 || within(a.fn));
  return (node.op === "gru" || node.op === "rnn") && node.attributes.activations.every((a) => within(a.fn));
}

function tensorBounds(graph: Graph, ranges: Ranges, name: string, own: Map<string, Quantization>, type: ActivationType, useful: ReturnType<typeof usefulRanges>): Bounds {
  const known = own.get(name);
  if (known) return boundsOf(known, type);
  const tensor = tensorOf(graph, name);
  if (tensor.data) return extentOf(tensor.data);
  const { low, high } = ranges.get(name)!;
  return useful(name, [low, high]);
}

function widen(bounds: Map<string, Bounds>, key: string, [low, high]: Bounds): void {
  const [from, to] = bounds.get(key) ?? [low, high];
  bounds.set(key, [Math.min(from, low), Math.max(to, high)]);
}

const holds = ([low, high]: Bounds, [from, to]: Bounds) => low <= from && to <= high;
