/** What moves elements of any type: reshape, transpose, slice, concat, pad, expand, tile → aliases, copy, fill. */
import { OctavoError } from "../ir/error.ts";
import { isQuantized, quantize } from "../ir/eval/quantize.ts";
import { around, broadcastStrides, stridesOf, walkOver, type Walk } from "../ir/eval/strides.ts";
import { bytesOf, sizeOf, type Node, type Tensor } from "../ir/graph.ts";
import type { LoweringContext, Operand } from "./context.ts";
import { AXES, walkFields } from "./strided.ts";

/** Of tensors, in bytes. */
const ALIGNMENT = 16;

/** Where the walk of one operand starts, and its strides: in elements. */
interface Side { at: Operand; start?: number; strides: readonly number[] }

/** Calls of `copy` for one move: more than six axes are walked by several. */
const MOST_CALLS = 256;

export function copyStrided(c: LoweringContext, shape: readonly number[], bytes: number, x: Side, y: Side): void {
  if (sizeOf(shape) === 0) return;
  const walk = longRows(walkOver(shape, [x.strides, y.strides])), extra = Math.max(0, walk.shape.length - AXES);
  const outer = walk.shape.slice(0, extra), calls = sizeOf(outer);
  if (calls > MOST_CALLS) throw new OctavoError("ERR_OCTAVO_SHAPE", `a move over the axes [${walk.shape.join(",")}], expected at most ${AXES} axes that cannot be joined.`);
  const inner = walkFields({ shape: walk.shape.slice(extra), strides: walk.strides.map((s) => s.slice(extra)) }, ["x", "y"]);
  for (let i = 0; i < calls; i++) {
    const offset = (side: Side, k: number) => bytes * ((side.start ?? 0) + indexAt(outer, walk.strides[k]!, i));
    c.call("copy", { x: shifted(x.at, offset(x, 0)), y: shifted(y.at, offset(y, 1)), bytes, ...inner }, ["y"]);
  }
}

/** Rows that both sides hold without gaps stay; else the longest axis becomes the row. */
function longRows({ shape, strides }: Walk): Walk {
  const last = shape.length - 1, longest = shape.indexOf(Math.max(...shape));
  if (strides.every((s) => s[last] === 1)) return { shape, strides };
  const order = [...shape.keys()].filter((axis) => axis !== longest).concat(longest), reorder = (values: number[]) => order.map((axis) => values[axis]!);
  return { shape: reorder(shape), strides: strides.map(reorder) };
}

const shifted = (at: Operand, bytes: number): Operand => ({ ...at, offset: at.offset + bytes });

function indexAt(shape: readonly number[], strides: readonly number[], flat: number): number {
  let index = 0;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index += (flat % shape[axis]!) * strides[axis]!;
    flat = Math.floor(flat / shape[axis]!);
  }
  return index;
}

/** y = x, read by `strides` from `start`, in the order of y. */
function rearrange(c: LoweringContext, x: string, y: string, strides: readonly number[], start = 0): void {
  const { shape, dtype } = c.tensor(y);
  copyStrided(c, shape, bytesOf(dtype), { at: c.at(x), start, strides }, { at: c.at(y), strides: stridesOf(shape) });
}

export const copyTensor = (c: LoweringContext, x: string, y: string): void => rearrange(c, x, y, stridesOf(c.tensor(y).shape));

/** The same bytes under another name, or a copy where they must stay apart. */
export function reshape(node: Node, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  if (!c.share(y, x)) copyTensor(c, x, y);
}

export function transpose(node: Node<"transpose">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], shape = c.tensor(x).shape, from = stridesOf(shape), { perm } = node.attributes;
  const order = (axes: readonly number[]) => axes.filter((axis) => shape[axis] !== 1).join();
  if (order(perm) === order(shape.map((_, axis) => axis)) && c.share(y, x)) return;
  rearrange(c, x, y, perm.map((p) => from[p]!));
}

/** Where x holds the result without gaps, a view of x. */
export function slice(node: Node<"slice">, c: LoweringContext): void {
  const { starts, steps, sizes } = node.attributes, [x, y] = [node.inputs[0]!, node.outputs[0]!], { shape, dtype } = c.tensor(x), from = stridesOf(shape);
  const start = starts.reduce((sum, s, axis) => sum + s * from[axis]!, 0), offset = bytesOf(dtype) * start, cut = shape.findLastIndex((d, axis) => d !== sizes[axis]);
  const isRun = steps.every((step, axis) => step === 1 || sizes[axis] === 1) && sizeOf(sizes.slice(0, Math.max(0, cut))) === 1;
  if (isRun && offset % ALIGNMENT === 0 && c.share(y, x, offset)) return;
  rearrange(c, x, y, steps.map((step, axis) => step * from[axis]!), start);
}

export function expand(node: Node, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  rearrange(c, x, y, broadcastStrides(c.tensor(x).shape, c.tensor(y).shape));
}

/** Each axis [repeats · size] is walked as [repeats, size], standing still along the repeats. */
export function tile(node: Node<"tile">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], { shape, dtype } = c.tensor(x), pairs = node.attributes.repeats.flatMap((repeat, axis) => [repeat, shape[axis]!]);
  const from = stridesOf(shape).flatMap((stride) => [0, stride]);
  copyStrided(c, pairs, bytesOf(dtype), { at: c.at(x), strides: from }, { at: c.at(y), strides: stridesOf(pairs) });
}

/** Parts that were placed into the result already (place.ts) need no copy. */
export function concat(node: Node<"concat">, c: LoweringContext): void {
  const y = node.outputs[0]!, { axis } = node.attributes, bytes = bytesOf(c.tensor(y).dtype), to = stridesOf(c.tensor(y).shape);
  let start = 0;
  for (const x of node.inputs) {
    const shape = c.tensor(x).shape;
    if (!c.lies(x, y, bytes * start)) copyStrided(c, shape, bytes, { at: c.at(x), strides: stridesOf(shape) }, { at: c.at(y), start, strides: to });
    start += shape[axis]! * to[axis]!;
  }
}

export const pad = (node: Node<"pad">, c: LoweringContext): void => (node.attributes.mode === "constant" ? padConstant : padByIndex)(node, c);

/** Constant padding: the whole result is filled, then x is laid into it. Negative amounts crop x. */
function padConstant(node: Node<"pad">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], { before, after, value } = node.attributes, from = c.tensor(x).shape, to = c.tensor(y);
  const crop = before.map((b) => Math.max(0, -b)), place = before.map((b) => Math.max(0, b));
  const shape = from.map((d, axis) => d - crop[axis]! - Math.max(0, -after[axis]!)), sx = stridesOf(from), sy = stridesOf(to.shape);
  const start = (index: readonly number[], strides: readonly number[]) => index.reduce((sum, i, axis) => sum + i * strides[axis]!, 0);
  if (sizeOf(to.shape) > sizeOf(shape)) fill(c, y, value);
  copyStrided(c, shape, bytesOf(to.dtype), { at: c.at(x), start: start(crop, sx), strides: sx }, { at: c.at(y), start: start(place, sy), strides: sy });
}

/** Which element of an axis of `size` stands at position i. */
const sources = {
  edge: (i: number, size: number) => Math.min(size - 1, Math.max(0, i)),
  wrap: (i: number, size: number) => ((i % size) + size) % size,
  reflect: (i: number, size: number) => {
    const period = Math.max(1, 2 * (size - 1)), at = ((i % period) + period) % period;
    return at < size ? at : period - at;
  },
};

/** Every padded axis in turn picks its elements by a table. */
function padByIndex(node: Node<"pad">, c: LoweringContext): void {
  const { before, mode } = node.attributes, y = node.outputs[0]!, { shape: to, dtype } = c.tensor(y), shape = [...c.tensor(node.inputs[0]!).shape];
  const axes = shape.flatMap((size, axis) => (size === to[axis] && !before[axis] ? [] : [axis]));
  let x = node.inputs[0]!;
  if (!axes.length) copyTensor(c, x, y);
  axes.forEach((axis, step) => {
    const { outer, size, inner } = around(shape, axis), source = sources[mode as keyof typeof sources];
    const table = Float32Array.from({ length: to[axis]! }, (_, i) => source(i - before[axis]!, size));
    shape[axis] = to[axis]!;
    const part = step === axes.length - 1 ? y : c.temporary(shape, dtype);
    c.call("gather", { x: c.at(x), i: c.constant(table), y: c.at(part), outer, n: size, count: table.length, bytes: inner * bytesOf(dtype) }, ["y"]);
    x = part;
  });
}

/** Every element of `y` becomes `value`, a real number. */
export function fill(c: LoweringContext, y: string, value: number): void {
  const t = c.tensor(y), n = sizeOf(t.shape);
  if (n) c.call("fill", { y: c.at(y), n, bytes: bytesOf(t.dtype), bits: bitsOf(t, value) }, ["y"]);
}

const float = new Float32Array(1), bits = new Int32Array(float.buffer);

function bitsOf(t: Tensor, value: number): number {
  if (isQuantized(t)) return quantize(t, [value])[0]!;
  if (t.dtype !== "float32") return value;
  float[0] = value;
  return bits[0]!;
}
