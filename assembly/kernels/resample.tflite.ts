import { REFUSED, between, fixed, reads, sizes, writes } from "../check";
import { below } from "./resample.f32";
import { integerAt, isBytes, storeInteger } from "./rescale";

/** Parameters of resampleTflite, written by converter/lower/resample.ts: bytes of an element of x and y; the sum is divided by 2^shift. */
@unmanaged
export class ResampleTflite {
  x: usize; i: usize; w: usize; y: usize;
  outer: i32; n: i32; out: i32; inner: i32; taps: i32; from: i32; to: i32; shift: i32;
}

export function checkResampleTflite(p: ResampleTflite): f64 {
  if (!sizes(p.outer, p.n, p.out, p.inner) || !sizes(p.taps, 1) || !isBytes(p.from) || !isBytes(p.to) || !between(p.shift, 0, 62)) return REFUSED;
  const outer = <f64>p.outer, out = <f64>p.out, inner = <f64>p.inner, table = out * <f64>p.taps;
  const inside = reads(p.x, <f64>p.from * outer * <f64>p.n * inner) && writes(p.y, <f64>p.to * outer * out * inner) && fixed(p.i, 4 * table) && reads(p.w, 4 * table);
  return inside && below(p.i, <i32>table, p.n) ? outer * table * inner : REFUSED;
}

/**
 * Resizing of integers along one axis: y[o,j,c] = (Σt w[j,t] · x[o,i[j,t],c]) / 2^shift, halves away from zero.
 * x i8, i16 or i32 [outer,n,inner] · i, w i32 [out,taps] · y i8, i16 or i32 [outer,out,inner]. Checked at load by checkResampleTflite.
 * Rows to i32 with shift 0, then columns with both axes' bits: bit-exact with TFLite's ResizeBilinearInteger.
 */
export function resampleTflite(p: ResampleTflite, part: i32, parts: i32): void {
  const inner = p.inner, half: i64 = p.shift > 0 ? <i64>1 << (p.shift - 1) : 0;
  for (let k = part; k < p.outer * p.out; k += parts) {
    const first = k / p.out * p.n, table = <usize>(k % p.out * p.taps) << 2;
    for (let c = 0; c < inner; c++) {
      let sum: i64 = 0;
      for (let t: usize = 0; t < <usize>p.taps << 2; t += 4) {
        sum += <i64>load<i32>(p.w + table + t) * <i64>integerAt(p.x + p.from * ((first + load<i32>(p.i + table + t)) * inner + c), p.from);
      }
      storeInteger(p.y + p.to * (k * inner + c), p.to, <i32>((sum + half - (p.shift > 0 && sum <= 0 ? 1 : 0)) >> p.shift));
    }
  }
}
