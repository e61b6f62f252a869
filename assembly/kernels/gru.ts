/** GRU, float32 and int8. Equations: ONNX GRU-22; gates z, r, h. The biases of w are in `gates` already. */
import { REFUSED, reads, writes } from "../check";
import { LANES, at, lane, minus, plus, put, times } from "../lanes";
import { isFunction } from "../tables";
import { clearTail } from "./lstm";
import { addProductF32, addProductI8 } from "./matvec";
import { Recurrent, activate, checkRecurrent, endState, flush, padded, quantizeHidden, startState, stepsOf, timeOf } from "./recurrent";

/** rb f32 [3P]: recurrent biases · sums f32 [P], reset f32 [P]: scratch */
@unmanaged
export class GruF32 extends Recurrent {
  rb: usize; sums: usize; reset: usize;
  gateFn: i32; candidateFn: i32; linearBeforeReset: i32;
  gateAlpha: f32; gateBeta: f32; candidateAlpha: f32; candidateBeta: f32;
}

/** r i8 c4 · m f32 [3P] · q i8 [N,P] and resetQ i8 [P]: scratch · y i8 */
@unmanaged
export class GruI8 extends GruF32 {
  m: usize; q: usize; resetQ: usize;
  inverseScale: f32; zeroPoint: i32;
}

export function checkGruF32(p: GruF32): f64 {
  return cellInside(p) ? checkRecurrent(p, 3, 4, 4) : REFUSED;
}

export function checkGruI8(p: GruI8): f64 {
  const P = Math.ceil(<f64>p.H / 8) * 8;
  const inside = cellInside(p) && reads(p.m, 12 * P) && writes(p.q, <f64>p.N * P) && writes(p.resetQ, P);
  return inside ? checkRecurrent(p, 3, 1, 1) : REFUSED;
}

function cellInside(p: GruF32): bool {
  const P = Math.ceil(<f64>p.H / 8) * 8;
  return reads(p.rb, 12 * P) && writes(p.sums, 4 * P) && writes(p.reset, 4 * P) && isFunction(p.gateFn) && isFunction(p.candidateFn);
}

/**
 *   z, r = gate(x part + R · h + rb) · n = candidate(x part + r ∘ (Rh · h + rb)), or candidate(x part + Rh · (r ∘ h) + rb)
 *   h' = (1 − z) ∘ n + z ∘ h
 */
export function gruF32(p: GruF32, part: i32, parts: i32): void {
  const P = padded(p.H), candidateRows = p.r + 8 * P * p.H;
  startState(p.h, p.h0, p.N, p.H);
  for (let n = part; n < p.N; n += parts) {
    const steps = stepsOf(p, n), h = p.h + 4 * n * P;
    for (let s = 0; s < steps; s++) {
      const t = timeOf(p, s, steps), z = p.gates + 12 * (t * p.N + n) * P;
      addProductF32(z, p.r, h, 2 * P, p.H);
      resetGates(p, z, h, P);
      addProductF32(p.sums, candidateRows, p.linearBeforeReset ? h : p.reset, P, p.H);
      update(p, z, h, P);
      if (p.y) memory.copy(p.y + 4 * (t * p.yStep + n * p.H), h, 4 * p.H);
    }
    if (p.y) clearTail(p, n, steps, 4);
  }
  endState(p.hn, p.h, p.N, p.H);
}

/** GRU with int8 weights and int8 hidden state in the products; gates in float32. */
export function gruI8(p: GruI8, part: i32, parts: i32): void {
  const P = padded(p.H), K = (p.H + 3) & ~3, candidateRows = p.r + 2 * P * K;
  startState(p.h, p.h0, p.N, p.H);
  for (let n = part; n < p.N; n += parts) {
    const steps = stepsOf(p, n), h = p.h + 4 * n * P, q = p.q + n * P;
    quantizeHidden(q, h, p.H, p.inverseScale, p.zeroPoint);
    for (let s = 0; s < steps; s++) {
      const t = timeOf(p, s, steps), z = p.gates + 12 * (t * p.N + n) * P;
      addProductI8(z, p.r, p.m, q, 2 * P, K);
      resetGates(p, z, h, P);
      if (!p.linearBeforeReset) quantizeHidden(p.resetQ, p.reset, p.H, p.inverseScale, p.zeroPoint);
      addProductI8(p.sums, candidateRows, p.m + 8 * P, p.linearBeforeReset ? q : p.resetQ, P, K);
      update(p, z, h, P);
      quantizeHidden(q, h, p.H, p.inverseScale, p.zeroPoint);
      if (p.y) memory.copy(p.y + t * p.yStep + n * p.H, q, p.H);
    }
    if (p.y) clearTail(p, n, steps, 1, p.zeroPoint);
  }
  endState(p.hn, p.h, p.N, p.H);
}

/** Adds the biases of z and r and activates both; starts the candidate's sum; with r before the product, makes r ∘ h. */
function resetGates(p: GruF32, z: usize, h: usize, P: i32): void {
  for (let j = 0; j < 2 * P; j += LANES) put(z, j, plus(at(z, j), at(p.rb, j)));
  activate(z, 2 * P, p.clip, p.gateFn, p.gateAlpha, p.gateBeta);
  memory.copy(p.sums, p.rb + 8 * P, 4 * P);
  if (!p.linearBeforeReset) for (let j = 0; j < P; j += LANES) put(p.reset, j, times(at(z + 4 * P, j), at(h, j)));
}

function update(p: GruF32, z: usize, h: usize, P: i32): void {
  const r = z + 4 * P, n = z + 8 * P;
  if (p.linearBeforeReset) for (let j = 0; j < P; j += LANES) put(n, j, plus(at(n, j), times(at(r, j), at(p.sums, j))));
  else for (let j = 0; j < P; j += LANES) put(n, j, plus(at(n, j), at(p.sums, j)));
  activate(n, P, p.clip, p.candidateFn, p.candidateAlpha, p.candidateBeta);
  for (let j = 0; j < P; j += LANES) put(h, j, plus(times(minus(lane(1), at(z, j)), at(n, j)), times(at(z, j), at(h, j))));
  flush(h, P);
}
