/**
 * What every `check` is made of. Extents are products of numbers from an untrusted file, so they are computed in f64,
 * exact to 2^53 and never wrapping. A check returns the work of one call in multiply-accumulates, or REFUSED.
 */
import { BASE, end, writable } from "./memory";

export const REFUSED: f64 = -1;

/** Largest extent of one axis; six of them still multiply without overflow of f64's exponent. */
const MAX_SIZE: i32 = 1 << 28;

/** True if each is a size: 1 … 2^28. */
export function size(a: i32): bool {
  return a > 0 && a <= MAX_SIZE;
}

export function sizes(a: i32, b: i32, c: i32 = 1, d: i32 = 1): bool {
  return size(a) && size(b) && size(c) && size(d);
}

/** True if `value` is in from … to. */
export function between(value: i32, from: i32, to: i32): bool {
  return value >= from && value <= to;
}

/** True if `bytes` bytes from `address` lie in the model or its arena. */
export function reads(address: usize, bytes: f64): bool {
  return address >= BASE && bytes >= 0 && <f64>address + bytes <= <f64>end;
}

/** True if `bytes` bytes from `address` lie in the part that programs may write. */
export function writes(address: usize, bytes: f64): bool {
  return address >= writable && bytes >= 0 && <f64>address + bytes <= <f64>end;
}

/** True if the two ranges share no byte: for scratch that holds addresses, which no result may overwrite. */
export function apart(a: usize, aBytes: f64, b: usize, bBytes: f64): bool {
  return <f64>a + aBytes <= <f64>b || <f64>b + bBytes <= <f64>a;
}

/** True if `bytes` bytes from `address` lie in the model where no program can change them: for tables that a check has read. */
export function fixed(address: usize, bytes: f64): bool {
  return address >= BASE && bytes >= 0 && <f64>address + bytes <= <f64>writable;
}
