/** Walks over tensors of different strides, row by row: what broadcasting, transposing and reducing share. */

/** Row-major: the last axis has stride 1. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, step = 1; axis >= 0; step *= shape[axis]!, axis--) strides[axis] = step;
  return strides;
}

/** Strides of `shape` seen as the larger shape `to`: 0 along axes that repeat. */
export function broadcastStrides(shape: readonly number[], to: readonly number[]): number[] {
  const own = stridesOf(shape), lead = to.length - shape.length;
  return to.map((_, axis) => (axis < lead || shape[axis - lead] === 1 ? 0 : own[axis - lead]!));
}

/** `strides[k]` belongs to operand k; every list has the length of `shape`, at least 1. */
export interface Walk { shape: number[]; strides: number[][] }

/** Joins neighbouring axes that every operand crosses evenly, and drops axes of size 1: rows become as long as they can. */
export function walkOver(shape: readonly number[], strides: readonly (readonly number[])[]): Walk {
  const walk: Walk = { shape: [], strides: strides.map(() => []) };
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis]!, last = walk.shape.length - 1;
    if (size === 1) continue;
    if (last >= 0 && strides.every((s, k) => walk.strides[k]![last] === s[axis]! * size)) {
      walk.shape[last]! *= size;
      strides.forEach((s, k) => { walk.strides[k]![last] = s[axis]!; });
      continue;
    }
    walk.shape.push(size);
    strides.forEach((s, k) => walk.strides[k]!.push(s[axis]!));
  }
  return walk.shape.length ? walk : { shape: [1], strides: strides.map(() => [1]) };
}

/** Calls `row` with the offset of every operand, once for each row of `n` elements; `at` is reused. */
export function forRows(walk: Walk, row: (at: number[], n: number) => void): void {
  const { shape, strides } = walk, last = shape.length - 1, n = shape[last]!;
  if (shape.includes(0)) return;
  const at = strides.map(() => 0), index = new Array<number>(last).fill(0);
  for (;;) {
    row(at, n);
    let axis = last - 1;
    for (; axis >= 0; axis--) {
      for (let k = 0; k < at.length; k++) at[k]! += strides[k]![axis]!;
      if (++index[axis]! < shape[axis]!) break;
      index[axis] = 0;
      for (let k = 0; k < at.length; k++) at[k]! -= strides[k]![axis]! * shape[axis]!;
    }
    if (axis < 0) return;
  }
}

/** Strides of operand k along the rows. */
export const rowStrides = (walk: Walk): number[] => walk.strides.map((s) => s.at(-1)!);

/** `shape` around one axis: elements [outer, size, inner]. */
export function around(shape: readonly number[], axis: number): { outer: number; size: number; inner: number } {
  const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);
  return { outer: product(shape.slice(0, axis)), size: shape[axis] ?? 1, inner: product(shape.slice(axis + 1)) };
}

/** Calls `line` with the first offset, the step and the length of every line along `axis`. */
export function forLines(shape: readonly number[], axis: number, line: (start: number, step: number, size: number) => void): void {
  const { outer, size, inner } = around(shape, axis);
  for (let o = 0; o < outer; o++) for (let i = 0; i < inner; i++) line(o * size * inner + i, inner, size);
}
