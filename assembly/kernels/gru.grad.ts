/** Training of a GRU with sigmoid gates and tanh, both forms of reset: the forward pass that keeps what the backward pass needs, and that. Gates z, r, n. */
import { REFUSED, reads, sizes, writes } from "../check";
import { minus, plus, splat, times } from "../lanes";
import { optional } from "./recurrent";
import {
  STEP, Unrolled, asHeld, beginRow, earlierRows, endRow, firstRow, packWeights, packedBytes, rowOf, scratchBytes, sigmoidSlope, tanhSlope, through, tilesOf, timesPacked, timesRows,
  valueAt,
} from "./recurrent.grad";
import { productRow, sigmoidOfSum, sumRow, tanhOfSum, wholeLanes } from "./rows.f32";

/**
 * gates f32 [T,N,3H], W·x + b · r f32 [3H,H] · rb f32 [3H] · h0 f32 [N,H] or 0 · y, h f32 [T,N,H], h before it is rounded; may be y
 * where nothing is · act f32 [T,N,3H], activated gates; may be gates · inner f32 [T,N,H]: see gruForward · hn f32 [N,H] or 0 · t scratch
 */
@unmanaged
export class GruForward extends Unrolled {
  gates: usize; r: usize; rb: usize; h0: usize; y: usize; act: usize; inner: usize; h: usize; hn: usize; t: usize;
  linearBeforeReset: i32;
}

/** dy f32 [T,N,H], dhn f32 [N,H], each or 0 · dgates, and where reset is linear dsums, f32 [T,N,3H]; dgates may be act · dh0 f32 [N,H] or 0; the rest as above */
@unmanaged
export class GruGrad extends Unrolled {
  r: usize; act: usize; inner: usize; h: usize; h0: usize; dy: usize; dhn: usize; dgates: usize; dsums: usize; dh0: usize; t: usize;
  linearBeforeReset: i32;
}

export function checkGruForward(p: GruForward): f64 {
  if (!sizes(p.T, p.N, p.H)) return REFUSED;
  const N = <f64>p.N, H = <f64>p.H, state = 4 * N * H, all = <f64>p.T * state;
  const inside = reads(p.gates, 3 * all) && reads(p.r, 12 * H * H) && reads(p.rb, 12 * H) && optional(p.h0, state, false)
    && writes(p.y, all) && writes(p.act, 3 * all) && writes(p.inner, all) && writes(p.h, all) && optional(p.hn, state, true)
    && writes(p.t, scratchBytes(4 * H) + packedBytes(2 * H, H) + packedBytes(H, H));
  return inside ? (<f64>p.T * (N + 4) + 1) * (3 * H * H + STEP) : REFUSED;
}

export function checkGruGrad(p: GruGrad): f64 {
  if (!sizes(p.T, p.N, p.H)) return REFUSED;
  const N = <f64>p.N, H = <f64>p.H, state = 4 * N * H, all = <f64>p.T * state;
  const inside = reads(p.r, 12 * H * H) && reads(p.act, 3 * all) && reads(p.inner, all) && reads(p.h, all) && optional(p.h0, state, false)
    && optional(p.dy, all, false) && optional(p.dhn, state, false) && writes(p.dgates, 3 * all) && (!p.linearBeforeReset || writes(p.dsums, 3 * all))
    && optional(p.dh0, state, true) && writes(p.t, scratchBytes(3 * H));
  return inside ? <f64>p.T * (N + 4) * (3 * H * H + STEP) : REFUSED;
}

/**
 *   z, r = sigmoid(gates[t] + R · y[t−1] + rb)
 *   linear:  inner = Rn · y[t−1] + rb · n = tanh(gates[t] + r ∘ inner)
 *   else:    inner = r ∘ h[t−1] as the model holds it · n = tanh(gates[t] + Rn · inner + rb)
 *   h[t] = (1 − z) ∘ n + z ∘ h[t−1] · y[t] = h[t] as the model holds it
 * Scratch of a sample: sums [3,H], h0 [H]. Checked at load by checkGruForward.
 */
export function gruForward(p: GruForward, part: i32, parts: i32): void {
  const H = p.H, row = 12 * H, sums = p.t, packed = sums + 80 * H, candidate = packWeights(p.r, 2 * H, H, packed);
  packWeights(p.r + 8 * H * H, H, H, candidate);
  const tiles = tilesOf(p.N);
  for (let tile = part; tile < tiles; tile += parts) {
    const n = firstRow(p.N, tile, tiles), count = firstRow(p.N, tile + 1, tiles) - n;
    for (let t = 0; t < p.T; t++) {
      const at = 4 * (t * p.N + n) * H;
      recur(p, t, n, count, sums, packed, candidate);
      for (let i = 0; i < count; i++) resets(p, t, n + i, sums + i * row);
      if (!p.linearBeforeReset) {
        asHeld(p, p.inner + at, p.inner + at, count * H);
        candidates(p, p.inner + at, count, sums, candidate);
      }
      for (let i = 0; i < count; i++) update(p, t, n + i, sums + i * row);
      if (p.hn && t == p.T - 1) memory.copy(p.hn + 4 * n * H, p.h + at, 4 * count * H);
      asHeld(p, p.h + at, p.y + at, count * H);
    }
  }
}

/** The products with y[t−1] of the samples from n on: z and r, and where reset is linear the candidate. Behind the sums is room for h0. */
function recur(p: GruForward, t: i32, n: i32, count: i32, sums: usize, packed: usize, candidate: usize): void {
  const H = p.H, before = earlierRows(p, p.y, p.h0, t, n, count, sums + 60 * H);
  if (!before) return memory.fill(sums, 0, 60 * H);
  timesPacked(before, 4 * H, count, H, packed, 2 * H, sums, 12 * H);
  if (p.linearBeforeReset) candidates(p, before, count, sums, candidate);
}

/** Rn · x of `count` rows x. */
function candidates(p: GruForward, x: usize, count: i32, sums: usize, w: usize): void {
  const H = p.H;
  timesPacked(x, 4 * H, count, H, w, H, sums + 8 * H, 12 * H);
}

/** h[t−1] of sample n before it was rounded, or 0. */
// @ts-ignore: decorator
@inline
function earlier(h: usize, h0: usize, t: i32, n: i32, N: i32, H: i32): usize {
  return t ? h + 4 * ((t - 1) * N + n) * H : rowOf(h0, 4 * n * H);
}

/** z, r and inner of sample n, the latter not rounded yet. */
function resets(p: GruForward, t: i32, n: i32, s: usize): void {
  const H = p.H, row = 4 * H, at = (t * p.N + n) * row, act = p.act + 3 * at, inner = p.inner + at, before = earlier(p.h, p.h0, t, n, p.N, H);
  sumRow(s, p.rb, s, 2 * H);
  sigmoidOfSum(p.gates + 3 * at, s, act, 2 * H);
  if (p.linearBeforeReset) sumRow(s + 2 * row, p.rb + 2 * row, inner, H);
  else if (before) productRow(act + row, before, inner, H);
  else memory.fill(inner, 0, row);
}

/** n and h[t] of sample n. */
function update(p: GruForward, t: i32, n: i32, s: usize): void {
  const H = p.H, row = 4 * H, at = (t * p.N + n) * row, act = p.act + 3 * at, c = act + 2 * row, sum = s + 2 * row, h = p.h + at;
  if (p.linearBeforeReset) productRow(act + row, p.inner + at, sum, H);
  else sumRow(sum, p.rb + 2 * row, sum, H);
  tanhOfSum(p.gates + 3 * at + 2 * row, sum, c, H);
  const before = earlier(p.h, p.h0, t, n, p.N, H), whole = wholeLanes(H);
  let j = 0;
  for (; j < whole; j += sizeof<Lane>()) store<Lane>(h + j, mixed<Lane>(act + j, c + j, before, j));
  for (; j < row; j += 4) store<f32>(h + j, mixed<f32>(act + j, c + j, before, j));
}

/** (1 − z) ∘ n + z ∘ h[t−1] */
// @ts-ignore: decorator
@inline
function mixed<T>(z: usize, c: usize, before: usize, j: i32): T {
  return plus<T>(times<T>(minus<T>(splat<T>(1), load<T>(z)), load<T>(c)), times<T>(load<T>(z), valueAt<T>(before, j)));
}

/**
 * From the last step to the first, dh the gradient of h[t], each dgates times the derivative of its activation:
 *   dz = dh ∘ (h[t−1] − n) · dn = dh ∘ (1 − z) · dh[t−1] = dh ∘ z
 *   linear:  dr = dn ∘ inner · dsums = dz, dr, dn ∘ r · dy[t−1] += Rᵀ · dsums
 *   else:    q = Rnᵀ · dn · dr = q ∘ h[t−1] · dh[t−1] += q ∘ r · dy[t−1] += Rᵀ · (dz, dr)
 * Scratch of a sample, [3,H]: the two of beginRow · q.
 * Checked at load by checkGruGrad.
 */
export function gruGrad(p: GruGrad, part: i32, parts: i32): void {
  const H = p.H, row = 12 * H, scratch = p.t;
  const tiles = tilesOf(p.N);
  for (let tile = part; tile < tiles; tile += parts) {
    const n = firstRow(p.N, tile, tiles), count = firstRow(p.N, tile + 1, tiles) - n;
    for (let i = 0; i < count; i++) beginRow(p, p.dhn, n + i, scratch + i * row);
    for (let t = p.T - 1; t >= 0; t--) stepGrad(p, t, n, count, scratch);
    for (let i = 0; i < count; i++) endRow(p, p.h0, p.dh0, n + i, scratch + i * row);
  }
}

function stepGrad(p: GruGrad, t: i32, n: i32, count: i32, scratch: usize): void {
  const H = p.H, row = 12 * H, at = (t * p.N + n) * row, linear = p.linearBeforeReset, K = linear ? 3 * H : 2 * H;
  for (let i = 0; i < count; i++) cellsGrad(p, t, n + i, scratch + i * row);
  if (!linear) timesRows(p.dgates + at + 8 * H, row, count, H, p.r + 8 * H * H, H, scratch + 8 * H, row);
  for (let i = 0; i < count; i++) {
    if (linear) linearGrad(p, t, n + i);
    else resetsGrad(p, t, n + i, scratch + i * row);
  }
  if (t || p.dh0) timesRows((linear ? p.dsums : p.dgates) + at, row, count, K, p.r, H, scratch, row);
}

/** dz, dn and what goes to h[t−1] past its rounding, of sample n. */
function cellsGrad(p: GruGrad, t: i32, n: i32, s: usize): void {
  const H = 4 * p.H, at = (t * p.N + n) * H, act = p.act + 3 * at, h = p.h + at, dy = rowOf(p.dy, at), d = p.dgates + 3 * at;
  const before = earlier(p.h, p.h0, t, n, p.N, p.H), whole = wholeLanes(p.H);
  let j = 0;
  for (; j < whole; j += sizeof<Lane>()) cellGrad<Lane>(p, j, H, act, h, before, dy, s, d);
  for (; j < H; j += 4) cellGrad<f32>(p, j, H, act, h, before, dy, s, d);
}

// @ts-ignore: decorator
@inline
function cellGrad<T>(p: GruGrad, j: i32, H: i32, act: usize, h: usize, before: usize, dy: usize, s: usize, d: usize): void {
  const z = load<T>(act + j), c = load<T>(act + 2 * H + j);
  const dh = plus<T>(through<T>(p, load<T>(h + j), plus<T>(valueAt<T>(dy, j), load<T>(s + j))), load<T>(s + H + j));
  store<T>(d + j, times<T>(times<T>(dh, minus<T>(valueAt<T>(before, j), c)), sigmoidSlope<T>(z)));
  store<T>(d + 2 * H + j, times<T>(times<T>(dh, minus<T>(splat<T>(1), z)), tanhSlope<T>(c)));
  store<T>(s + H + j, times<T>(dh, z));
}

/** dr and dsums of sample n. */
function linearGrad(p: GruGrad, t: i32, n: i32): void {
  const H = 4 * p.H, at = (t * p.N + n) * H, r = p.act + 3 * at + H, d = p.dgates + 3 * at, sums = p.dsums + 3 * at, whole = wholeLanes(p.H);
  let j = 0;
  for (; j < whole; j += sizeof<Lane>()) linearUnitGrad<Lane>(r + j, p.inner + at + j, d + j, sums + j, H);
  for (; j < H; j += 4) linearUnitGrad<f32>(r + j, p.inner + at + j, d + j, sums + j, H);
}

// @ts-ignore: decorator
@inline
function linearUnitGrad<T>(reset: usize, inner: usize, d: usize, sums: usize, H: i32): void {
  const r = load<T>(reset), dn = load<T>(d + 2 * H), dr = times<T>(times<T>(dn, load<T>(inner)), sigmoidSlope<T>(r));
  store<T>(d + H, dr);
  store<T>(sums, load<T>(d));
  store<T>(sums + H, dr);
  store<T>(sums + 2 * H, times<T>(dn, r));
}

/** dr of sample n, and what q sends to h[t−1]. */
function resetsGrad(p: GruGrad, t: i32, n: i32, s: usize): void {
  const H = 4 * p.H, at = (t * p.N + n) * H, r = p.act + 3 * at + H, dr = p.dgates + 3 * at + H, before = earlier(p.h, p.h0, t, n, p.N, p.H), whole = wholeLanes(p.H);
  let j = 0;
  for (; j < whole; j += sizeof<Lane>()) resetGrad<Lane>(p, r + j, before, j, s + j, dr + j, H);
  for (; j < H; j += 4) resetGrad<f32>(p, r + j, before, j, s + j, dr + j, H);
}

// @ts-ignore: decorator
@inline
function resetGrad<T>(p: GruGrad, reset: usize, before: usize, j: i32, s: usize, dr: usize, H: i32): void {
  const r = load<T>(reset), h = valueAt<T>(before, j), q = through<T>(p, times<T>(r, h), load<T>(s + 2 * H));
  store<T>(dr, times<T>(times<T>(q, h), sigmoidSlope<T>(r)));
  store<T>(s + H, plus<T>(load<T>(s + H), times<T>(q, r)));
}
