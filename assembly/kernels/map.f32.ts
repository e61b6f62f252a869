import { REFUSED, reads, writes } from "../check";
import { AXES, elements, highest, lowest, sizesAt } from "../strided";
import { callFunction, isFunction } from "../tables";

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

/** Elements that one call of the function computes where an operand is gathered. */
const BLOCK: i32 = 64;
const SCRATCH: i32 = 4 * (3 * BLOCK + 4);
const LAST: i32 = AXES - 1;
const N = offsetof<MapF32>("n0"), A = offsetof<MapF32>("a0"), B = offsetof<MapF32>("b0"), C = offsetof<MapF32>("c0");

export function checkMapF32(p: MapF32): f64 {
  const sizes = changetype<usize>(p) + N;
  if (!sizesAt(sizes) || !isFunction(p.fn)) return REFUSED;
  const total = elements(sizes);
  const inside = writes(p.y, 4 * total) && writes(p.t, SCRATCH) && operandInside(p, p.a, A) && operandInside(p, p.b, B) && operandInside(p, p.c, C);
  return inside ? 16 * total : REFUSED; // a function costs as much as that many products
}

function operandInside(p: MapF32, at: usize, field: usize): bool {
  const sizes = changetype<usize>(p) + N, strides = changetype<usize>(p) + field;
  return lowest(sizes, strides) == 0 && reads(at, 4 * (highest(sizes, strides) + 1));
}

/**
 * An elementwise function with broadcasting.
 *   y[i] = fn(a[i · sa], b[i · sb], c[i · sc]; alpha, beta) for i in 0 … n0 − 1, …, 0 … n5 − 1
 * a, b, c f32, strides 0 where they broadcast · y f32 [n0,…,n5], may be an operand that is dense · t f32 [196]
 * Checked at load by checkMapF32. Row by row; an operand whose row is strided is gathered in blocks of 64.
 */
export function mapF32(p: MapF32, part: i32, parts: i32): void {
  const row = 4 * <i32>(elements(changetype<usize>(p) + N) / <f64>p.n0);
  for (let i = part; i < p.n0; i += parts) mapAxes(p, 1, p.a + 4 * i * p.a0, p.b + 4 * i * p.b0, p.c + 4 * i * p.c0, p.y + row * i);
}

/** Returns where the next part of y begins. */
function mapAxes(p: MapF32, axis: i32, a: usize, b: usize, c: usize, y: usize): usize {
  if (axis == LAST) return mapRow(p, a, b, c, y);
  const entry = changetype<usize>(p) + 4 * axis, sa = 4 * load<i32>(entry + A), sb = 4 * load<i32>(entry + B), sc = 4 * load<i32>(entry + C);
  for (let i = load<i32>(entry + N); i > 0; i--, a += sa, b += sb, c += sc) y = mapAxes(p, axis + 1, a, b, c, y);
  return y;
}

function mapRow(p: MapF32, a: usize, b: usize, c: usize, y: usize): usize {
  const n = p.n5, block = p.a5 == 1 && p.b5 == 1 && p.c5 == 1 ? n : BLOCK;
  for (let from = 0; from < n; from += block) {
    const count = min(block, n - from);
    apply(p, operand(a, p.a5, from, count, p.t), operand(b, p.b5, from, count, p.t + 4 * BLOCK), operand(c, p.c5, from, count, p.t + 8 * BLOCK), y, count);
    y += 4 * count;
  }
  return y;
}

/** Address of elements [from, from + count) of a row: in the tensor where they follow each other, else in `scratch`. */
function operand(x: usize, stride: i32, from: i32, count: i32, scratch: usize): usize {
  const step = <usize>stride << 2;
  if (stride == 1) return x + step * from;
  if (stride == 0 && from > 0) return scratch;
  x += step * from;
  for (let i = 0; i < count; i++, x += step) store<f32>(scratch + 4 * i, load<f32>(x));
  return scratch;
}

/** Whole vectors in place, the rest through scratch: nothing behind y is written. */
function apply(p: MapF32, a: usize, b: usize, c: usize, y: usize, count: i32): void {
  const whole = count & ~3, last = p.t + 12 * BLOCK;
  let rest: usize = 4 * whole;
  if (whole) callFunction(a, b, c, y, whole, p.alpha, p.beta, p.fn);
  if (whole == count) return;
  callFunction(a + rest, b + rest, c + rest, last, 4, p.alpha, p.beta, p.fn);
  for (let from = last; rest < <usize>(4 * count); rest += 4, from += 4) store<f32>(y + rest, load<f32>(from));
}
