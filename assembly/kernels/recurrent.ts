/**
 * What the recurrent kernels share. The product of the inputs with their weights, and the bias, were made for all steps
 * by a dense kernel before: `gates`. Sizes are padded so that every row is whole vectors: P = H up to a multiple of 8,
 * gate g of a row starts at g · P; weights and biases of the padding are zero.
 */
import { REFUSED, reads, sizes, writes } from "../check";
import { at, LANES, ifLess, lane, larger, magnitude, put, smaller } from "../lanes";
import { callFunction } from "../tables";

/** gates f32 [T,N,G·P], overwritten · h0, hn f32 [N,H] or 0 · y [T] rows of [N,H], yStep elements apart, or 0 · lengths f32 [N] or 0 · h f32 [N,P] scratch */
@unmanaged
export class Recurrent {
  gates: usize; r: usize; h0: usize; y: usize; hn: usize; lengths: usize; h: usize;
  T: i32; N: i32; H: i32; yStep: i32; reverse: i32;
  clip: f32;
}

// @ts-ignore: decorator
@inline
export function padded(H: i32): i32 {
  return (H + 7) & ~7;
}

/** What a step costs beside its products, in multiply-accumulates: keeps empty steps from hiding from the limit of work. */
const STEP: f64 = 256;

/** Work of the steps, or REFUSED. `G`: gates · `weightBytes`: 4 of float32, 1 of int8, whose rows are whole fours · `yBytes`: of one element of y */
export function checkRecurrent(p: Recurrent, G: i32, weightBytes: f64, yBytes: f64): f64 {
  if (!sizes(p.T, p.N, p.H) || p.yStep < 0) return REFUSED;
  const T = <f64>p.T, N = <f64>p.N, H = <f64>p.H, P = Math.ceil(H / 8) * 8, rows = <f64>G * P, K = weightBytes == 1 ? Math.ceil(H / 4) * 4 : H;
  const inside = writes(p.gates, 4 * T * N * rows) && reads(p.r, weightBytes * rows * K) && writes(p.h, 4 * N * P)
    && optional(p.h0, 4 * N * H, false) && optional(p.hn, 4 * N * H, true) && optional(p.lengths, 4 * N, false)
    && optional(p.y, yBytes * ((T - 1) * <f64>p.yStep + N * H), true);
  return inside ? T * N * (rows * H + STEP) : REFUSED;
}

/** True for 0, or for an address of `bytes` bytes. */
export function optional(address: usize, bytes: f64, written: bool): bool {
  return address == 0 || (written ? writes(address, bytes) : reads(address, bytes));
}

/** Rows of [N,H] → rows of [N,P], padding zero; zeros where there are none. */
export function startState(state: usize, from: usize, N: i32, H: i32): void {
  const P = padded(H);
  memory.fill(state, 0, 4 * N * P);
  if (from) for (let n = 0; n < N; n++) memory.copy(state + 4 * n * P, from + 4 * n * H, 4 * H);
}

/** Rows of [N,P] → rows of [N,H]. */
export function endState(to: usize, state: usize, N: i32, H: i32): void {
  if (to) for (let n = 0; n < N; n++) memory.copy(to + 4 * n * H, state + 4 * n * padded(H), 4 * H);
}

/** Steps of sample n: its length, within 0 … T. NaN is 0. */
export function stepsOf(p: Recurrent, n: i32): i32 {
  if (!p.lengths) return p.T;
  const length = load<f32>(p.lengths + 4 * n);
  return length >= <f32>p.T ? p.T : length > 0 ? <i32>length : 0;
}

/** The time of step s: the reverse direction starts at the sample's end. */
export function timeOf(p: Recurrent, s: i32, steps: i32): i32 {
  return p.reverse ? steps - 1 - s : s;
}

/** x = f(clipped x), n a multiple of 4. */
export function activate(x: usize, n: i32, clip: f32, fn: i32, alpha: f32, beta: f32): void {
  if (clip > 0) {
    const lo = lane(-clip), hi = lane(clip);
    for (let i = 0; i < n; i += LANES) put(x, i, smaller(larger(at(x, i), lo), hi));
  }
  callFunction(x, 0, 0, x, n, alpha, beta, fn);
}

/** States below this become zero: smaller ones would soon be subnormal, or their squares, which makes a step ten times as long. */
const LEAST: f32 = 8.67361738e-19; // 2^-60

/** P states, whole vectors. */
export function flush(state: usize, P: i32): void {
  for (const end = state + 4 * P; state < end; state += 4 * LANES) {
    const value = at(state, 0);
    put(state, 0, ifLess(magnitude(value), lane(LEAST), lane(0), value));
  }
}

/** The hidden state as the next product reads it: q = round(h / scale) + zeroPoint, NaN gives the zero point. With SIMD whole fours, which rows of h and q are. */
export function quantizeHidden(q: usize, h: usize, H: i32, inverseScale: f32, zeroPoint: i32): void {
  if (ASC_FEATURE_SIMD) {
    const scale = f32x4.splat(inverseScale), zero = i16x8.splat(<i16>zeroPoint);
    for (const end = q + H; q < end; q += 4, h += 16) {
      const whole = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(h), scale))), v = i16x8.add_sat_s(i16x8.narrow_i32x4_s(whole, whole), zero);
      v128.store32_lane(q, i8x16.narrow_i16x8_s(v, v), 0);
    }
  } else for (let j = 0; j < H; j++) {
    const v = nearest(load<f32>(h + 4 * j) * inverseScale) + <f32>zeroPoint;
    store<i8>(q + j, v == v ? <i8>max(min(v, 127), -128) : <i8>zeroPoint);
  }
}
