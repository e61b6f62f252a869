import { REFUSED, reads, sizes, writes } from "../check";
import { LANES, at, plus, put } from "../lanes";
import { firstOf } from "../parts";

/** Parameters of biasGrad, written by converter/lower/conv.grad.ts. */
@unmanaged
export class BiasGrad {
  dy: usize; db: usize;
  rows: i32; O: i32;
}

export function checkBiasGrad(p: BiasGrad): f64 {
  if (!sizes(p.rows, p.O)) return REFUSED;
  const O = <f64>p.O, work = <f64>p.rows * O;
  return reads(p.dy, 4 * work) && writes(p.db, 4 * O) ? work + 8 * <f64>p.rows : REFUSED;
}

/**
 * Gradient by a bias, added to what is there: db[o] += Σr dy[r,o], r ascending, one accumulator per output.
 * dy f32 [rows,O] · db f32 [O]. Checked at load by checkBiasGrad. As many columns at once as keep four additions in flight.
 */
export function biasGrad(p: BiasGrad, part: i32, parts: i32): void {
  const end = firstOf(p.O, part + 1, parts);
  let o = firstOf(p.O, part, parts);
  for (; o + 4 * LANES <= end; o += 4 * LANES) fourLanes(p, o);
  for (; o + LANES <= end; o += LANES) oneLane(p, o);
  for (; o < end; o++) oneColumn(p, o);
}

function fourLanes(p: BiasGrad, o: i32): void {
  const step = 4 * p.O;
  let s0 = at(p.db, o), s1 = at(p.db, o + LANES), s2 = at(p.db, o + 2 * LANES), s3 = at(p.db, o + 3 * LANES);
  for (let dy = p.dy, end = dy + p.rows * step; dy < end; dy += step) {
    s0 = plus(s0, at(dy, o));
    s1 = plus(s1, at(dy, o + LANES));
    s2 = plus(s2, at(dy, o + 2 * LANES));
    s3 = plus(s3, at(dy, o + 3 * LANES));
  }
  put(p.db, o, s0);
  put(p.db, o + LANES, s1);
  put(p.db, o + 2 * LANES, s2);
  put(p.db, o + 3 * LANES, s3);
}

function oneLane(p: BiasGrad, o: i32): void {
  const step = 4 * p.O;
  let sum = at(p.db, o);
  for (let dy = p.dy, end = dy + p.rows * step; dy < end; dy += step) sum = plus(sum, at(dy, o));
  put(p.db, o, sum);
}

function oneColumn(p: BiasGrad, o: i32): void {
  const step = 4 * p.O;
  let sum = load<f32>(p.db + 4 * o);
  for (let dy = p.dy, end = dy + p.rows * step; dy < end; dy += step) sum += load<f32>(dy + 4 * o);
  store<f32>(p.db + 4 * o, sum);
}
