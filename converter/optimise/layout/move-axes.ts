/**
 * Operators whose meaning is per axis, under a view: op(view(x)) = view'(op'(x)). The table gives the attributes of op'
 * and how its axes are shown afterwards, or undefined where op' cannot be said.
 */
import type { Node } from "../../ir/graph.ts";
import { reduceOps, type OpAttributes, type OpName } from "../../ir/ops.ts";
import type { View } from "./view.ts";

export interface Moved { attributes: unknown; map: number[] }
type Mover<K extends OpName> = (a: OpAttributes[K], v: View, node: Node<K>, rankOf: (name: string) => number) => Moved | undefined;

/** op' of `node`, whose first operand is shown by `view`. */
export function moveAxes(node: Node, view: View, rankOf: (name: string) => number): Moved | undefined {
  const mover = movers[node.op] as Mover<OpName> | undefined;
  return mover?.(node.attributes, view, node as never, rankOf);
}

const oneAxis = (a: { axis: number }, { map }: View): Moved | undefined => (map[a.axis]! < 0 ? undefined : { attributes: { ...a, axis: map[a.axis]! }, map });

function axes(a: { axes: number[]; keepDims?: boolean }, { map }: View): Moved | undefined {
  const moved = a.axes.map((k) => map[k]!);
  if (moved.includes(-1)) return undefined;
  return { attributes: { ...a, axes: moved }, map: a.keepDims === false ? without(map, a.axes) : map };
}

/** The map when axes `dropped` of y are gone, and with them the axes of x that they show. */
function without(map: readonly number[], dropped: readonly number[]): number[] {
  const gone = dropped.map((k) => map[k]!);
  return map.filter((_, k) => !dropped.includes(k)).map((m) => m - gone.filter((g) => g >= 0 && g < m).length);
}

const argument = (a: OpAttributes["argMax"], v: View): Moved | undefined => {
  const moved = axes({ axes: [a.axis], keepDims: a.keepDims }, v);
  return moved && { attributes: { ...a, axis: v.map[a.axis]! }, map: moved.map };
};

/** A list with one entry per axis; `neutral` for axes of x that y does not show. Undefined where an entry has no axis to go to. */
function perAxis(values: readonly number[], view: View, neutral: (axis: number) => number, isNeutral: (value: number) => boolean): number[] | undefined {
  const { map, xShape } = view;
  if (map.some((m, k) => m < 0 && !isNeutral(values[k]!))) return undefined;
  const shown = xShape.map((_, axis) => map.indexOf(axis));
  return shown.map((k, axis) => (k < 0 ? neutral(axis) : values[k]!));
}

function slice(a: OpAttributes["slice"], v: View): Moved | undefined {
  const starts = perAxis(a.starts, v, () => 0, (s) => s === 0), sizes = perAxis(a.sizes, v, () => 1, (s) => s === 1);
  const steps = perAxis(a.steps, v, () => 1, () => true);
  return starts && sizes && steps && { attributes: { starts, sizes, steps }, map: v.map };
}

function pad(a: OpAttributes["pad"], v: View): Moved | undefined {
  const zero = (n: number) => n === 0, before = perAxis(a.before, v, () => 0, zero), after = perAxis(a.after, v, () => 0, zero);
  return before && after && { attributes: { ...a, before, after }, map: v.map };
}

function tile(a: OpAttributes["tile"], v: View): Moved | undefined {
  const repeats = perAxis(a.repeats, v, () => 1, (r) => r === 1);
  return repeats && { attributes: { repeats }, map: v.map };
}

function expand(a: OpAttributes["expand"], v: View): Moved | undefined {
  if (a.shape.length !== v.map.length) return undefined;
  const shape = perAxis(a.shape, v, () => 1, (d) => d === 1);
  return shape && { attributes: { shape }, map: v.map };
}

/** Indices of rank r take the place of one axis. */
function gather(a: OpAttributes["gather"], { map }: View, node: Node<"gather">, rankOf: (name: string) => number): Moved | undefined {
  const r = rankOf(node.inputs[1]!), place = map[a.axis]!;
  if (place < 0) return undefined;
  const shifted = (m: number) => (m > place ? m + r - 1 : m), indices = Array.from({ length: r }, (_, j) => place + j);
  return { attributes: { axis: place }, map: [...map.slice(0, a.axis).map(shifted), ...indices, ...map.slice(a.axis + 1).map(shifted)] };
}

/** The last axis stays the last. */
const dense = (a: OpAttributes["dense"], { map, op }: View): Moved | undefined =>
  (op === "transpose" && map.at(-1) === map.length - 1 ? { attributes: a, map } : undefined);

const movers: { [K in OpName]?: Mover<K> } = {
  ...(Object.fromEntries(reduceOps.map((op) => [op, axes])) as Record<(typeof reduceOps)[number], typeof axes>),
  softmax: oneAxis, logSoftmax: oneAxis, batchNorm: oneAxis, cumSum: oneAxis, resample: oneAxis,
  normalize: axes, argMax: argument, argMin: argument, slice, pad, tile, expand, gather, dense,
};
