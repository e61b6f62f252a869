/** Operators that take parts: slice, strided slice, split, unpack, reverse. */
import type { OperatorTable, TfliteNode } from "./node.ts";
import { options } from "./schema.ts";
import { show } from "./tensors.ts";

export const slices: OperatorTable = {
  SLICE: slice, STRIDED_SLICE: stridedSlice, SPLIT: split, SPLIT_V: splitV, UNPACK: unpack, REVERSE_V2: reverse, REVERSE_SEQUENCE: reverseSequence,
};

const ones = (rank: number) => Array<number>(rank).fill(1);
const zeros = (rank: number) => Array<number>(rank).fill(0);

/** A part of `x` as one step of an operator. */
const cut = (n: TfliteNode, x: string, starts: number[], sizes: number[], steps = ones(sizes.length)): string => n.move("slice", [x], { starts, steps, sizes });

/** Index i of `axis`, which keeps size 1. */
export function row(n: TfliteNode, x: string, axis: number, i: number): string {
  const shape = n.shape(x);
  return cut(n, x, zeros(shape.length).with(axis, i), shape.with(axis, 1));
}

/** begin, size: −1 takes what is left. */
function slice(n: TfliteNode): void {
  const x = n.input(0), shape = n.shape(x), starts = n.integers(1), wanted = n.integers(2);
  if (starts.length !== shape.length || wanted.length !== shape.length) {
    n.damaged(`begin and size have ${starts.length} and ${wanted.length} entries for ${shape.length} axes`);
  }
  const sizes = shape.map((d, i) => (wanted[i] === -1 ? d - starts[i]! : wanted[i]!));
  if (shape.some((d, i) => starts[i]! < 0 || sizes[i]! < 0 || starts[i]! + sizes[i]! > d)) {
    n.damaged(`${show(starts)} + ${show(sizes)} exceeds ${show(shape)}`);
  }
  n.emit("slice", [x], { starts, steps: ones(shape.length), sizes });
}

/** One axis of a strided slice: where it starts, its step, how many; `drop` removes the axis, `fresh` adds one of size 1. */
interface Range { start: number; step: number; size: number; drop: boolean; fresh: boolean }

/** x[begin:end:strides], with bit masks per entry: begin and end open, ellipsis, new axis, shrink (NumPy's rules). */
function stridedSlice(n: TfliteNode): void {
  const x = n.input(0), shape = n.shape(x), [begin, end, strides] = [n.integers(1), n.integers(2), n.integers(3)];
  if (begin.length !== end.length || begin.length !== strides.length) {
    n.damaged(`begin, end and strides have ${begin.length}, ${end.length} and ${strides.length} entries`);
  }
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
  if (named > shape.length || begin.length > 32) n.damaged(`it slices ${named} axes of ${show(shape)}`);
  const ranges: Range[] = [];
  if ((o.ellipsisMask & (o.ellipsisMask - 1)) !== 0) n.damaged("it has several ellipses");
  let axis = 0;
  const whole = (size: number): Range => ({ start: 0, step: 1, size, drop: false, fresh: false });
  const rest = (count: number) => { for (let k = 0; k < count; k++) ranges.push(whole(shape[axis++]!)); };
  for (let i = 0; i < begin.length; i++) {
    if (set(o.ellipsisMask, i)) rest(shape.length - named);
    else if (set(o.newAxisMask, i)) ranges.push({ ...whole(1), fresh: true });
    else {
      const first = set(o.beginMask, i) ? undefined : begin[i]!;
      const last = set(o.endMask, i) ? undefined : o.offset ? begin[i]! + end[i]! : end[i]!;
      ranges.push(rangeOf(n, first, last, strides[i]!, shape[axis++]!, set(o.shrinkAxisMask, i)));
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
  if (all.some((d) => d < 0) || all.reduce((a, d) => a + d, 0) !== shape[axis] || all.length !== n.operator.outputs.length) {
    n.damaged(`an axis of ${shape[axis]} does not split into ${show(sizes)}`);
  }
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
  const x = n.input(0), shape = n.shape(x), axis = n.axis(options.unpack(n.operator).axis, shape.length);
  if (n.operator.outputs.length !== shape[axis]) n.damaged(`it has ${n.operator.outputs.length} outputs for an axis of ${shape[axis]}`);
  n.operator.outputs.forEach((_, i) => {
    n.emit("reshape", [row(n, x, axis, i)], { shape: shape.toSpliced(axis, 1) }, i);
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
  if (lengths.length !== shape[b] || s === b || lengths.some((l) => l < 0 || l > shape[s]!)) {
    n.damaged(`lengths ${show(lengths)} do not fit ${show(shape)}`);
  }
  const rows = lengths.map((length, i) => {
    const steps = (start: number, step: number, size: number): string[] =>
      (size ? [cut(n, x, zeros(shape.length).with(b, i).with(s, start), shape.with(b, 1).with(s, size), ones(shape.length).with(s, step))] : []);
    const parts = [...steps(length - 1, -1, length), ...steps(length, 1, shape[s]! - length)];
    return parts.length === 2 ? n.step("concat", parts, { axis: s }, n.quantization(x)) : parts[0]!;
  });
  n.emit("concat", rows, { axis: b });
}
