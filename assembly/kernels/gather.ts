/** Reads and writes at positions that are known at run time. Indices are floats; negative ones count from the end, and all are bounded. */
import { REFUSED, between, reads, size, sizes, writes } from "../check";
import { AXES, elements, highest, indexOf, lowest, sizesAt } from "../strided";

/** Parameters of gather, written by converter/lower/gather.ts. */
@unmanaged
export class Gather {
  x: usize; i: usize; y: usize;
  outer: i32; n: i32; count: i32; bytes: i32;
}

/** i, and y of gatherElements or u of scatterElements, f32 [n0,…,n5]; s: strides in x or y, 0 along the axis. */
@unmanaged
export class GatherElementsF32 {
  x: usize; i: usize; y: usize;
  size: i32; step: i32;
  n0: i32; n1: i32; n2: i32; n3: i32; n4: i32; n5: i32;
  s0: i32; s1: i32; s2: i32; s3: i32; s4: i32; s5: i32;
}

@unmanaged
export class ScatterElementsF32 {
  u: usize; i: usize; y: usize;
  size: i32; step: i32;
  n0: i32; n1: i32; n2: i32; n3: i32; n4: i32; n5: i32;
  s0: i32; s1: i32; s2: i32; s3: i32; s4: i32; s5: i32;
  reduction: i32;
}

/** x f32 [batches] of d0 × … elements with strides s, from which i f32 [batches,rows,k] picks blocks · y f32 [batches,rows,block] */
@unmanaged
export class GatherNdF32 {
  x: usize; i: usize; y: usize;
  batches: i32; batchStep: i32; rows: i32; k: i32; block: i32;
  n0: i32; n1: i32; n2: i32; n3: i32; n4: i32; n5: i32;
  s0: i32; s1: i32; s2: i32; s3: i32; s4: i32; s5: i32;
}

const N = offsetof<GatherElementsF32>("n0"), S = offsetof<GatherElementsF32>("s0");
const ND_N = offsetof<GatherNdF32>("n0"), ND_S = offsetof<GatherNdF32>("s0");
const ADD: i32 = 1, MUL: i32 = 2, MAX: i32 = 3, MIN: i32 = 4;

/** The index at `i` as a position in 0 … n − 1. */
export function position(i: usize, n: i32): i32 {
  const index = <i32>load<f32>(i);
  return max(0, min(n - 1, index < 0 ? index + n : index));
}

export function checkGather(p: Gather): f64 {
  if (!sizes(p.outer, p.n, p.count, p.bytes)) return REFUSED;
  const outer = <f64>p.outer, bytes = <f64>p.bytes, count = <f64>p.count;
  return reads(p.x, outer * <f64>p.n * bytes) && reads(p.i, 4 * count) && writes(p.y, outer * count * bytes) ? outer * count * (bytes + 8) : REFUSED;
}

/** y[o,j] = x[o,i[j]] · x [outer,n] and y [outer,count] of elements of `bytes` bytes · i f32 [count] */
export function gather(p: Gather, part: i32, parts: i32): void {
  const bytes = <usize>p.bytes;
  for (let o = part; o < p.outer; o += parts) {
    const x = p.x + bytes * o * p.n;
    let y = p.y + bytes * o * p.count;
    for (let j = 0; j < p.count; j++, y += bytes) memory.copy(y, x + bytes * position(p.i + (<usize>j << 2), p.n), bytes);
  }
}

/** `at`: the struct; both operands that follow the sizes, and the strided one of which `s` and `step` tell. */
function elementsInside(at: usize, dense: usize, denseWritten: bool, i: usize, strided: usize, stridedWritten: bool, n: i32, step: i32): bool {
  if (!sizesAt(at + N) || !size(n) || step < 0 || lowest(at + N, at + S) != 0) return false;
  const total = 4 * elements(at + N), last = 4 * (highest(at + N, at + S) + <f64>(n - 1) * <f64>step + 1);
  return reads(i, total) && (denseWritten ? writes(dense, total) : reads(dense, total)) && (stridedWritten ? writes(strided, last) : reads(strided, last));
}

export function checkGatherElementsF32(p: GatherElementsF32): f64 {
  return elementsInside(changetype<usize>(p), p.y, true, p.i, p.x, false, p.size, p.step) ? 8 * elements(changetype<usize>(p) + N) : REFUSED;
}

/** y[n] = x at n with i[n] in place of the index along the axis. */
export function gatherElementsF32(p: GatherElementsF32, part: i32, parts: i32): void {
  const at = changetype<usize>(p), total = <i32>elements(at + N);
  for (let e = part; e < total; e += parts) {
    const from = indexOf(at + N, at + S, e) + p.step * position(p.i + (<usize>e << 2), p.size);
    store<f32>(p.y + (<usize>e << 2), load<f32>(p.x + (<usize>from << 2)));
  }
}

export function checkScatterElementsF32(p: ScatterElementsF32): f64 {
  if (!between(p.reduction, 0, MIN)) return REFUSED;
  return elementsInside(changetype<usize>(p), p.u, false, p.i, p.y, true, p.size, p.step) ? 8 * elements(changetype<usize>(p) + N) : REFUSED;
}

/** y at n with i[n] in place of the index along the axis = u[n], or y + u, y · u, max, min; n ascending. */
export function scatterElementsF32(p: ScatterElementsF32, part: i32, parts: i32): void {
  const at = changetype<usize>(p), total = <i32>elements(at + N);
  if (part) return;
  for (let e = 0; e < total; e++) {
    const to = p.y + (<usize>(indexOf(at + N, at + S, e) + p.step * position(p.i + (<usize>e << 2), p.size)) << 2);
    store<f32>(to, combined(p.reduction, load<f32>(to), load<f32>(p.u + (<usize>e << 2))));
  }
}

function combined(reduction: i32, y: f32, u: f32): f32 {
  if (reduction == ADD) return y + u;
  if (reduction == MUL) return y * u;
  if (reduction == MAX) return max(y, u);
  return reduction == MIN ? min(y, u) : u;
}

export function checkGatherNdF32(p: GatherNdF32): f64 {
  const at = changetype<usize>(p), batches = <f64>p.batches, rows = <f64>p.rows, block = <f64>p.block;
  if (!sizes(p.batches, p.rows, p.block) || !between(p.k, 0, AXES) || p.batchStep < 0 || !sizesAt(at + ND_N) || lowest(at + ND_N, at + ND_S) != 0) return REFUSED;
  const last = (batches - 1) * <f64>p.batchStep + highest(at + ND_N, at + ND_S) + block;
  const inside = reads(p.x, 4 * last) && reads(p.i, 4 * batches * rows * <f64>p.k) && writes(p.y, 4 * batches * rows * block);
  return inside ? batches * rows * (block + 8 * <f64>p.k) : REFUSED;
}

/** y[b,r] = block of x[b] at i[b,r,0] · s0 + … + i[b,r,k−1] · s(k−1) */
export function gatherNdF32(p: GatherNdF32, part: i32, parts: i32): void {
  const at = changetype<usize>(p), bytes = <usize>p.block << 2;
  for (let row = part; row < p.batches * p.rows; row += parts) {
    let from = row / p.rows * p.batchStep;
    for (let a = 0; a < p.k; a++) from += load<i32>(at + ND_S + 4 * a) * position(p.i + (<usize>(row * p.k + a) << 2), load<i32>(at + ND_N + 4 * a));
    memory.copy(p.y + bytes * row, p.x + (<usize>from << 2), bytes);
  }
}
