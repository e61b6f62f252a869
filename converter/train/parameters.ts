/** What can be trained, and what the user chose of it. */
import { modelError } from "../ir/error.ts";
import { isConstant, sizeOf, tensorOf, type Graph, type Node } from "../ir/graph.ts";
import type { OpName } from "../ir/ops.ts";
import { runsText } from "../ir/runs.ts";
import { dependents } from "../differentiate/index.ts";

/** What a parameter is to its layer; recurrent layers have some of them per direction. `activation`: the scale of its result, where that moves. */
export type Role = "weight" | "recurrent" | "bias" | "recurrentBias" | "scale" | "shift" | "table" | "activation";

/** A trainable tensor of the training graph, or weights of a frozen layer there: float32, in the order that its operator reads. */
export interface Parameter {
  /** LAYER/role, unique. */
  name: string;
  layer: string;
  role: Role;
  shape: number[];
  /** Of a recurrent layer. */
  direction: number;
  /** Where only some output channels are trained: these, and the shape of all weights. */
  part?: { channels: Channels; whole: number[] };
  /** Scale per row of the integers that the file holds; absent where it holds floats. */
  scale?: string;
  /** Largest integer of such a row: 127, or 63. */
  limit?: number;
}

/** @param direction 1: the second one of a recurrent layer */
export const parameterName = (layer: string, role: Role, direction: number): string => `${layer}/${role}${direction ? " reverse" : ""}`;

/** Output channels of a layer, ascending. */
export type Channels = readonly number[];
/** "conv/weight 3,8:16": channels 3 and 8 … 15 */
export const partName = (name: string, channels: Channels): string => `${name} ${runsText(channels)}`;

/** What is trained of each layer that is: all, its biases, or weights and biases of some output channels. */
export type Choice = ReadonlyMap<string, "all" | "bias" | Channels>;

export const chosen = (choice: Choice, layer: string, role: Role): boolean =>
  choice.get(layer) === "all" || (choice.get(layer) === "bias" && (role === "bias" || role === "recurrentBias"));

/** The channels of a layer that are trained, where these are not all or none. */
export function channelsOf(choice: Choice, layer: string): Channels | undefined {
  const what = choice.get(layer);
  return typeof what === "object" ? what : undefined;
}

/** Layers with weights of their own. */
const layered = new Set<OpName>(["conv2d", "convTranspose2d", "dense", "lstm", "gru", "rnn"]);

/** y = x · scale, x + shift, prelu(x, slope): what is left of normalizations behind a layer, in floats. */
const affine = new Map<OpName, Role>([["mul", "scale"], ["add", "shift"], ["prelu", "scale"]]);

/** Names of the layers that can be trained, first to last. */
export function trainableLayers(graph: Graph): string[] {
  const weighted = graph.nodes.filter((n) => hasWeights(graph, n)), behind = dependents(graph.nodes, weighted.flatMap((n) => n.outputs.filter(Boolean)));
  return graph.nodes.filter((n) => weighted.includes(n) || (affineOf(graph, n) && n.inputs.some((x) => behind.has(x)))).map((n) => n.name);
}

function hasWeights(graph: Graph, node: Node): boolean {
  if (layered.has(node.op)) return isConstant(graph, node.inputs[1]!);
  return node.op === "gather" && isConstant(graph, node.inputs[0]!) && node.attributes.axis === 0 && tensorOf(graph, node.inputs[0]!).dtype === "float32";
}

/** The constant of such an operator, which operand it is, and what it is called. */
export function affineOf(graph: Graph, node: Node): { operand: number; role: Role } | undefined {
  const role = affine.get(node.op), operand = node.inputs.findIndex((x) => x && isConstant(graph, x));
  if (!role || operand < 0 || tensorOf(graph, node.outputs[0]!).dtype !== "float32") return undefined;
  const { dtype, shape } = tensorOf(graph, node.inputs[operand]!);
  return dtype === "float32" && sizeOf(shape) > 1 ? { operand, role } : undefined;
}

/**
 * @param wanted "last", "all", or names separated by commas; a name may be the beginning of one, up to a "/" or "."
 * @throws OctavoError ERR_OCTAVO_SHAPE naming the layers that there are
 */
export function chooseLayers(graph: Graph, wanted: string | readonly string[]): Choice {
  const all = trainableLayers(graph);
  if (!all.length) throw modelError("ERR_OCTAVO_SHAPE", graph.format, `model "${graph.name}"`, "it has no layer with weights", "Nothing can be trained.");
  const names = wanted === "all" ? all : wanted === "last" ? all.slice(-1) : (typeof wanted === "string" ? wanted.split(",") : wanted).flatMap((name) => named(graph, all, name.trim()));
  return new Map(names.map((name) => [name, "all"]));
}

function named(graph: Graph, all: readonly string[], name: string): string[] {
  const found = all.includes(name) ? [name] : all.filter((l) => l.startsWith(`${name}/`) || l.startsWith(`${name}.`) || l.split("/").includes(name));
  if (found.length) return found;
  throw modelError("ERR_OCTAVO_SHAPE", graph.format, `--trainable "${name}"`, `no such layer; trainable are ${all.map((l) => `"${l}"`).join(", ")}`, 'Name one of them, "last" or "all".');
}
