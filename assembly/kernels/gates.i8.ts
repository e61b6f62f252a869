import { REFUSED, apart, reads, sizes, writes } from "../check";
import { Output, SCALED } from "../quant/output";
import { expandPairs, multiplyPairs } from "./gemm.i8.scalar";
import { expandWeights, multiplyPanel, packRows } from "./gemm.i8.simd";
import { addProductI8 } from "./matvec";

/** Parameters of gatesI8, written by converter/lower/recurrent.ts. */
@unmanaged
export class GatesI8 {
  x: usize; w: usize; m: usize; b: usize; y: usize;
  N: i32; I: i32; O: i32;
}

export function checkGatesI8(p: GatesI8): f64 {
  if (!sizes(p.N, p.I, p.O) || p.O & 7) return REFUSED;
  const N = <f64>p.N, I = <f64>p.I, O = <f64>p.O, K = Math.ceil(I / 4) * 4;
  const inside = reads(p.x, N * I) && reads(p.w, O * K) && reads(p.m, 4 * O) && reads(p.b, 4 * O) && writes(p.y, 4 * N * O);
  return inside ? N * K * O : REFUSED;
}

/**
 * Dense layer with a float result: the inputs' part of every gate of a recurrent layer.
 *   y[n,o] = b[o] + f32(Σi x[n,i] · w[o,i]) · m[o]
 * x i8 [N,I] · w i8 c4 [O/8][ceil(I/4)][8][4], columns behind I zero · m, b f32 [O] · y f32 [N,O], O a multiple of 8.
 * Checked at load by checkGatesI8; the last row is read up to 3 bytes past its end, within SLACK.
 */
export function gatesI8(p: GatesI8, part: i32, parts: i32): void {
  const K = (p.I + 3) & ~3;
  for (let n = part; n < p.N; n += parts) {
    const y = p.y + 4 * n * p.O;
    memory.copy(y, p.b, 4 * p.O);
    addProductI8(y, p.w, p.m, p.x + n * p.I, p.O, K);
  }
}

/** t: scratch */
@unmanaged
export class GatesPanelI8 extends GatesI8 {
  t: usize;
}

/** In scratch, which y leaves alone: an Output · a panel · weights as gemm.i8.simd.ts reads them */
const PANEL: usize = 32;

export function checkGatesPanelI8(p: GatesPanelI8): f64 {
  const K = Math.ceil(<f64>p.I / 4) * 4, work = checkGatesI8(p), scratch = <f64>PANEL + 8 * (K + 8) + 2 * K * <f64>p.O;
  return writes(p.t, scratch) && apart(p.y, 4 * <f64>p.N * <f64>p.O, p.t, scratch) ? work : REFUSED;
}

/** gatesI8 of many rows: four or two at a time, weights expanded once. Relaxed products take rows and weights as they are. */
export function gatesPanelI8(p: GatesPanelI8, part: i32, parts: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD || isDefined(REFERENCE)) return gatesI8(p, part, parts);
  const I = p.I, O = p.O, K = (I + 3) & ~3, last = p.N - 1, panel = p.t + PANEL, w = panel + 8 * (K + 8), output = changetype<Output>(p.t), x = p.x, y = p.y;
  output.m = p.m;
  if (ASC_FEATURE_SIMD) {
    expandWeights(p.w, O * K, w, 0);
    for (let n = 4 * part; n <= last; n += 4 * parts) {
      const b = min(n + 1, last), c = min(n + 2, last), d = min(n + 3, last);
      packRows(x + n * I, x + b * I, x + c * I, x + d * I, K, panel);
      multiplyPanel(output, SCALED, panel, 8 * K, w, p.b, 0, O, y + 4 * n * O, y + 4 * b * O, y + 4 * c * O, y + 4 * d * O);
    }
  } else for (let o = 0, half = O >> 1; o < O; o += half) {
    expandPairs(p.w, K, o, half, 0, w);
    for (let n = 2 * part; n <= last; n += 2 * parts) {
      const b = min(n + 1, last);
      multiplyPairs(output, SCALED, x + n * I, x + b * I, K, w, p.b + 4 * o, o, half, y + 4 * (n * O + o), y + 4 * (b * O + o));
    }
  }
}
