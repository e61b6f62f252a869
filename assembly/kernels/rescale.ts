import { REFUSED, reads, size, writes } from "../check";
import { requantizeTflite } from "../quant/requantize.tflite";

/** Parameters of rescale, written by converter/lower/rescale.ts: bytes of an element of x and y; factors of numbers from 0 and below 0. */
@unmanaged
export class Rescale {
  x: usize; y: usize;
  n: i32; from: i32; to: i32; zx: i32; zy: i32; lo: i32; hi: i32;
  m1: i32; r1: i32; g1: i32; m2: i32; r2: i32; g2: i32;
}

/** Bytes of an integer. */
export function isBytes(bytes: i32): bool {
  return bytes == 1 || bytes == 2 || bytes == 4;
}

export function checkRescale(p: Rescale): f64 {
  const n = <f64>p.n;
  return size(p.n) && isBytes(p.from) && isBytes(p.to) && reads(p.x, n * <f64>p.from) && writes(p.y, n * <f64>p.to) ? n : REFUSED;
}

/**
 * Integers of one scale to those of another: y[i] = clamp(zy + r(u · g, m, r)), u = x[i] − zx, factors 1 from 0 on, 2 below.
 * x, y i8, i16 or i32 [n]. Checked at load by checkRescale. Bit-exact with TFLite reference/requantize.h, leaky_relu.h, activations.h.
 */
export function rescale(p: Rescale, part: i32, parts: i32): void {
  for (let i = part; i < p.n; i += parts) {
    const u = integerAt(p.x + i * p.from, p.from) - p.zx;
    const q = u < 0 ? requantizeTflite(u * p.g2, p.m2, p.r2) : requantizeTflite(u * p.g1, p.m1, p.r1), y = p.y + i * p.to;
    storeInteger(y, p.to, min(max(q + p.zy, p.lo), p.hi));
  }
}

export function storeInteger(y: usize, bytes: i32, value: i32): void {
  if (bytes == 1) store<i8>(y, <i8>value);
  else if (bytes == 2) store<i16>(y, <i16>value);
  else store<i32>(y, value);
}

export function integerAt(x: usize, bytes: i32): i32 {
  return bytes == 1 ? <i32>load<i8>(x) : bytes == 2 ? <i32>load<i16>(x) : load<i32>(x);
}
