import { REFUSED, between, reads, size, writes } from "../check";

/** Parameters of cast, written by converter/lower/cast.ts. Numbers of types as in the io section of a model file. */
@unmanaged
export class Cast {
  x: usize; y: usize;
  n: i32; from: i32; to: i32;
}

const F32: i32 = 0, I8: i32 = 1, U8: i32 = 2, I16: i32 = 3, U16: i32 = 4, BOOL: i32 = 7;

function bytesOf(type: i32): i32 {
  return type == I8 || type == U8 || type == BOOL ? 1 : type == I16 || type == U16 ? 2 : 4;
}

export function checkCast(p: Cast): f64 {
  if (!size(p.n) || !between(p.from, F32, BOOL) || !between(p.to, F32, BOOL)) return REFUSED;
  return reads(p.x, <f64>p.n * <f64>bytesOf(p.from)) && writes(p.y, <f64>p.n * <f64>bytesOf(p.to)) ? 8 * <f64>p.n : REFUSED;
}

/**
 * y[i] = x[i] as another type: floats are cut towards zero and saturate at 32 bits, integers keep their low bits, bool is
 * "not zero". x and y of 1, 2 or 4 bytes; in float64 between. Checked at load by checkCast.
 */
export function cast(p: Cast, part: i32, parts: i32): void {
  const sx = bytesOf(p.from), sy = bytesOf(p.to);
  for (let i = part; i < p.n; i += parts) write(p.y + i * sy, p.to, read(p.x + i * sx, p.from));
}

function read(x: usize, type: i32): f64 {
  if (type == F32) return load<f32>(x);
  if (type == I8) return load<i8>(x);
  if (type == I16) return load<i16>(x);
  if (type == U16) return load<u16>(x);
  return type == U8 || type == BOOL ? <f64>load<u8>(x) : <f64>load<i32>(x);
}

function write(y: usize, type: i32, value: f64): void {
  if (type == F32) store<f32>(y, <f32>value);
  else if (type == BOOL) store<u8>(y, value != 0 ? 1 : 0);
  else if (bytesOf(type) == 1) store<i8>(y, <i8><i32>value);
  else if (bytesOf(type) == 2) store<i16>(y, <i16><i32>value);
  else store<i32>(y, <i32>value);
}
