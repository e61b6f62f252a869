import { REFUSED, fixed, reads, sizes, writes } from "../check";
import { LANES, at, lane, plus, put, times } from "../lanes";

/** Parameters of resampleF32, written by converter/lower/resample.ts: positions i and weights w of the taps of every output index. */
@unmanaged
export class ResampleF32 {
  x: usize; i: usize; w: usize; y: usize;
  outer: i32; n: i32; out: i32; inner: i32; taps: i32;
}

export function checkResampleF32(p: ResampleF32): f64 {
  if (!sizes(p.outer, p.n, p.out, p.inner) || !sizes(p.taps, 1)) return REFUSED;
  const outer = <f64>p.outer, out = <f64>p.out, inner = <f64>p.inner, table = out * <f64>p.taps;
  const inside = reads(p.x, 4 * outer * <f64>p.n * inner) && writes(p.y, 4 * outer * out * inner) && fixed(p.i, 4 * table) && reads(p.w, 4 * table);
  return inside && below(p.i, <i32>table, p.n) ? outer * table * inner : REFUSED;
}

/** True if each of the `count` positions at i is in 0 … n − 1. */
export function below(i: usize, count: i32, n: i32): bool {
  for (let k = 0; k < count; k++) if (<u32>load<i32>(i + (<usize>k << 2)) >= <u32>n) return false;
  return true;
}

/**
 * Resizing along one axis.
 *   y[o,j,c] = Σt w[j,t] · x[o,i[j,t],c], t ascending
 * x f32 [outer,n,inner] · i i32, w f32 [out,taps] · y f32 [outer,out,inner]. Checked at load by checkResampleF32.
 */
export function resampleF32(p: ResampleF32, part: i32, parts: i32): void {
  const row = <usize>p.inner << 2;
  for (let k = part; k < p.outer * p.out; k += parts) {
    const x = p.x + row * (k / p.out * p.n), table = <usize>(k % p.out * p.taps) << 2;
    mix(p, x, p.i + table, p.w + table, p.y + row * k);
  }
}

function mix(p: ResampleF32, x: usize, i: usize, w: usize, y: usize): void {
  const inner = p.inner, row = <usize>inner << 2;
  let c = 0;
  for (; c + LANES <= inner; c += LANES) {
    let sum = lane(0);
    for (let t: usize = 0; t < <usize>p.taps << 2; t += 4) sum = plus(sum, times(lane(load<f32>(w + t)), at(x + row * load<i32>(i + t), c)));
    put(y, c, sum);
  }
  for (; c < inner; c++) {
    let sum: f32 = 0;
    for (let t: usize = 0; t < <usize>p.taps << 2; t += 4) sum += load<f32>(w + t) * load<f32>(x + row * load<i32>(i + t) + (<usize>c << 2));
    store<f32>(y + (<usize>c << 2), sum);
  }
}
