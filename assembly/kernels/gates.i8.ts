import { REFUSED, reads, sizes, writes } from "../check";
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
