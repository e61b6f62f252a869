/** Operators that move values: reshape, transpose, pad, repeat, join, and what is known from shapes alone. */
import { allocate, sizeOf, type DType } from "../../ir/graph.ts";
import { broadcastShapes } from "../../ir/ops.ts";
import { clampOf, type OperatorTable, type TfliteNode } from "./node.ts";
import { axesOf } from "./reduce.ts";
import { options, reflect } from "./schema.ts";
import { spend } from "./scope.ts";
import { dtypeOf, show } from "./tensors.ts";

export const shapes: OperatorTable = {
  RESHAPE: reshape, SQUEEZE: squeeze, EXPAND_DIMS: expandDims, TRANSPOSE: transpose,
  PAD: pad, PADV2: pad, MIRROR_PAD: mirrorPad, TILE: tile, BROADCAST_TO: broadcastTo, BROADCAST_ARGS: broadcastArgs,
  CONCATENATION: concatenation, PACK: pack,
  DEPTH_TO_SPACE: (n) => depthToSpace(n), SPACE_TO_DEPTH: (n) => spaceToDepth(n),
  SHAPE: shape, RANK: (n) => n.constant("int32", [], Int32Array.of(n.shape(n.stored(0)).length)),
  FILL: fill, RANGE: range, ONE_HOT: oneHot,
};

/**
 * The new shape is an input, or, in older files, an option; one size may be −1. Where it is computed, what the file says
 * of the output holds, if that fits.
 */
function reshape(n: TfliteNode): void {
  const x = n.input(0), size = sizeOf(n.shape(x)), said = n.target().shape;
  const wanted = !n.has(1) ? options.reshape(n.operator).shape : n.isFixed(1) || sizeOf(said) !== size ? n.integers(1) : said;
  n.emit("reshape", [x], { shape: resolved(n, wanted, size) });
}

/** A scalar was once written as [0]. */
function resolved(n: TfliteNode, wanted: number[], size: number): number[] {
  if (wanted.length === 1 && wanted[0] === 0 && size === 1) return [];
  const known = sizeOf(wanted.filter((d) => d !== -1));
  if (wanted.some((d) => d < -1) || wanted.filter((d) => d === -1).length > 1 || (wanted.includes(-1) && (known < 1 || size % known))) {
    n.damaged(`${size} values cannot have the shape ${show(wanted)}`);
  }
  return wanted.map((d) => (d === -1 ? size / known : d));
}

function squeeze(n: TfliteNode): void {
  const x = n.input(0), shape = n.shape(x);
  const axes = axesOf(n, options.squeeze(n.operator).axes, shape.length);
  if (axes.some((a) => shape[a] !== 1)) n.damaged(`axes ${axes.join(",")} of ${show(shape)} are not all of size 1`);
  n.emit("reshape", [x], { shape: shape.filter((d, axis) => (axes.length ? !axes.includes(axis) : d !== 1)) });
}

function expandDims(n: TfliteNode): void {
  const x = n.input(0), shape = n.shape(x);
  const axis = n.axis(n.integers(1)[0] ?? n.damaged("it names no axis"), shape.length + 1);
  n.emit("reshape", [x], { shape: shape.toSpliced(axis, 0, 1) });
}

function transpose(n: TfliteNode): void {
  const x = n.input(0), rank = n.shape(x).length, perm = n.integers(1).map((p) => n.axis(p, rank));
  if (perm.length !== rank || new Set(perm).size !== rank) n.damaged(`${show(perm)} is not an order of ${rank} axes`);
  n.emit("transpose", [x], { perm });
}

/** Rows [before, after] per axis. */
function paddings(n: TfliteNode, x: string): { before: number[]; after: number[] } {
  const rank = n.shape(x).length, amounts = n.integers(1);
  if (amounts.length !== 2 * rank || amounts.some((a) => a < 0)) {
    n.damaged(`paddings are ${show(amounts)}, expected two from 0 for each of ${rank} axes`);
  }
  return { before: amounts.filter((_, i) => i % 2 === 0), after: amounts.filter((_, i) => i % 2 === 1) };
}

/** The value that PADV2 names is a stored one; `pad` takes a real one, and 0 is PAD's. */
function pad(n: TfliteNode): void {
  const x = n.input(0);
  n.emit("pad", [x], { ...paddings(n, x), mode: "constant", value: n.has(2) ? realValue(n, 2) : 0 });
}

export function realValue(n: TfliteNode, i: number): number {
  const stored = n.value(i)[0] ?? n.damaged(`input ${i} is empty, expected one value`);
  const q = n.quantization(n.stored(i));
  return q ? q.scale[0]! * (stored - q.zeroPoint[0]!) : stored;
}

/** REFLECT leaves the border out; SYMMETRIC repeats it, which is a gather along each axis. */
function mirrorPad(n: TfliteNode): void {
  const x = n.input(0), { before, after } = paddings(n, x), shape = n.shape(x);
  const symmetric = options.mirrorPad(n.operator).mode !== reflect;
  const most = (d: number) => (symmetric ? d : d - 1);
  if (shape.some((d, i) => before[i]! > most(d) || after[i]! > most(d))) {
    n.damaged(`paddings ${show(before)} and ${show(after)} exceed the mirrored ${show(shape)}`);
  }
  if (!symmetric) return void n.emit("pad", [x], { before, after, mode: "reflect", value: 0 });
  const axes = shape.map((_, i) => i).filter((i) => before[i]! + after[i]! > 0);
  const mirrored = axes.slice(0, -1).reduce((y, axis) => n.move("gather", [y, mirror(n, shape[axis]!, before[axis]!, after[axis]!)], { axis }), x);
  const last = axes.at(-1);
  if (last === undefined) n.emit("reshape", [x], { shape });
  else n.emit("gather", [mirrored, mirror(n, shape[last]!, before[last]!, after[last]!)], { axis: last });
}

/** Indices …, 1, 0, 0, 1, …, size − 1, size − 1, … */
function mirror(n: TfliteNode, size: number, before: number, after: number): string {
  const at = (i: number) => (i < 0 ? -i - 1 : i >= size ? 2 * size - 1 - i : i);
  return n.indices("mirror", before + size + after, (i) => at(i - before));
}

function tile(n: TfliteNode): void {
  const x = n.input(0), repeats = n.integers(1);
  if (repeats.length !== n.shape(x).length || repeats.some((r) => r < 0)) n.damaged(`repeats are ${show(repeats)} for ${show(n.shape(x))}`);
  n.emit("tile", [x], { repeats });
}

function broadcastTo(n: TfliteNode): void {
  const shape = n.integers(1);
  if (shape.some((d) => d < 0)) n.damaged(`shape is ${show(shape)}, expected sizes from 0`);
  n.emit("expand", [n.input(0)], { shape });
}

function broadcastArgs(n: TfliteNode): void {
  const shape = broadcastShapes(n.integers(0), n.integers(1));
  n.constant("int32", [shape.length], Int32Array.from(shape));
}

function concatenation(n: TfliteNode): void {
  const o = options.concatenation(n.operator), inputs = n.inputs();
  if (!inputs.length) n.damaged("it has no inputs");
  const axis = n.axis(o.axis, n.shape(inputs[0]!).length), [min, max] = clampOf(n, o.activation);
  if (min === -Infinity) n.emit("concat", inputs, { axis });
  else n.emit("clip", [n.step("concat", inputs, { axis }, n.quantization(inputs[0]!))], { alpha: min, beta: max });
}

/** Joins along a new axis. */
function pack(n: TfliteNode): void {
  const inputs = n.inputs();
  if (!inputs.length) n.damaged("it has no inputs");
  const shape = n.shape(inputs[0]!), axis = n.axis(options.pack(n.operator).axis, shape.length + 1);
  n.emit("concat", inputs.map((x) => n.move("reshape", [x], { shape: n.shape(x).toSpliced(axis, 0, 1) })), { axis });
}

/** [N,H,W,b·b·C] → [N,H·b,W·b,C], the block index before the channel. */
function depthToSpace(n: TfliteNode): void {
  const x = n.input(0), [N, H, W, D] = n.ranked(x, 4) as [number, number, number, number], { block: b } = options.depthToSpace(n.operator);
  if (b < 1 || D % (b * b)) n.damaged(`a block of ${b} does not divide ${D} channels`);
  const C = D / (b * b);
  const split = n.transpose(n.reshape(x, [N, H, W, b, b, C]), [0, 1, 3, 2, 4, 5]);
  n.emit("reshape", [split], { shape: [N, H * b, W * b, C] });
}

function spaceToDepth(n: TfliteNode): void {
  const x = n.input(0), [N, H, W, C] = n.ranked(x, 4) as [number, number, number, number], { block: b } = options.spaceToDepth(n.operator);
  if (b < 1 || H % b || W % b) n.damaged(`a block of ${b} does not divide [${H},${W}]`);
  const split = n.transpose(n.reshape(x, [N, H / b, b, W / b, b, C]), [0, 1, 3, 2, 4, 5]);
  n.emit("reshape", [split], { shape: [N, H / b, W / b, b * b * C] });
}

function shape(n: TfliteNode): void {
  const sizes = n.shape(n.stored(0)), dtype = dtypeOf(n.target());
  n.constant(dtype, [sizes.length], integers(dtype, sizes));
}

function integers(dtype: DType, values: number[]) {
  const data = allocate(dtype, values.length);
  data.set(values);
  return data;
}

/** dims, value */
function fill(n: TfliteNode): void {
  const shape = n.integers(0);
  if (shape.some((d) => d < 0)) n.damaged(`shape is ${show(shape)}, expected sizes from 0`);
  n.emit("expand", [n.input(1)], { shape });
}

/** start, limit, step */
function range(n: TfliteNode): void {
  const [start, limit, step] = [0, 1, 2].map((i) => n.value(i)[0] ?? n.damaged(`input ${i} is empty`)) as [number, number, number];
  const count = Math.max(0, Math.ceil((limit - start) / step));
  if (!(count <= 2 ** 20)) n.damaged(`a range from ${start} to ${limit} by ${step} has ${count} values, expected up to a million`);
  const dtype = n.dtype(n.stored(0));
  spend(n.scope, count);
  n.constant(dtype, [count], integers(dtype, Array.from({ length: count }, (_, i) => start + i * step)));
}

/** indices, depth, on value, off value; the new axis is `axis`, −1 the last. */
function oneHot(n: TfliteNode): void {
  const indices = n.stored(0), shape = n.shape(indices), depth = n.integers(1)[0] ?? -1;
  if (depth < 0 || depth > 2 ** 20) n.damaged(`depth is ${depth}, expected 0 to a million`);
  const axis = n.axis(options.oneHot(n.operator).axis, shape.length + 1);
  const classes = n.reshape(n.indices("classes", depth, (i) => i), [depth, ...shape.slice(axis).map(() => 1)]);
  const hit = n.step("equal", [n.reshape(indices, shape.toSpliced(axis, 0, 1)), classes], { clamp: [-Infinity, Infinity] });
  n.emit("where", [hit, n.stored(2), n.stored(3)], {});
}
