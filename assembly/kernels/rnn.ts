/** Simple RNN, float32 and int8: h' = f(x part + R · h). Equations: ONNX RNN-22. */
import { REFUSED, reads, writes } from "../check";
import { isFunction } from "../tables";
import { clearTail } from "./lstm";
import { addProductF32, addProductI8 } from "./matvec";
import { Recurrent, activate, checkRecurrent, endState, flush, padded, quantizeHidden, startState, stepsOf, timeOf } from "./recurrent";

@unmanaged
export class RnnF32 extends Recurrent {
  hiddenFn: i32;
  hiddenAlpha: f32; hiddenBeta: f32;
}

/** r i8 c4 · m f32 [P] · q i8 [N,P] scratch · y i8 */
@unmanaged
export class RnnI8 extends RnnF32 {
  m: usize; q: usize;
  inverseScale: f32; zeroPoint: i32;
}

export function checkRnnF32(p: RnnF32): f64 {
  return isFunction(p.hiddenFn) ? checkRecurrent(p, 1, 4, 4) : REFUSED;
}

export function checkRnnI8(p: RnnI8): f64 {
  const P = Math.ceil(<f64>p.H / 8) * 8;
  return isFunction(p.hiddenFn) && reads(p.m, 4 * P) && writes(p.q, <f64>p.N * P) ? checkRecurrent(p, 1, 1, 1) : REFUSED;
}

export function rnnF32(p: RnnF32, part: i32, parts: i32): void {
  const P = padded(p.H);
  startState(p.h, p.h0, p.N, p.H);
  for (let n = part; n < p.N; n += parts) {
    const steps = stepsOf(p, n), h = p.h + 4 * n * P;
    for (let s = 0; s < steps; s++) {
      const t = timeOf(p, s, steps), z = p.gates + 4 * (t * p.N + n) * P;
      addProductF32(z, p.r, h, P, p.H);
      activate(z, P, p.clip, p.hiddenFn, p.hiddenAlpha, p.hiddenBeta);
      memory.copy(h, z, 4 * P);
      flush(h, P);
      if (p.y) memory.copy(p.y + 4 * (t * p.yStep + n * p.H), h, 4 * p.H);
    }
    if (p.y) clearTail(p, n, steps, 4);
  }
  endState(p.hn, p.h, p.N, p.H);
}

/** With int8 weights and int8 hidden state in the product; the sum in float32. */
export function rnnI8(p: RnnI8, part: i32, parts: i32): void {
  const P = padded(p.H), K = (p.H + 3) & ~3;
  startState(p.h, p.h0, p.N, p.H);
  for (let n = part; n < p.N; n += parts) {
    const steps = stepsOf(p, n), h = p.h + 4 * n * P, q = p.q + n * P;
    quantizeHidden(q, h, p.H, p.inverseScale, p.zeroPoint);
    for (let s = 0; s < steps; s++) {
      const t = timeOf(p, s, steps), z = p.gates + 4 * (t * p.N + n) * P;
      addProductI8(z, p.r, p.m, q, P, K);
      activate(z, P, p.clip, p.hiddenFn, p.hiddenAlpha, p.hiddenBeta);
      memory.copy(h, z, 4 * P);
      quantizeHidden(q, h, p.H, p.inverseScale, p.zeroPoint);
      if (p.y) memory.copy(p.y + t * p.yStep + n * p.H, q, p.H);
    }
    if (p.y) clearTail(p, n, steps, 1, p.zeroPoint);
  }
  endState(p.hn, p.h, p.N, p.H);
}
