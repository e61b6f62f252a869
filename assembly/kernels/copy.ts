import { REFUSED, reads, writes } from "../check";
import { AXES, distinct, elements, highest, lowest, sizesAt } from "../strided";

/** Parameters of copy, written by converter/lower/move.ts: sizes n, strides of x and y in elements of `bytes` bytes. */
@unmanaged
export class Copy {
  x: usize; y: usize;
  bytes: i32;
  n0: i32; n1: i32; n2: i32; n3: i32; n4: i32; n5: i32;
  x0: i32; x1: i32; x2: i32; x3: i32; x4: i32; x5: i32;
  y0: i32; y1: i32; y2: i32; y3: i32; y4: i32; y5: i32;
}

const N = offsetof<Copy>("n0"), X = offsetof<Copy>("x0"), Y = offsetof<Copy>("y0");

export function checkCopy(p: Copy): f64 {
  const struct = changetype<usize>(p), sizes = struct + N, x = struct + X, y = struct + Y, bytes = <f64>p.bytes;
  if (!sizesAt(sizes) || (p.bytes != 1 && p.bytes != 2 && p.bytes != 4) || !distinct(sizes, y)) return REFUSED;
  const firstX = bytes * lowest(sizes, x), firstY = bytes * lowest(sizes, y);
  const inside = <f64>p.x + firstX >= 0 && reads(<usize>(<f64>p.x + firstX), bytes * (highest(sizes, x) + 1) - firstX)
    && <f64>p.y + firstY >= 0 && writes(<usize>(<f64>p.y + firstY), bytes * (highest(sizes, y) + 1) - firstY);
  return inside ? 16 * elements(sizes) : REFUSED; // an element costs as much as that many products
}

/**
 * Any rearrangement by strides: transpose, slice, expand, and the parts of concat, tile and pad.
 *   y[i · sy] = x[i · sx] for i in 0 … n0 − 1, …, 0 … n5 − 1
 * x, y: elements of 1, 2 or 4 bytes; strides may be 0 or negative. Checked at load by checkCopy.
 */
export function copy(p: Copy, part: i32, parts: i32): void {
  const n = p.n0, x = p.x0 * p.bytes, y = p.y0 * p.bytes;
  for (let i = part; i < n; i += parts) copyAxes(p, 1, p.x + i * x, p.y + i * y);
}

function copyAxes(p: Copy, axis: i32, x: usize, y: usize): void {
  const entry = changetype<usize>(p) + 4 * axis, n = load<i32>(entry + N);
  if (axis == AXES - 1) return copyRow(p, n, x, y);
  const sx = p.bytes * load<i32>(entry + X), sy = p.bytes * load<i32>(entry + Y);
  for (let i = 0; i < n; i++) copyAxes(p, axis + 1, x + i * sx, y + i * sy);
}

function copyRow(p: Copy, n: i32, x: usize, y: usize): void {
  const bytes = p.bytes, sx = bytes * p.x5, sy = bytes * p.y5;
  if (p.x5 == 1 && p.y5 == 1) memory.copy(y, x, n * bytes);
  else if (bytes == 4) for (let i = 0; i < n; i++) store<i32>(y + i * sy, load<i32>(x + i * sx));
  else if (bytes == 2) for (let i = 0; i < n; i++) store<i16>(y + i * sy, load<i16>(x + i * sx));
  else for (let i = 0; i < n; i++) store<i8>(y + i * sy, load<i8>(x + i * sx));
}
