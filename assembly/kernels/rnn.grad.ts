/** Training of a simple RNN with tanh or relu: the forward pass that keeps what the backward pass needs, and that. */
import { REFUSED, reads, sizes, writes } from "../check";
import { ifLess, plus, splat, times } from "../lanes";
import { optional } from "./recurrent";
import {
  STEP, Unrolled, asHeld, beginRow, earlierRows, endRow, firstRow, packWeights, packedBytes, rowOf, scratchBytes, tanhSlope, through, tilesOf, timesPacked, timesRows, valueAt,
} from "./recurrent.grad";
import { reluOfSum, tanhOfSum, wholeLanes } from "./rows.f32";

/** gates f32 [T,N,H], W·x + b · r f32 [H,H] · h0 f32 [N,H] or 0 · y, h f32 [T,N,H], h before it is rounded; may be y where nothing is · hn f32 [N,H] or 0 · t scratch */
@unmanaged
export class RnnForward extends Unrolled {
  gates: usize; r: usize; h0: usize; y: usize; h: usize; hn: usize; t: usize;
  relu: i32;
}

/** dy f32 [T,N,H], dhn f32 [N,H], each or 0 · dgates f32 [T,N,H]; may be h · dh0 f32 [N,H] or 0; the rest as above */
@unmanaged
export class RnnGrad extends Unrolled {
  r: usize; h: usize; h0: usize; dy: usize; dhn: usize; dgates: usize; dh0: usize; t: usize;
  relu: i32;
}

export function checkRnnForward(p: RnnForward): f64 {
  if (!sizes(p.T, p.N, p.H)) return REFUSED;
  const N = <f64>p.N, H = <f64>p.H, state = 4 * N * H, all = <f64>p.T * state;
  const inside = reads(p.gates, all) && reads(p.r, 4 * H * H) && optional(p.h0, state, false) && writes(p.y, all) && writes(p.h, all)
    && optional(p.hn, state, true) && writes(p.t, scratchBytes(2 * H) + packedBytes(H, H));
  return inside ? (<f64>p.T * (N + 4) + 1) * (H * H + STEP) : REFUSED;
}

export function checkRnnGrad(p: RnnGrad): f64 {
  if (!sizes(p.T, p.N, p.H)) return REFUSED;
  const N = <f64>p.N, H = <f64>p.H, state = 4 * N * H, all = <f64>p.T * state;
  const inside = reads(p.r, 4 * H * H) && reads(p.h, all) && optional(p.h0, state, false) && optional(p.dy, all, false) && optional(p.dhn, state, false)
    && writes(p.dgates, all) && optional(p.dh0, state, true) && writes(p.t, scratchBytes(2 * H));
  return inside ? <f64>p.T * (N + 4) * (H * H + STEP) : REFUSED;
}

/** h[t] = f(gates[t] + R · y[t−1]) · y[t] = h[t] as the model holds it. Checked at load by checkRnnForward. */
export function rnnForward(p: RnnForward, part: i32, parts: i32): void {
  const H = p.H, sums = p.t, packed = sums + 40 * H;
  packWeights(p.r, H, H, packed);
  const tiles = tilesOf(p.N);
  for (let tile = part; tile < tiles; tile += parts) {
    const n = firstRow(p.N, tile, tiles), count = firstRow(p.N, tile + 1, tiles) - n;
    for (let t = 0; t < p.T; t++) {
      const at = 4 * (t * p.N + n) * H, h = p.h + at;
      recur(p, t, n, count, sums, packed);
      if (p.relu) reluOfSum(p.gates + at, sums, h, count * H);
      else tanhOfSum(p.gates + at, sums, h, count * H);
      if (p.hn && t == p.T - 1) memory.copy(p.hn + 4 * n * H, h, 4 * count * H);
      asHeld(p, h, p.y + at, count * H);
    }
  }
}

/** sums f32 [ROWS,H] = R · y[t−1] for the samples from n on; behind it is room for h0. */
function recur(p: RnnForward, t: i32, n: i32, count: i32, sums: usize, packed: usize): void {
  const H = p.H, before = earlierRows(p, p.y, p.h0, t, n, count, sums + 20 * H);
  if (before) timesPacked(before, 4 * H, count, H, packed, H, sums, 4 * H);
  else memory.fill(sums, 0, 20 * H);
}

/**
 * From the last step to the first: dgates[t] = dh ∘ f′ · dy[t−1] += Rᵀ · dgates[t].
 * Scratch of a sample, [2,H]: see beginRow. Checked at load by checkRnnGrad.
 */
export function rnnGrad(p: RnnGrad, part: i32, parts: i32): void {
  const H = p.H, row = 8 * H, scratch = p.t;
  const tiles = tilesOf(p.N);
  for (let tile = part; tile < tiles; tile += parts) {
    const n = firstRow(p.N, tile, tiles), count = firstRow(p.N, tile + 1, tiles) - n;
    for (let i = 0; i < count; i++) beginRow(p, p.dhn, n + i, scratch + i * row);
    for (let t = p.T - 1; t >= 0; t--) {
      for (let i = 0; i < count; i++) cellsGrad(p, t, n + i, scratch + i * row);
      if (t || p.dh0) timesRows(p.dgates + 4 * (t * p.N + n) * H, 4 * H, count, H, p.r, H, scratch, row);
    }
    for (let i = 0; i < count; i++) endRow(p, p.h0, p.dh0, n + i, scratch + i * row);
  }
}

function cellsGrad(p: RnnGrad, t: i32, n: i32, s: usize): void {
  const H = 4 * p.H, at = (t * p.N + n) * H, h = p.h + at, dy = rowOf(p.dy, at), d = p.dgates + at, whole = wholeLanes(p.H);
  let j = 0;
  for (; j < whole; j += sizeof<Lane>()) cellGrad<Lane>(p, j, H, h, dy, s + j, d);
  for (; j < H; j += 4) cellGrad<f32>(p, j, H, h, dy, s + j, d);
}

// @ts-ignore: decorator
@inline
function cellGrad<T>(p: RnnGrad, j: i32, H: i32, h: usize, dy: usize, s: usize, d: usize): void {
  const value = load<T>(h + j), zero = splat<T>(0), dh = plus<T>(through<T>(p, value, plus<T>(valueAt<T>(dy, j), load<T>(s))), load<T>(s + H));
  store<T>(d + j, p.relu ? ifLess<T>(zero, value, dh, zero) : times<T>(dh, tanhSlope<T>(value)));
  store<T>(s + H, zero);
}
