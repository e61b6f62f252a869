/**
 * The same graph for N samples at once. Every tensor that depends on the input has one axis of size 1 that counts samples;
 * this pass follows it through the operators and makes it N.
 */
import { OctavoError } from "../ir/error.ts";
import { sizeOf, tensorOf, type Graph, type Node } from "../ir/graph.ts";
import { binaryOps, reduceOps, unaryOps, type Attributes, type OpAttributes, type OpName } from "../ir/ops.ts";

/** The axis of samples; undefined in constants and parameters. */
export type Axis = number | undefined;
/** Of one node: its first result's axis, its attributes for N samples, how its first operand is transposed before, and the axes of its other results where they differ. */
export interface Batched { axis: Axis; attributes?: Attributes; move?: number[]; others?: readonly Axis[] }
type Rule<K extends OpName> = (node: Node<K>, axes: readonly Axis[], shapes: readonly number[][], N: number, out: readonly number[]) => Batched;

/** The axis of samples of an input: its first of size 1. */
export const sampleAxis = (shape: readonly number[]): Axis => (shape.includes(1) ? shape.indexOf(1) : undefined);

/** @throws OctavoError where the samples of a batch would meet, or where this pass does not know */
export function batched(graph: Graph, node: Node, axes: readonly Axis[], N: number): Batched {
  if (axes.every((a) => a === undefined)) return { axis: undefined };
  const rule = rules[node.op] as Rule<OpName> | undefined;
  if (!rule) throw mixed(`samples cannot be told apart in its result`);
  const shapes = node.inputs.map((x) => (x ? tensorOf(graph, x).shape : []));
  return rule(node as never, axes, shapes, N, tensorOf(graph, node.outputs[0]!).shape);
}

const mixed = (problem: string) => new OctavoError("ERR_OCTAVO_OPERATOR", `${problem}.`);
const same: Rule<OpName> = (_, axes) => ({ axis: axes[0] });
const at = (axis: number): Rule<OpName> => (_, axes) => {
  if (axes[0] !== axis) throw mixed(`samples lie along axis ${axes[0]}, expected ${axis}`);
  return { axis };
};
/** Operators that join values along an axis, which may not be that of samples. */
const along = (node: Node<"softmax" | "logSoftmax" | "cumSum" | "batchNorm" | "resample">, axes: readonly Axis[]): Batched => {
  if (node.attributes.axis === axes[0]) throw mixed(`it works along axis ${axes[0]}, that of samples`);
  return { axis: axes[0] };
};

/** Axes are counted from the last one, as NumPy broadcasts. */
const binary: Rule<OpName> = (_, axes, shapes, __, out) => {
  const places = axes.flatMap((axis, i) => (axis === undefined ? [] : [axis + out.length - shapes[i]!.length]));
  if (places.some((p) => p !== places[0])) throw mixed(`samples lie along axes ${axes.join(" and ")}`);
  return { axis: places[0]! };
};

function dense(_: Node<"dense">, axes: readonly Axis[], [x]: readonly number[][]): Batched {
  if (axes[0] === x!.length - 1) throw mixed("it sums over samples");
  return { axis: axes[0] };
}

/** Rows of a, or whole products. */
function matmul(_: Node<"matmul">, axes: readonly Axis[], shapes: readonly number[][], __: number, out: readonly number[]): Batched {
  const [a, b] = axes, rank = out.length;
  if (b === undefined && a !== shapes[0]!.length - 1) return { axis: a! + rank - shapes[0]!.length };
  const places = axes.flatMap((axis, i) => (axis === undefined ? [] : [axis + rank - shapes[i]!.length]));
  if (places.some((p) => p !== places[0] || p >= rank - 2)) throw mixed("it multiplies samples with each other");
  return { axis: places[0]! };
}

/**
 * The axis of samples is the one of size 1 that has as many elements before it as in the operand. Among axes of size 1 a
 * reshape may stand for a transpose: then the samples are moved to where the result has such an axis.
 */
function reshape({ attributes: { shape } }: Node<"reshape">, [axis]: readonly Axis[], [from]: readonly number[][], N: number): Batched {
  const rest = from!.filter((_, i) => i !== axis), free = shape.flatMap((d, i) => (d === 1 ? [i] : [])), before = (s: readonly number[], i: number) => sizeOf(s.slice(0, i));
  const wide = (place: number) => ({ shape: shape.map((d, i) => (i === place ? N : d)) });
  const stays = free.find((i) => before(shape, i) === before(from!, axis!));
  if (stays !== undefined) return { axis: stays, attributes: wide(stays) };
  for (const place of free) {
    const to = Array.from({ length: from!.length }, (_, i) => i).find((i) => before(rest, i) === before(shape, place));
    if (to !== undefined) return { axis: place, attributes: wide(place), move: moved(from!.length, axis!, to) };
  }
  throw mixed(`[${from}] becomes [${shape}], where no axis counts samples`);
}

/** The permutation that takes one axis to another place. */
function moved(rank: number, from: number, to: number): number[] {
  const perm = Array.from({ length: rank }, (_, i) => i).filter((i) => i !== from);
  perm.splice(to, 0, from);
  return perm;
}

function slice({ attributes }: Node<"slice">, [axis]: readonly Axis[], _: unknown, N: number): Batched {
  const set = (values: number[], value: number) => values.map((v, i) => (i === axis ? value : v));
  return { axis, attributes: { starts: set(attributes.starts, 0), steps: set(attributes.steps, 1), sizes: set(attributes.sizes, N) } };
}

function pad({ attributes: { before, after } }: Node<"pad">, [axis]: readonly Axis[]): Batched {
  if (before[axis!] || after[axis!]) throw mixed("it pads the axis of samples");
  return { axis };
}

function concat({ attributes }: Node<"concat">, axes: readonly Axis[]): Batched {
  const axis = axes.find((a) => a !== undefined);
  if (attributes.axis === axis || axes.some((a) => a !== axis)) throw mixed("it joins samples, or samples and constants");
  return { axis };
}

const expand: Rule<"expand"> = ({ attributes: { shape } }, [axis], [x], N) => {
  const place = axis! + shape.length - x!.length;
  if (shape[place] !== 1) throw mixed("it repeats samples");
  return { axis: place, attributes: { shape: shape.map((d, i) => (i === place ? N : d)) } };
};

const tile: Rule<"tile"> = ({ attributes: { repeats } }, [axis]) => {
  if (repeats[axis!] !== 1) throw mixed("it repeats samples");
  return { axis };
};

const reduce: Rule<OpName> = (node, [axis], [x]) => {
  const { axes, keepDims } = node.attributes as OpAttributes["reduceSum"];
  if (axes.includes(axis!)) throw mixed(`it reduces axis ${axis}, that of samples`);
  return { axis: keepDims ? axis : axis! - axes.filter((a) => a < axis! && a < x!.length).length };
};

/** Rows of a table: indices count samples. Columns of data: data do. */
function gather({ attributes }: Node<"gather">, [data, indices]: readonly Axis[], [, i]: readonly number[][]): Batched {
  if (data === undefined) return { axis: attributes.axis + indices! };
  if (indices !== undefined || data === attributes.axis) throw mixed("it selects among samples");
  return { axis: data < attributes.axis ? data : data - 1 + i!.length };
}

/** x or gates [T,N,…] */
const steps = (others: readonly Axis[]): Rule<OpName> => (node, axes, shapes, N, out) => ({ ...at(1)(node, axes, shapes, N, out), others });
/** → y [T,D,N,H], states [D,N,H] */
const layer: Rule<OpName> = (node, axes, shapes, N, out) => ({ ...at(1)(node, axes, shapes, N, out), axis: 2, others: [1, 1] });

const normalize: Rule<"normalize"> = ({ attributes }, [axis]) => {
  if (attributes.axes.includes(axis!)) throw mixed("it normalizes over samples");
  return { axis };
};

const each = <K extends OpName>(names: readonly K[], rule: Rule<OpName>) => Object.fromEntries(names.map((n) => [n, rule])) as Partial<Record<OpName, unknown>>;

const rules: Partial<Record<OpName, unknown>> = {
  ...each(unaryOps, same), ...each(binaryOps, binary), ...each(reduceOps, reduce), ...each(["fakeQuant", "cast", "withChannels"], same),
  ...each(["conv2d", "convTranspose2d", "maxPool2d", "averagePool2d"], at(0)), ...each(["softmax", "logSoftmax", "batchNorm", "resample"], along as Rule<OpName>),
  lstmForward: steps([1, 1, 0]), gruForward: steps([1, 1, 0, 1]), rnnForward: steps([0, 1]), lstm: layer, gru: layer, rnn: layer,
  dense, matmul, reshape, slice, pad, concat, expand, tile, gather, normalize,
  transpose: (({ attributes }, [axis]) => ({ axis: attributes.perm.indexOf(axis!) })) satisfies Rule<"transpose">,
};
