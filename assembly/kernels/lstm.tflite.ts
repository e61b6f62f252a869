/** TFLite's integer LSTM: int8 hidden state, int16 gates and cell. Source: TFLite lstm_eval.cc, EvalInteger8x8_16. */
import { REFUSED, between, reads, sizes, writes } from "../check";
import { activation } from "../quant/fixed16";
import { requantizeFour, requantizeTflite } from "../quant/requantize.tflite";
import { addProductI8 } from "./matvec";
import { optional, padded } from "./recurrent";

/**
 * Parameters of lstmI8Tflite, written by converter/lower/lstm.tflite.ts. b: i32 [2][4P], of x and of h · m: i32 [9][3], factor
 * 2^left, multiplier and 2^(30 − right) of the four gates' sums of x, of h, and of the hidden state · s: scratch, 24P bytes
 * c: i16 [P], q: i8 [P], scratch · cellBits: integer bits of the cell · clip: of the cell, 0 for none · zh: zero point of h
 */
@unmanaged
export class LstmI8Tflite {
  x: usize; w: usize; r: usize; b: usize; m: usize; h0: usize; c0: usize; y: usize; hn: usize; cn: usize; s: usize; c: usize; q: usize;
  T: i32; N: i32; I: i32; H: i32; yStep: i32; reverse: i32; cellBits: i32; clip: i32; zh: i32;
}

const PRODUCT: usize = 12, STEP: f64 = 256, GATE_BITS: i32 = 3;

export function checkLstmI8Tflite(p: LstmI8Tflite): f64 {
  if (!sizes(p.T, p.N, p.I, p.H) || p.yStep < 0 || !between(p.cellBits, 0, 6) || !between(p.clip, 0, 32767) || !between(p.zh, -128, 127)) return REFUSED;
  const T = <f64>p.T, N = <f64>p.N, P = Math.ceil(<f64>p.H / 8) * 8, hidden = N * <f64>p.H, w = 16 * P * Math.ceil(<f64>p.I / 4), r = 16 * P * Math.ceil(<f64>p.H / 4);
  const inside = reads(p.x, T * N * <f64>p.I) && reads(p.w, w) && reads(p.r, r) && reads(p.b, 32 * P) && reads(p.m, 108)
    && optional(p.h0, hidden, false) && optional(p.c0, 2 * hidden, false) && optional(p.hn, hidden, true) && optional(p.cn, 2 * hidden, true)
    && optional(p.y, (T - 1) * <f64>p.yStep + hidden, true) && writes(p.s, 24 * P) && writes(p.c, 2 * P) && writes(p.q, P);
  return inside ? T * N * (w + r + 64 * P + STEP) : REFUSED;
}

/**
 * LSTM in integers, one sample's steps after the other; gates i, f, g, o.
 *   z = sat16(rx(bx + W · x) + rh(bh + R · h)) in Q3.12 · i, f, o = logistic(z), g = tanh(z) in Q0.15
 *   c' = sat16(f · c / 2^15 + i · g / 2^(15 + cellBits)), clipped · h' = clamp(zh + r(o · tanh(c')))
 * x i8 [T,N,I] · w, r i8 c4 of 4P rows, columns behind I and H zero; bx and bh hold the zero points of x and h
 * h0, hn i8 [N,H], c0, cn i16 [N,H], or 0 · y i8 [T] rows of [N,H], yStep apart, or 0. Samples part, part + parts, …
 * Checked at load by checkLstmI8Tflite; rows of x are read up to 3 bytes past their end, within SLACK.
 */
export function lstmI8Tflite(p: LstmI8Tflite, part: i32, parts: i32): void {
  const P = padded(p.H), H = p.H, I = p.I;
  for (let n = part; n < p.N; n += parts) {
    memory.fill(p.q, 0, P);
    memory.fill(p.q, <u8>p.zh, H);
    memory.fill(p.c, 0, 2 * P);
    if (p.h0) memory.copy(p.q, p.h0 + n * H, H);
    if (p.c0) memory.copy(p.c, p.c0 + 2 * n * H, 2 * H);
    for (let step = 0; step < p.T; step++) {
      const t = p.reverse ? p.T - 1 - step : step;
      memory.fill(p.s + 16 * P, 0, 8 * P);
      addGates(p, p.w, p.x + (t * p.N + n) * I, I, 0);
      addGates(p, p.r, p.q, H, 1);
      update(p, P);
      if (p.y) memory.copy(p.y + t * p.yStep + n * H, p.q, H);
    }
    if (p.hn) memory.copy(p.hn + n * H, p.q, H);
    if (p.cn) memory.copy(p.cn + 2 * n * H, p.c, 2 * H);
  }
}

/** Adds r(b + w · v) to the gates i16 [4P] behind the sums i32 [4P]; `from`: 0 the inputs', 1 the hidden state's part. */
function addGates(p: LstmI8Tflite, w: usize, v: usize, K: i32, from: i32): void {
  const P = padded(p.H);
  let s = p.s, z = s + 16 * P, b = p.b + 16 * P * from, m = p.m + 4 * PRODUCT * from;
  addProductI8(s, w, 0, v, 4 * P, (K + 3) & ~3);
  for (const end = m + 4 * PRODUCT; m < end; m += PRODUCT) for (let o = 0; o < P; o += 8, s += 32, b += 32, z += 16) {
    if (ASC_FEATURE_SIMD) {
      const before = v128.load(z), low = scaledLanes(s, b, m), high = scaledLanes(s + 16, b + 16, m);
      v128.store(z, i16x8.narrow_i32x4_s(i32x4.add(low, i32x4.extend_low_i16x8_s(before)), i32x4.add(high, i32x4.extend_high_i16x8_s(before))));
    } else {
      for (let i = 0; i < 8; i++) store<i16>(z + 2 * i, <i16>saturated(scaled(load<i32>(s + 4 * i) + load<i32>(b + 4 * i), m) + load<i16>(z + 2 * i)));
    }
  }
}

function scaledLanes(s: usize, b: usize, m: usize): v128 {
  return requantizeFour(i32x4.mul(i32x4.add(v128.load(s), v128.load(b)), v128.load32_splat(m)), v128.load32_splat(m, 4), v128.load32_splat(m, 8));
}

// @ts-ignore: decorator
@inline
function scaled(sum: i32, m: usize): i32 {
  return requantizeTflite(sum * load<i32>(m), load<i32>(m, 4), load<i32>(m, 8));
}

// @ts-ignore: decorator
@inline
function saturated(value: i32): i32 {
  return min(max(value, -32768), 32767);
}

/** v / 2^n, halves away from zero. */
// @ts-ignore: decorator
@inline
function divided(v: i32, n: i32): i32 {
  return (v + (1 << (n - 1)) + (v >> 31)) >> n;
}

/** Gates → cell and hidden state. */
function update(p: LstmI8Tflite, P: i32): void {
  const i = p.s + 16 * P, f = i + 2 * P, g = f + 2 * P, o = g + 2 * P;
  activate(i, i, 2 * P, GATE_BITS, false);
  activate(g, g, P, GATE_BITS, true);
  activate(o, o, P, GATE_BITS, false);
  for (let j = 0; j < 2 * P; j += 2) {
    const kept = divided(<i32>load<i16>(f + j) * load<i16>(p.c + j), 15), added = divided(<i32>load<i16>(i + j) * load<i16>(g + j), 15 + p.cellBits);
    const c = saturated(kept + <i16>added);
    store<i16>(p.c + j, <i16>(p.clip ? min(max(c, -p.clip), p.clip) : c));
  }
  activate(p.c, g, P, p.cellBits, true);
  for (let j = 0; j < p.H; j++) {
    const h = scaled(<i32>load<i16>(o + 2 * j) * load<i16>(g + 2 * j), p.m + 8 * PRODUCT) + p.zh;
    store<i8>(p.q + j, <i8>min(max(h, -128), 127));
  }
}

/** n numbers, a multiple of 8, of `bits` integer bits. */
function activate(x: usize, y: usize, n: i32, bits: i32, isTanh: bool): void {
  if (ASC_FEATURE_SIMD) for (let j = 0; j < 2 * n; j += 16) v128.store(y + j, activation<v128>(v128.load(x + j), bits, isTanh));
  else for (let j = 0; j < 2 * n; j += 2) store<i16>(y + j, <i16>activation<i32>(load<i16>(x + j), bits, isTanh));
}
