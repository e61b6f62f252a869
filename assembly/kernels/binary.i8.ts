import { REFUSED, between, reads, writes } from "../check";
import { greatest, ifLess, least, plus, splat, times } from "../lanes";
import { storePart } from "../quant/output";
import { ROUNDER, ROUNDERS, ROUNDER_BITS } from "../quant/requantize";
import { requantizeFour, requantizeTflite } from "../quant/requantize.tflite";
import { elements, highest, indexOf, lowest, sizesAt } from "../strided";

/**
 * Parameters of binaryI8 and binaryI8Tflite, written by converter/lower/binary.i8.ts. op: ADD … PRELU · along the last axis
 * strides are 0 or 1 · ma, mb: real factors of a and b · m1 … g3: see binaryI8Tflite
 */
@unmanaged
export class BinaryI8 {
  a: usize; b: usize; y: usize;
  n0: i32; n1: i32; n2: i32; n3: i32; n4: i32; n5: i32;
  a0: i32; a1: i32; a2: i32; a3: i32; a4: i32; a5: i32;
  b0: i32; b1: i32; b2: i32; b3: i32; b4: i32; b5: i32;
  op: i32; za: i32; zb: i32; zy: i32; lo: i32; hi: i32;
  ma: f32; mb: f32;
  m1: i32; r1: i32; g1: i32; m2: i32; r2: i32; g2: i32; m3: i32; r3: i32; g3: i32;
}

const ADD: i32 = 0, MUL: i32 = 1, MIN: i32 = 2, MAX: i32 = 3, PRELU: i32 = 4;
/** Bits by which add and sub shift their operands left, of int8 and int16. */
const HEADROOM: i32 = 20, HEADROOM16: i32 = 15;
const N = offsetof<BinaryI8>("n0"), A = offsetof<BinaryI8>("a0"), B = offsetof<BinaryI8>("b0");

export function checkBinaryI8(p: BinaryI8): f64 {
  const struct = changetype<usize>(p);
  if (!sizesAt(struct + N) || (p.a5 | p.b5 | 1) != 1 || !between(p.op, ADD, PRELU)) return REFUSED;
  const bounded = between(p.za, -128, 127) && between(p.zb, -128, 127) && between(p.zy, -128, 127) && between(p.lo, -128, 127) && between(p.hi, -128, 127);
  return bounded ? checkOperands(p, 1) : REFUSED;
}

export function checkBinaryI16(p: BinaryI8): f64 {
  const struct = changetype<usize>(p);
  return sizesAt(struct + N) && between(p.op, ADD, PRELU) ? checkOperands(p, 2) : REFUSED;
}

function checkOperands(p: BinaryI8, bytes: f64): f64 {
  const n = elements(changetype<usize>(p) + N);
  return operandInside(p, p.a, A, bytes) && operandInside(p, p.b, B, bytes) && writes(p.y, bytes * n) ? n : REFUSED;
}

function operandInside(p: BinaryI8, at: usize, field: usize, bytes: f64): bool {
  const struct = changetype<usize>(p);
  return lowest(struct + N, struct + field) == 0 && reads(at, bytes * (highest(struct + N, struct + field) + 1));
}

/**
 * add, sub, mul, min, max and prelu of int8, with broadcasting.
 *   y[i] = clamp(zy + round(f(a[i · sa] − za, b[i · sb] − zb))) for i in 0 … n0 − 1, …, 0 … n5 − 1, halves to even
 *   f(u, v) = u · ma + v · mb · u · v · ma · min or max(u · ma, v · mb) · u < 0 ? u · v · mb : u · ma
 * a, b i8, strides 0 where they broadcast · y i8 [n0,…,n5], may be a or b where that is dense; rows part, part + parts, …
 * Checked at load by checkBinaryI8.
 */
export function binaryI8(p: BinaryI8, part: i32, parts: i32): void {
  eachRow(p, false, part, parts);
}

/**
 * The same by the rules of TFLite's reference kernels, r(x, m, s) rounded twice (requantize.tflite.ts), left shifts in g:
 *   add: r(r(u · 2^20, m1) + g2 · r(v · 2^20, m2), m3), g2 is −1 for sub · mul: r(u · v · g3, m3)
 *   prelu: u < 0 ? r(u · v · g2, m2) : r(u · g1, m1) · min and max as they are
 * Source: TFLite integer_ops/add.h, mul.h, reference/sub.h, prelu.h.
 */
export function binaryI8Tflite(p: BinaryI8, part: i32, parts: i32): void {
  eachRow(p, true, part, parts);
}

/** binaryI8Tflite of int16: operands of add and sub are shifted left by 15. Source: TFLite reference/add.h, sub.h, integer_ops/mul.h. */
export function binaryI16(p: BinaryI8, part: i32, parts: i32): void {
  const struct = changetype<usize>(p), n = <i32>elements(struct + N);
  for (let i = part; i < n; i += parts) {
    const a = load<i16>(p.a + 2 * indexOf(struct + N, struct + A, i)), b = load<i16>(p.b + 2 * indexOf(struct + N, struct + B, i));
    store<i16>(p.y + 2 * i, <i16>min(max(exact(p, <i32>a - p.za, <i32>b - p.zb, HEADROOM16) + p.zy, p.lo), p.hi));
  }
}

function eachRow(p: BinaryI8, tflite: bool, part: i32, parts: i32): void {
  const struct = changetype<usize>(p), rows = <i32>(elements(struct + N) / <f64>p.n5);
  for (let row = part; row < rows; row += parts) {
    const first = row * p.n5, a = p.a + indexOf(struct + N, struct + A, first), b = p.b + indexOf(struct + N, struct + B, first), y = p.y + first;
    let i = 0;
    if (ASC_FEATURE_SIMD && !tflite && p.op <= MUL) i = quickRow(p, a, b, y);
    if (ASC_FEATURE_SIMD) for (; i < p.n5; i += 8) storePart(y + i, eight(p, tflite, operand(a, i, p.a5, p.za), operand(b, i, p.b5, p.zb)), min(8, p.n5 - i));
    else for (; i < p.n5; i++) store<i8>(y + i, one(p, tflite, load<i8>(a + i * p.a5) - p.za, load<i8>(b + i * p.b5) - p.zb));
  }
}

/** The first elements of a row of add or mul, whole groups of eight; what does not change stays in registers. Returns how many. */
function quickRow(p: BinaryI8, a: usize, b: usize, y: usize): i32 {
  const n = p.n5 & ~7, sa = p.a5, sb = p.b5, za = i16x8.splat(<i16>p.za), zb = i16x8.splat(<i16>p.zb), add = p.op == ADD, ma = f32x4.splat(p.ma), mb = f32x4.splat(p.mb), rounder = v128.load(ROUNDERS);
  const least = i32x4.splat(ROUNDER_BITS + p.lo - p.zy), offset = i32x4.splat(ROUNDER_BITS - p.zy), hi = i8x16.splat(<i8>p.hi), end = y + n, fixedA = v128.load8_splat(a), fixedB = v128.load8_splat(b);
  for (; y < end; y += 8, a += 8, b += 8) {
    const u = i16x8.sub(i16x8.extend_low_i8x16_s(sa ? v128.load64_zero(a) : fixedA), za), v = i16x8.sub(i16x8.extend_low_i8x16_s(sb ? v128.load64_zero(b) : fixedB), zb);
    const low = quickFour(add, i32x4.extend_low_i16x8_s(u), i32x4.extend_low_i16x8_s(v), ma, mb, rounder), high = quickFour(add, i32x4.extend_high_i16x8_s(u), i32x4.extend_high_i16x8_s(v), ma, mb, rounder);
    const words = i16x8.narrow_i32x4_s(i32x4.sub(i32x4.max_s(low, least), offset), i32x4.sub(i32x4.max_s(high, least), offset));
    v128.store64_lane(y, i8x16.min_s(i8x16.narrow_i16x8_s(words, words), hi), 0);
  }
  return n;
}

// @ts-ignore: decorator
@inline
function quickFour(add: bool, u: v128, v: v128, ma: v128, mb: v128, rounder: v128): v128 {
  const x = f32x4.convert_i32x4_s(u), z = f32x4.convert_i32x4_s(v);
  return f32x4.add(add ? f32x4.add(f32x4.mul(x, ma), f32x4.mul(z, mb)) : f32x4.mul(f32x4.mul(x, z), ma), rounder);
}

/** Elements i … i + 7 of a row, less the zero point, as i16. */
// @ts-ignore: decorator
@inline
function operand(row: usize, i: i32, stride: i32, zero: i32): v128 {
  return i16x8.sub(stride ? v128.load_ext<i8>(row + i) : i16x8.splat(load<i8>(row)), i16x8.splat(<i16>zero));
}

// @ts-ignore: decorator
@inline
function eight(p: BinaryI8, tflite: bool, a: v128, b: v128): v128 {
  const low = four(p, tflite, i32x4.extend_low_i16x8_s(a), i32x4.extend_low_i16x8_s(b)), high = four(p, tflite, i32x4.extend_high_i16x8_s(a), i32x4.extend_high_i16x8_s(b));
  const words = i16x8.narrow_i32x4_s(low, high);
  return i8x16.min_s(i8x16.max_s(i8x16.narrow_i16x8_s(words, words), i8x16.splat(<i8>p.lo)), i8x16.splat(<i8>p.hi));
}

function four(p: BinaryI8, tflite: bool, u: v128, v: v128): v128 {
  if (tflite) return i32x4.add(exactLanes(p, u, v), i32x4.splat(p.zy));
  const bits = f32x4.add(real<v128>(p, f32x4.convert_i32x4_s(u), f32x4.convert_i32x4_s(v)), f32x4.splat(ROUNDER));
  return i32x4.sub(i32x4.max_s(bits, i32x4.splat(ROUNDER_BITS + p.lo - p.zy)), i32x4.splat(ROUNDER_BITS - p.zy));
}

function one(p: BinaryI8, tflite: bool, u: i32, v: i32): i32 {
  if (tflite) return min(max(exact(p, u, v, HEADROOM) + p.zy, p.lo), p.hi);
  return min(max(reinterpret<i32>(real<f32>(p, <f32>u, <f32>v) + ROUNDER), ROUNDER_BITS + p.lo - p.zy) - (ROUNDER_BITS - p.zy), p.hi);
}

// @ts-ignore: decorator
@inline
function real<T>(p: BinaryI8, u: T, v: T): T {
  const ma = splat<T>(p.ma), mb = splat<T>(p.mb), op = p.op;
  if (op == ADD) return plus(times(u, ma), times(v, mb));
  if (op == MUL) return times(times(u, v), ma);
  if (op == MIN) return least(times(u, ma), times(v, mb));
  if (op == MAX) return greatest(times(u, ma), times(v, mb));
  return ifLess(u, splat<T>(0), times(times(u, v), mb), times(u, ma));
}

function exact(p: BinaryI8, u: i32, v: i32, headroom: i32): i32 {
  const op = p.op;
  if (op == ADD) return requantizeTflite(requantizeTflite(u << headroom, p.m1, p.r1) + p.g2 * requantizeTflite(v << headroom, p.m2, p.r2), p.m3, p.r3);
  if (op == MUL) return requantizeTflite(u * v * p.g3, p.m3, p.r3);
  if (op == MIN) return min(u, v);
  if (op == MAX) return max(u, v);
  return u < 0 ? requantizeTflite(u * v * p.g2, p.m2, p.r2) : requantizeTflite(u * p.g1, p.m1, p.r1);
}

function exactLanes(p: BinaryI8, u: v128, v: v128): v128 {
  const op = p.op;
  if (op == ADD) {
    const a = requantized(i32x4.shl(u, HEADROOM), p.m1, p.r1), b = requantized(i32x4.shl(v, HEADROOM), p.m2, p.r2);
    return requantized(i32x4.add(a, i32x4.mul(b, i32x4.splat(p.g2))), p.m3, p.r3);
  }
  if (op == MUL) return requantized(i32x4.mul(i32x4.mul(u, v), i32x4.splat(p.g3)), p.m3, p.r3);
  if (op == MIN) return i32x4.min_s(u, v);
  if (op == MAX) return i32x4.max_s(u, v);
  const negative = requantized(i32x4.mul(i32x4.mul(u, v), i32x4.splat(p.g2)), p.m2, p.r2);
  return v128.bitselect(negative, requantized(i32x4.mul(u, i32x4.splat(p.g1)), p.m1, p.r1), i32x4.lt_s(u, i32x4.splat(0)));
}

function requantized(x: v128, m: i32, r: i32): v128 {
  return requantizeFour(x, i32x4.splat(m), i32x4.splat(r));
}
