/**
 * What the training kernels of recurrent layers share. Four or five samples go through all steps, then the next ones: a step
 * is a product of so many rows and the arithmetic of units, each on its own.
 *
 * scale > 0: y, and the products of the next step, see a hidden value h as the int8 model holds it,
 *   scale · (clamp(round(h · inverseScale) + zeroPoint, −128, 127) − zeroPoint), rounded as in recurrent.ts;
 * its gradient is 1 where nothing was clamped, else 0. scale = 0: nothing is rounded.
 *
 * Offsets are in bytes: `at`, of a sample's step in [T,N,H]; `j`, of a unit in a row.
 */
import { clamp, ifLess, magnitude, minus, plus, rounded, splat, times } from "../lanes";
import { multiplyFew } from "./gemm.few.f32";
import { wholeLanes } from "./rows.f32";

@unmanaged
export class Unrolled {
  T: i32; N: i32; H: i32; zeroPoint: i32;
  scale: f32; inverseScale: f32;
}

/** What a sample's step costs beside its products, in multiply-accumulates. */
export const STEP: f64 = 64;

/** Samples that go through all steps together, at most. */
const ROWS: i32 = 5;

/** Tiles that N samples make, and the first sample of each: none has two more than another. */
export function tilesOf(N: i32): i32 {
  return (N + ROWS - 1) / ROWS;
}

export function firstRow(N: i32, tile: i32, tiles: i32): i32 {
  return <i32>(<i64>N * tile / tiles);
}

/** Bytes of scratch: `floats` for each of them. */
export function scratchBytes(floats: f64): f64 {
  return 4 * ROWS * floats;
}

/**
 * Where y[t−1] of the samples from n on stands: for t = 0 h0, made as the model holds it at `start`. 0 where there is none.
 */
export function earlierRows(p: Unrolled, y: usize, h0: usize, t: i32, n: i32, count: i32, start: usize): usize {
  const H = p.H;
  if (t) return y + 4 * ((t - 1) * p.N + n) * H;
  if (h0) asHeld(p, h0 + 4 * n * H, start, count * H);
  return h0 ? start : 0;
}

/** Σk x[i,k] · w[o,k] to y[i,o] of `count` rows i, `across` and `down` bytes apart · w packed [ceil(O/8)][K][8] */
export function timesPacked(x: usize, across: i32, count: i32, K: i32, w: usize, O: i32, y: usize, down: i32): void {
  for (let o = 0; o < O; o += 8, w += 32 * K) multiplyFew(x, across, count, K, w, 32, y + 4 * o, down, min(8, O - o));
}

/** Σk x[i,k] · w[k,c] to y[i,c] of `count` rows i · w [K,C]; up to 28 bytes behind it are read, within SLACK. */
export function timesRows(x: usize, across: i32, count: i32, K: i32, w: usize, C: i32, y: usize, down: i32): void {
  for (let c = 0; c < C; c += 8) multiplyFew(x, across, count, K, w + 4 * c, 4 * C, y + 4 * c, down, min(8, C - c));
}

/** w [O,K] → [ceil(O/8)][K][8], missing rows zero; returns its end. */
export function packWeights(w: usize, O: i32, K: i32, to: usize): usize {
  const block = 32 * K, end = to + ((O + 7) >> 3) * block;
  if (O & 7) memory.fill(end - block, 0, block);
  for (let o = 0; o < O; o++) {
    let at = to + (o >> 3) * block + 4 * (o & 7);
    for (const last = w + 4 * K; w < last; w += 4, at += 32) store<f32>(at, load<f32>(w));
  }
  return end;
}

/** Bytes of packWeights. */
export function packedBytes(O: f64, K: f64): f64 {
  return 32 * Math.ceil(O / 8) * K;
}

/** The row of sample n of a state [N,H], zeros where there is none. */
export function copyState(to: usize, state: usize, n: i32, H: i32): void {
  if (state) memory.copy(to, state + 4 * n * H, 4 * H);
  else memory.fill(to, 0, 4 * H);
}

/** `offset` bytes into an array; 0 where there is none. */
// @ts-ignore: decorator
@inline
export function rowOf(a: usize, offset: i32): usize {
  return a ? a + offset : 0;
}

/** The value there; 0 where there is no array. */
// @ts-ignore: decorator
@inline
export function valueAt<T>(a: usize, offset: i32): T {
  return a ? load<T>(a + offset) : splat<T>(0);
}

/** q[i] = h[i] as the model holds it, n of them; q may be h. */
export function asHeld(p: Unrolled, h: usize, q: usize, n: i32): void {
  if (p.scale == 0) {
    if (q != h) memory.copy(q, h, 4 * n);
    return;
  }
  const whole = wholeLanes(n), end = 4 * n;
  let i = 0;
  for (; i < whole; i += sizeof<Lane>()) store<Lane>(q + i, held<Lane>(p, load<Lane>(h + i)));
  for (; i < end; i += 4) store<f32>(q + i, held<f32>(p, load<f32>(h + i)));
}

// @ts-ignore: decorator
@inline
function held<T>(p: Unrolled, h: T): T {
  const zero = splat<T>(<f32>p.zeroPoint), q = clamp<T>(plus<T>(rounded<T>(times<T>(h, splat<T>(p.inverseScale))), zero), splat<T>(-128), splat<T>(127));
  return times<T>(minus<T>(q, zero), splat<T>(p.scale));
}

/** From the gradient of what the model holds to that of h. */
// @ts-ignore: decorator
@inline
export function through<T>(p: Unrolled, h: T, d: T): T {
  if (p.scale == 0) return d;
  const q = plus<T>(rounded<T>(times<T>(h, splat<T>(p.inverseScale))), splat<T>(<f32>p.zeroPoint));
  return ifLess<T>(magnitude<T>(plus<T>(q, splat<T>(0.5))), splat<T>(128), d, splat<T>(0)); // −128 … 127: q is whole
}

/**
 * Scratch of a sample in a backward pass begins with [2,H]: what the product gave for y[t] · what reaches h past its rounding,
 * at first dhn.
 */
export function beginRow(p: Unrolled, dhn: usize, n: i32, s: usize): void {
  memory.fill(s, 0, 4 * p.H);
  copyState(s + 4 * p.H, dhn, n, p.H);
}

/** What is left there goes to dh0 f32 [N,H] or 0; h0 likewise. */
export function endRow(p: Unrolled, h0: usize, dh0: usize, n: i32, s: usize): void {
  const H = 4 * p.H, at = n * H;
  if (dh0) for (let j = 0; j < H; j += 4) store<f32>(dh0 + at + j, through<f32>(p, valueAt<f32>(h0, at + j), load<f32>(s + j)) + load<f32>(s + H + j));
}

/** Derivatives of sigmoid and tanh by their value. */
// @ts-ignore: decorator
@inline
export function sigmoidSlope<T>(y: T): T {
  return times<T>(y, minus<T>(splat<T>(1), y));
}

// @ts-ignore: decorator
@inline
export function tanhSlope<T>(y: T): T {
  return minus<T>(splat<T>(1), times<T>(y, y));
}
