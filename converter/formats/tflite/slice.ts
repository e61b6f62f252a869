/** Operators that take parts: slice, strided slice, split, unpack, reverse, gather, scatter. */
import { allocate, sizeOf } from "../../ir/graph.ts";
import { noClamp } from "../../ir/ops.ts";
import { options } from "./schema.ts";
import type { OperatorTable, TfliteNode } from "./scope.ts";

export const slices: OperatorTable = {
  SLICE: slice, STRIDED_SLICE: stridedSlice, SPLIT: split, SPLIT_V: splitV, UNPACK: unpack, REVERSE_V2: reverse, REVERSE_SEQUENCE: reverseSequence,
  GATHER: gather, GATHER_ND: (n) => { n.emit("gatherNd", [n.input(0), n.stored(1)], { batchDims: 0 }); }, EMBEDDING_LOOKUP: embedding,
  DYNAMIC_UPDATE_SLICE: updateSlice, SCATTER_ND: scatter,
};

const ones = (rank: number) => Array<number>(rank).fill(1);
const zeros = (rank: number) => Array<number>(rank).fill(0);

/** begin, size: −1 takes what is left. */
function slice(n: TfliteNode): void {
  const x = n.input(0), shape = n.shape(x), starts = n.integers(1), wanted = n.integers(2);
  if (starts.length !== shape.length || wanted.length !== shape.length) n.damaged(`begin and size have ${starts.length} and ${wanted.length} entries for ${shape.length} axes`);
  const sizes = shape.map((d, i) => (wanted[i] === -1 ? d - starts[i]! : wanted[i]!));
  if (shape.some((d, i) => starts[i]! < 0 || sizes[i]! < 0 || starts[i]! + sizes[i]! > d)) n.damaged(`[${starts.join(",")}] + [${sizes.join(",")}] exceeds [${shape.join(",")}]`);
  n.emit("slice", [x], { starts, steps: ones(shape.length), sizes });
}

/** One axis of a strided slice: where it starts, its step, how many; `drop` removes the axis, `fresh` adds one of size 1. */
interface Range { start: number; step: number; size: number; drop: boolean; fresh: boolean }

/** x[begin:end:strides], with bit masks per entry: begin and end open, ellipsis, new axis, shrink (NumPy's rules). */
function stridedSlice(n: TfliteNode): void {
  const x = n.input(0), shape = n.shape(x), [begin, end, strides] = [n.integers(1), n.integers(2), n.integers(3)];
  if (begin.length !== end.length || begin.length !== strides.length) n.damaged(`begin, end and strides have ${begin.length}, ${end.length} and ${strides.length} entries`);
  const ranges = entriesOf(n, begin, end, strides, shape);
  const kept = ranges.filter((r) => !r.fresh);
  const sizes = kept.map((r) => r.size);
  const part = { starts: kept.map((r) => (r.size ? r.start : 0)), steps: kept.map((r) => r.step), sizes };
  if (ranges.every((r) => !r.drop && !r.fresh)) n.emit("slice", [x], part);
  else n.emit("reshape", [n.move("slice", [x], part)], { shape: ranges.filter((r) => !r.drop).map((r) => r.size) });
}

function entriesOf(n: TfliteNode, begin: number[], end: number[], strides: number[], shape: number[]): Range[] {
  const o = options.stridedSlice(n.operator);
  const set = (mask: number, i: number) => ((mask >> i) & 1) === 1;
  const named = begin.filter((_, i) => !set(o.newAxisMask, i) && !set(o.ellipsisMask, i)).length;
  if (named > shape.length || begin.length > 32) n.damaged(`it slices ${named} axes of [${shape.join(",")}]`);
  const ranges: Range[] = [];
  if ((o.ellipsisMask & (o.ellipsisMask - 1)) !== 0) n.damaged("it has several ellipses");
  let axis = 0;
  const rest = (count: number) => { for (let k = 0; k < count; k++) ranges.push({ start: 0, step: 1, size: shape[axis++]!, drop: false, fresh: false }); };
  for (let i = 0; i < begin.length; i++) {
    if (set(o.ellipsisMask, i)) rest(shape.length - named);
    else if (set(o.newAxisMask, i)) ranges.push({ start: 0, step: 1, size: 1, drop: false, fresh: true });
    else {
      const last = o.offset ? begin[i]! + end[i]! : end[i]!;
      ranges.push(rangeOf(n, set(o.beginMask, i) ? undefined : begin[i]!, set(o.endMask, i) ? undefined : last, strides[i]!, shape[axis++]!, set(o.shrinkAxisMask, i)));
    }
  }
  rest(shape.length - axis);
  return ranges;
}

/** `size` positions; undefined leaves an end open. */
function rangeOf(n: TfliteNode, begin: number | undefined, end: number | undefined, step: number, size: number, drop: boolean): Range {
  if (step === 0) n.damaged("a stride is 0");
  const at = (i: number) => (i < 0 ? i + size : i);
  if (drop) {
    const start = at(begin ?? 0);
    if (start < 0 || start >= size) n.damaged(`index ${begin ?? 0} is outside an axis of ${size}`);
    return { start, step: 1, size: 1, drop, fresh: false };
  }
  const [lowest, highest] = step > 0 ? [0, size] : [-1, size - 1];
  const clamped = (i: number) => Math.min(Math.max(at(i), lowest), highest);
  const start = begin === undefined ? (step > 0 ? 0 : size - 1) : clamped(begin);
  const stop = end === undefined ? (step > 0 ? size : -1) : clamped(end);
  return { start, step, size: Math.max(0, Math.ceil((stop - start) / step)), drop, fresh: false };
}

/** axis, x */
function split(n: TfliteNode): void {
  const x = n.input(1), shape = n.shape(x), axis = n.axis(n.integers(0)[0] ?? n.damaged("it names no axis"), shape.length);
  const parts = n.operator.outputs.length;
  if (parts < 1 || shape[axis]! % parts) n.damaged(`an axis of ${shape[axis]} does not split into ${parts}`);
  parted(n, x, axis, Array<number>(parts).fill(shape[axis]! / parts));
}

/** x, sizes (one may be −1), axis */
function splitV(n: TfliteNode): void {
  const x = n.input(0), shape = n.shape(x), sizes = n.integers(1), axis = n.axis(n.integers(2)[0] ?? n.damaged("it names no axis"), shape.length);
  const known = sizes.reduce((a, d) => a + Math.max(0, d), 0), all = sizes.map((d) => (d === -1 ? shape[axis]! - known : d));
  if (all.some((d) => d < 0) || all.reduce((a, d) => a + d, 0) !== shape[axis] || all.length !== n.operator.outputs.length) n.damaged(`an axis of ${shape[axis]} does not split into [${sizes.join(",")}]`);
  parted(n, x, axis, all);
}

function parted(n: TfliteNode, x: string, axis: number, sizes: number[]): void {
  const shape = n.shape(x);
  let start = 0;
  sizes.forEach((size, i) => {
    n.emit("slice", [x], { starts: zeros(shape.length).with(axis, start), steps: ones(shape.length), sizes: shape.with(axis, size) }, i);
    start += size;
  });
}

function unpack(n: TfliteNode): void {
  const x = n.input(0), shape = n.shape(x), axis = n.axis(options.unpack(n.operator).axis, shape.length), rank = shape.length;
  if (n.operator.outputs.length !== shape[axis]) n.damaged(`it has ${n.operator.outputs.length} outputs for an axis of ${shape[axis]}`);
  n.operator.outputs.forEach((_, i) => {
    const row = n.move("slice", [x], { starts: zeros(rank).with(axis, i), steps: ones(rank), sizes: shape.with(axis, 1) });
    n.emit("reshape", [row], { shape: shape.toSpliced(axis, 1) }, i);
  });
}

function reverse(n: TfliteNode): void {
  const x = n.input(0), shape = n.shape(x), axes = new Set(n.integers(1).map((a) => n.axis(a, shape.length)));
  const turned = (axis: number) => axes.has(axis) && shape[axis]! > 0;
  n.emit("slice", [x], { starts: shape.map((d, i) => (turned(i) ? d - 1 : 0)), steps: shape.map((_, i) => (turned(i) ? -1 : 1)), sizes: [...shape] });
}

/** Turns the first `lengths[b]` steps of each row b around. */
function reverseSequence(n: TfliteNode): void {
  const { sequenceAxis, batchAxis } = options.reverseSequence(n.operator);
  const x = n.input(0), shape = n.shape(x), s = n.axis(sequenceAxis, shape.length), b = n.axis(batchAxis, shape.length), lengths = n.integers(1);
  if (lengths.length !== shape[b] || s === b || lengths.some((l) => l < 0 || l > shape[s]!)) n.damaged(`lengths [${lengths.join(",")}] do not fit [${shape.join(",")}]`);
  const part = (row: number, start: number, step: number, size: number) =>
    n.move("slice", [x], { starts: zeros(shape.length).with(b, row).with(s, start), steps: ones(shape.length).with(s, step), sizes: shape.with(b, 1).with(s, size) });
  const rows = lengths.map((length, row) => {
    const parts = [...(length ? [part(row, length - 1, -1, length)] : []), ...(length < shape[s]! ? [part(row, length, 1, shape[s]! - length)] : [])];
    return parts.length === 2 ? n.step("concat", parts, { axis: s }, n.quantization(x)) : parts[0]!;
  });
  n.emit("concat", rows, { axis: b });
}

/** data, indices; rows of `batchDims` leading axes each have their own indices. */
function gather(n: TfliteNode): void {
  const o = options.gather(n.operator), x = n.input(0), indices = n.stored(1), shape = n.shape(x), wanted = n.shape(indices);
  const axis = n.axis(o.axis, shape.length), batch = o.batchDims < 0 ? o.batchDims + wanted.length : o.batchDims;
  if (batch === 0) return void n.emit("gather", [x, indices], { axis });
  if (batch !== 1 || axis !== 1 || wanted.length < 1 || shape[0] !== wanted[0] || shape[0]! > 1024) n.fail(`it gathers along axis ${axis} with ${batch} batch axes, expected no batch axes, or one of up to 1024 rows before axis 1`);
  const rows = Array.from({ length: shape[0]! }, (_, i) => {
    const row = n.reshape(n.move("slice", [x], { starts: zeros(shape.length).with(0, i), steps: ones(shape.length), sizes: shape.with(0, 1) }), shape.slice(1));
    const at = n.reshape(n.move("slice", [indices], { starts: zeros(wanted.length).with(0, i), steps: ones(wanted.length), sizes: wanted.with(0, 1) }), wanted.slice(1));
    const found = n.move("gather", [row, at], { axis: 0 });
    return n.reshape(found, [1, ...n.shape(found)]);
  });
  n.emit("concat", rows, { axis: 0 });
}

/** indices, table */
function embedding(n: TfliteNode): void {
  n.emit("gather", [n.input(1), n.stored(0)], { axis: 0 });
}

/** x, update, start: a constant start is what follows; the rest of x stays around the update. */
function updateSlice(n: TfliteNode): void {
  const x = n.input(0), update = n.input(1), shape = n.shape(x), part = n.shape(update);
  const start = n.integers(2).map((s, i) => Math.min(Math.max(s, 0), (shape[i] ?? 0) - (part[i] ?? 0)));
  if (start.length !== shape.length || part.length !== shape.length || start.some((s) => s < 0)) n.damaged(`an update [${part.join(",")}] does not fit [${shape.join(",")}]`);
  const mask = n.step("pad", [n.step("expand", [n.graph.constant("one", "float32", [], Float32Array.of(1))], { shape: part })], around(shape, part, start));
  const inside = n.step("greater", [mask, n.graph.scalar(0)], { clamp: noClamp });
  n.emit("where", [inside, n.move("pad", [update], around(shape, part, start)), x], {});
}

/** indices [..., K], updates, shape: adds each update to zeros. Constant indices become places in one long row. */
function scatter(n: TfliteNode): void {
  const at = n.value(0), indices = n.shape(n.stored(0)), shape = n.integers(2), K = indices.at(-1) ?? 0, updates = n.input(1), rows = sizeOf(indices) / K;
  if (K < 1 || K > shape.length || shape.some((d) => d < 0) || sizeOf(n.shape(updates)) !== rows * sizeOf(shape.slice(K))) n.damaged(`indices [${indices.join(",")}] and updates [${n.shape(updates).join(",")}] do not fit [${shape.join(",")}]`);
  const inner = sizeOf(shape.slice(K));
  const first = Array.from({ length: rows }, (_, r) => {
    const row = Array.from({ length: K }, (_, k) => at[r * K + k]!);
    if (row.some((i, k) => i < 0 || i >= shape[k]!)) n.damaged(`index [${row.join(",")}] is outside [${shape.join(",")}]`);
    return row.reduce((a, i, k) => a * shape[k]! + i, 0) * inner;
  });
  const places = n.indices("places", rows * inner, (i) => first[Math.floor(i / inner)]! + (i % inner));
  const dtype = n.dtype(updates), zero = n.graph.constant("zero", dtype, [], allocate(dtype, 1));
  const zeroes = n.step("expand", [zero], { shape: [sizeOf(shape)] }), flat = n.reshape(updates, [rows * inner]);
  const sums = n.step("scatterElements", [zeroes, places, flat], { axis: 0, reduction: "add" });
  n.emit("reshape", [sums], { shape });
}

const around = (shape: number[], part: number[], start: number[]) =>
  ({ before: start, after: shape.map((d, i) => d - part[i]! - start[i]!), mode: "constant" as const, value: 0 });
