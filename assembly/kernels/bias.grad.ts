import { REFUSED, reads, sizes, writes } from "../check";
import { LANES, plus } from "../lanes";
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
 * dy f32 [rows,O] · db f32 [O]. Checked at load by checkBiasGrad. Rows go by, eight at a time, as they lie.
 */
export function biasGrad(p: BiasGrad, part: i32, parts: i32): void {
  const from = firstOf(p.O, part, parts), end = firstOf(p.O, part + 1, parts), step = 4 * p.O;
  let dy = p.dy, rows = p.rows;
  for (; rows >= 8; rows -= 8, dy += 8 * step) {
    let o = from;
    for (; o + LANES <= end; o += LANES) addEight<Lane>(p.db + 4 * o, dy + 4 * o, step);
    for (; o < end; o++) addEight<f32>(p.db + 4 * o, dy + 4 * o, step);
  }
  for (; rows > 0; rows--, dy += step) {
    for (let o = from; o < end; o++) store<f32>(p.db + 4 * o, load<f32>(p.db + 4 * o) + load<f32>(dy + 4 * o));
  }
}

// @ts-ignore: decorator
@inline
function addEight<T>(db: usize, dy: usize, step: i32): void {
  const fifth = dy + 4 * step;
  let sum = plus<T>(plus<T>(plus<T>(plus<T>(load<T>(db), load<T>(dy)), load<T>(dy + step)), load<T>(dy + 2 * step)), load<T>(dy + 3 * step));
  sum = plus<T>(plus<T>(plus<T>(plus<T>(sum, load<T>(fifth)), load<T>(fifth + step)), load<T>(fifth + 2 * step)), load<T>(fifth + 3 * step));
  store<T>(db, sum);
}
