import { REFUSED, between, reads, writes } from "../check";
import { functions } from "../functions";
import { elements, gatherF32, highest, isDense, lowest, sizesAt } from "../strided";

/** Parameters of mapF32, written by converter/lower/elementwise.ts: sizes n, strides of a, b and c in elements. */
@unmanaged
export class MapF32 {
  a: usize; b: usize; c: usize; y: usize; t: usize;
  fn: i32;
  n0: i32; n1: i32; n2: i32; n3: i32; n4: i32; n5: i32;
  a0: i32; a1: i32; a2: i32; a3: i32; a4: i32; a5: i32;
  b0: i32; b1: i32; b2: i32; b3: i32; b4: i32; b5: i32;
  c0: i32; c1: i32; c2: i32; c3: i32; c4: i32; c5: i32;
  alpha: f32; beta: f32;
}

/** Elements that one call of the function computes where an operand is strided. */
const BLOCK: i32 = 64;
const SCRATCH: i32 = 4 * (3 * BLOCK + 4);
const A = offsetof<MapF32>("a0"), B = offsetof<MapF32>("b0"), C = offsetof<MapF32>("c0");

// @ts-ignore: decorator
@inline
function sizesOf(p: MapF32): usize {
  return changetype<usize>(p) + offsetof<MapF32>("n0");
}

export function checkMapF32(p: MapF32): f64 {
  const sizes = sizesOf(p);
  if (!sizesAt(sizes) || !between(p.fn, 0, functions.length - 1)) return REFUSED;
  const total = elements(sizes);
  const inside = writes(p.y, 4 * total) && writes(p.t, SCRATCH) && operandInside(p, p.a, A) && operandInside(p, p.b, B) && operandInside(p, p.c, C);
  return inside ? total : REFUSED;
}

function operandInside(p: MapF32, at: usize, field: usize): bool {
  const sizes = sizesOf(p), strides = changetype<usize>(p) + field;
  return lowest(sizes, strides) == 0 && reads(at, 4 * (highest(sizes, strides) + 1));
}

/**
 * An elementwise function with broadcasting.
 *   y[i] = fn(a[i · sa], b[i · sb], c[i · sc]; alpha, beta) for i in 0 … n0 − 1, …, 0 … n5 − 1
 * a, b, c f32, strides 0 where they broadcast · y f32 [n0,…,n5], may be a where both are dense · t f32 [196]
 * Checked at load by checkMapF32. Blocks of 64 elements; strided operands are gathered first.
 */
export function mapF32(p: MapF32, part: i32, parts: i32): void {
  const sizes = sizesOf(p), total = <i32>elements(sizes), struct = changetype<usize>(p);
  const dense = isDense(sizes, struct + A) && isDense(sizes, struct + B) && isDense(sizes, struct + C);
  if (dense) {
    if (part == 0) apply(p, p.a, p.b, p.c, p.y, total);
    return;
  }
  for (let from = BLOCK * part; from < total; from += BLOCK * parts) {
    const count = min(BLOCK, total - from);
    const a = operand(p, p.a, A, from, count, p.t), b = operand(p, p.b, B, from, count, p.t + 4 * BLOCK), c = operand(p, p.c, C, from, count, p.t + 8 * BLOCK);
    apply(p, a, b, c, p.y + 4 * from, count);
  }
}

/** Address of elements [from, from + count): in the tensor where it is dense, else gathered into `scratch`. */
function operand(p: MapF32, x: usize, field: usize, from: i32, count: i32, scratch: usize): usize {
  const sizes = sizesOf(p), strides = changetype<usize>(p) + field;
  if (isDense(sizes, strides)) return x + 4 * from;
  gatherF32(x, sizes, strides, from, count, scratch);
  return scratch;
}

/** Whole vectors in place, the rest through scratch: nothing behind y is written. */
function apply(p: MapF32, a: usize, b: usize, c: usize, y: usize, count: i32): void {
  const fn = unchecked(functions[p.fn]), whole = count & ~3, rest = 4 * whole, last = p.t + 12 * BLOCK;
  if (whole) fn(a, b, c, y, whole, p.alpha, p.beta);
  if (whole == count) return;
  fn(a + rest, b + rest, c + rest, last, 4, p.alpha, p.beta);
  memory.copy(y + rest, last, 4 * (count - whole));
}
