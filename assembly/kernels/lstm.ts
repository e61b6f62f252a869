/** The cell of an LSTM, and its float32 and int8 kernels. Equations: ONNX LSTM-22; gates i, f, g, o. */
import { REFUSED, reads, writes } from "../check";
import { LANES, at, clamp, lane, minus, plus, put, times, timesPlus } from "../lanes";
import { callFunction, isFunction } from "../tables";
import { expandWeights } from "./gemm.i8.simd";
import { addProductF32, addProductI16, addProductI8 } from "./matvec";
import { Recurrent, activate, checkRecurrent, endState, flush, optional, padded, quantizeHidden, startState, stepsOf, timeOf } from "./recurrent";

/** c0, cn f32 [N,H] or 0 · c f32 [N,P] scratch · peephole f32 [3,P] (i, o, f) or 0 */
@unmanaged
export class LstmF32 extends Recurrent {
  c0: usize; cn: usize; c: usize; peephole: usize;
  gateFn: i32; cellFn: i32; hiddenFn: i32; inputForget: i32;
  gateAlpha: f32; gateBeta: f32; cellAlpha: f32; cellBeta: f32; hiddenAlpha: f32; hiddenBeta: f32; cellClip: f32;
}

/** r i8 c4 · m f32 [4P], scale of each row's product · q i8 [N,P] scratch · y i8 */
@unmanaged
export class LstmI8 extends LstmF32 {
  m: usize; q: usize;
  inverseScale: f32; zeroPoint: i32;
}

/** t: scratch, a row and the weights as addProductI16 reads them */
@unmanaged
export class LstmWideI8 extends LstmI8 {
  t: usize;
}

export function checkLstmF32(p: LstmF32): f64 {
  return cellInside(p) ? checkRecurrent(p, 4, 4, 4) : REFUSED;
}

export function checkLstmI8(p: LstmI8): f64 {
  const P = Math.ceil(<f64>p.H / 8) * 8;
  const inside = cellInside(p) && reads(p.m, 16 * P) && writes(p.q, <f64>p.N * P);
  return inside ? checkRecurrent(p, 4, 1, 1) : REFUSED;
}

export function checkLstmWideI8(p: LstmWideI8): f64 {
  const P = Math.ceil(<f64>p.H / 8) * 8, work = checkLstmI8(p);
  return writes(p.t, 2 * P + 8 * P * Math.ceil(<f64>p.H / 4) * 4) ? work : REFUSED;
}

function cellInside(p: LstmF32): bool {
  const N = <f64>p.N, H = <f64>p.H, P = Math.ceil(H / 8) * 8;
  return writes(p.c, 4 * N * P) && optional(p.c0, 4 * N * H, false) && optional(p.cn, 4 * N * H, true) && optional(p.peephole, 12 * P, false)
    && isFunction(p.gateFn) && isFunction(p.cellFn) && isFunction(p.hiddenFn);
}

/**
 * LSTM, float32: one sample's steps after the other, each adding r · h to its row of gates.
 *   c' = f ∘ c + i ∘ g · h' = o ∘ hidden(c')
 */
export function lstmF32(p: LstmF32, part: i32, parts: i32): void {
  const P = padded(p.H), row = 4 * P;
  start(p);
  for (let n = part; n < p.N; n += parts) {
    const steps = stepsOf(p, n), h = p.h + 4 * n * P;
    for (let s = 0; s < steps; s++) {
      const t = timeOf(p, s, steps), z = p.gates + 4 * (t * p.N + n) * row;
      addProductF32(z, p.r, h, row, p.H);
      cell(p, z, h, p.c + 4 * n * P, P);
      if (p.y) memory.copy(p.y + 4 * (t * p.yStep + n * p.H), h, 4 * p.H);
    }
    if (p.y) clearTail(p, n, steps, 4);
  }
  finish(p);
}

/** LSTM with int8 weights and int8 hidden state in the products; gates and cell in float32. */
export function lstmI8(p: LstmI8, part: i32, parts: i32): void {
  steps(p, 0, part, parts);
}

/** lstmI8 of many steps: with SIMD the weights are expanded once. Relaxed products take them as they are. */
export function lstmWideI8(p: LstmWideI8, part: i32, parts: i32): void {
  const isWide = ASC_FEATURE_SIMD && !ASC_FEATURE_RELAXED_SIMD, P = padded(p.H);
  if (isWide) expandWeights(p.r, 4 * P * ((p.H + 3) & ~3), p.t + 2 * P, 0);
  steps(p, isWide ? p.t : 0, part, parts);
}

/** wide: scratch of LstmWideI8, filled, or 0 */
function steps(p: LstmI8, wide: usize, part: i32, parts: i32): void {
  const P = padded(p.H), row = 4 * P, K = (p.H + 3) & ~3;
  start(p);
  for (let n = part; n < p.N; n += parts) {
    const steps = stepsOf(p, n), h = p.h + 4 * n * P, q = p.q + n * P;
    quantizeHidden(q, h, p.H, p.inverseScale, p.zeroPoint);
    for (let s = 0; s < steps; s++) {
      const t = timeOf(p, s, steps), z = p.gates + 4 * (t * p.N + n) * row;
      if (ASC_FEATURE_SIMD && !ASC_FEATURE_RELAXED_SIMD && wide) addProductI16(z, wide + 2 * P, p.m, q, wide, row, K);
      else addProductI8(z, p.r, p.m, q, row, K);
      cell(p, z, h, p.c + 4 * n * P, P);
      quantizeHidden(q, h, p.H, p.inverseScale, p.zeroPoint);
      if (p.y) memory.copy(p.y + t * p.yStep + n * p.H, q, p.H);
    }
    if (p.y) clearTail(p, n, steps, 1, p.zeroPoint);
  }
  finish(p);
}

function start(p: LstmF32): void {
  startState(p.h, p.h0, p.N, p.H);
  startState(p.c, p.c0, p.N, p.H);
}

function finish(p: LstmF32): void {
  endState(p.hn, p.h, p.N, p.H);
  endState(p.cn, p.c, p.N, p.H);
}

/** y = 0 behind the sample's last step. */
export function clearTail(p: Recurrent, n: i32, steps: i32, bytes: i32, zeroPoint: i32 = 0): void {
  for (let t = steps; t < p.T; t++) memory.fill(p.y + bytes * (t * p.yStep + n * p.H), <u8>zeroPoint, bytes * p.H);
}

/** z f32 [4P] gates before activation → h, c f32 [P] */
function cell(p: LstmF32, z: usize, h: usize, c: usize, P: i32): void {
  const i = z, f = z + 4 * P, g = z + 8 * P, o = z + 12 * P;
  if (p.peephole) {
    addPeephole(i, p.peephole, c, P);
    addPeephole(f, p.peephole + 8 * P, c, P);
  }
  activate(i, 2 * P, p.clip, p.gateFn, p.gateAlpha, p.gateBeta);
  if (p.inputForget) for (let j = 0; j < P; j += LANES) put(f, j, minus(lane(1), at(i, j)));
  activate(g, P, p.clip, p.cellFn, p.cellAlpha, p.cellBeta);
  const bound = p.cellClip > 0 ? p.cellClip : Infinity, hi = lane(bound), lo = lane(-bound);
  for (let j = 0; j < P; j += LANES) put(c, j, clamp(plus(times(at(f, j), at(c, j)), times(at(i, j), at(g, j))), lo, hi));
  flush(c, P);
  if (p.peephole) addPeephole(o, p.peephole + 4 * P, c, P);
  activate(o, P, p.clip, p.gateFn, p.gateAlpha, p.gateBeta);
  callFunction(c, 0, 0, h, P, p.hiddenAlpha, p.hiddenBeta, p.hiddenFn);
  for (let j = 0; j < P; j += LANES) put(h, j, times(at(o, j), at(h, j)));
  flush(h, P);
}

function addPeephole(z: usize, p: usize, c: usize, P: i32): void {
  for (let j = 0; j < P; j += LANES) put(z, j, timesPlus(at(p, j), at(c, j), at(z, j)));
}
