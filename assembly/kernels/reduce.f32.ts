import { REFUSED, between, reads, writes } from "../check";
import { log } from "../functions/slow";
import { LANES, at, greatest, least, magnitude, over, plus, put, root, splat, times } from "../lanes";
import { exp } from "../math";
import { distinct, elements, highest, indexOf, lowest, sizesAt } from "../strided";

/** Parameters of reduceF32, written by converter/lower/lines.ts: kept axes n with strides x, reduced axes m with strides r, in elements. */
@unmanaged
export class ReduceF32 {
  x: usize; y: usize;
  how: i32;
  n0: i32; n1: i32; n2: i32; n3: i32; n4: i32; n5: i32;
  x0: i32; x1: i32; x2: i32; x3: i32; x4: i32; x5: i32;
  m0: i32; m1: i32; m2: i32; m3: i32; m4: i32; m5: i32;
  r0: i32; r1: i32; r2: i32; r3: i32; r4: i32; r5: i32;
}

/** Values of `how`, in the order of `reduceOps` in converter/ir/ops.ts. */
const SUM: i32 = 0, MEAN: i32 = 1, MAX: i32 = 2, MIN: i32 = 3, PROD: i32 = 4, L1: i32 = 5, L2: i32 = 6, SUM_SQUARE: i32 = 7, LOG_SUM_EXP: i32 = 8;
const N = offsetof<ReduceF32>("n0"), X = offsetof<ReduceF32>("x0"), M = offsetof<ReduceF32>("m0"), R = offsetof<ReduceF32>("r0");

/** What finding the first element of a row costs, in multiply-accumulates. */
const ROW: f64 = 512;

export function checkReduceF32(p: ReduceF32): f64 {
  const at = changetype<usize>(p), outputs = elements(at + N), each = elements(at + M);
  if (!between(p.how, SUM, LOG_SUM_EXP) || !sizesAt(at + N) || !sizesAt(at + M) || !distinct(at + M, at + R)) return REFUSED;
  const inside = lowest(at + N, at + X) == 0 && lowest(at + M, at + R) == 0 && writes(p.y, 4 * outputs) && reads(p.x, 4 * (highest(at + N, at + X) + highest(at + M, at + R) + 1));
  return inside ? outputs * (4 * each + ROW * (p.how == LOG_SUM_EXP ? each : each / <f64>p.m5)) : REFUSED;
}

/**
 * Reduction over any axes; every output is one sum over the reduced elements in row-major order.
 *   y[n] = how over m of x[n · sx + m · sr]
 * x f32, strides of both kinds of axes at least 0 · y f32 [n0,…,n5]. Checked at load by checkReduceF32.
 */
export function reduceF32(p: ReduceF32, part: i32, parts: i32): void {
  const struct = changetype<usize>(p), total = <i32>elements(struct + N), inner = p.x5 == 1 ? p.n5 : 1;
  for (let o = part * inner; o < total; o += parts * inner) {
    const x = p.x + (<usize>indexOf(struct + N, struct + X, o) << 2), y = p.y + (<usize>o << 2);
    let i = 0;
    for (; i + LANES <= inner; i += LANES) put(y, i, reduced<Lane>(p, x + (<usize>i << 2)));
    for (; i < inner; i++) store<f32>(y + (<usize>i << 2), reduced<f32>(p, x + (<usize>i << 2)));
  }
}

/** One output, or LANES neighbouring ones. */
function reduced<T>(p: ReduceF32, x: usize): T {
  if (p.how == LOG_SUM_EXP) return logSumExp<T>(p, x);
  const sum = folded<T>(p, x, p.how);
  if (p.how == MEAN) return over(sum, splat<T>(<f32>elements(changetype<usize>(p) + M)));
  return p.how == L2 ? root(sum) : sum;
}

function folded<T>(p: ReduceF32, x: usize, how: i32): T {
  const m = changetype<usize>(p) + M, r = changetype<usize>(p) + R, total = <i32>elements(m), row = p.m5, step = <usize>p.r5 << 2;
  let acc = splat<T>(how == PROD ? 1 : how == MAX ? -Infinity : how == MIN ? Infinity : 0);
  for (let k = 0; k < total; k += row) {
    let at = x + (<usize>indexOf(m, r, k) << 2);
    for (let j = 0; j < row; j++, at += step) acc = fold(how, acc, load<T>(at));
  }
  return acc;
}

// @ts-ignore: decorator
@inline
function fold<T>(how: i32, acc: T, v: T): T {
  if (how == MAX) return greatest(acc, v);
  if (how == MIN) return least(acc, v);
  if (how == PROD) return times(acc, v);
  if (how == L1) return plus(acc, magnitude(v));
  return plus(acc, how >= L2 ? times(v, v) : v);
}

/** max + log Σ e^(x − max); 0 instead of a max that is infinite. */
function logSumExp<T>(p: ReduceF32, x: usize): T {
  if (isVector<T>()) {
    let y = f32x4.splat(0);
    y = f32x4.replace_lane(y, 0, logSumExp<f32>(p, x));
    y = f32x4.replace_lane(y, 1, logSumExp<f32>(p, x + 4));
    y = f32x4.replace_lane(y, 2, logSumExp<f32>(p, x + 8));
    return <T>f32x4.replace_lane(y, 3, logSumExp<f32>(p, x + 12));
  } else {
    const m = changetype<usize>(p) + M, r = changetype<usize>(p) + R, total = <i32>elements(m), most = folded<f32>(p, x, MAX), shift: f32 = most - most == 0 ? most : 0;
    let sum: f32 = 0;
    for (let k = 0; k < total; k++) sum += exp<f32>(load<f32>(x + (<usize>indexOf(m, r, k) << 2)) - shift);
    return <T>(shift + <f32>log(sum));
  }
}
