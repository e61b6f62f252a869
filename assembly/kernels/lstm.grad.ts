/** Training of an LSTM with sigmoid gates and tanh: the forward pass that keeps what the backward pass needs, and that. Gates i, f, g, o. */
import { REFUSED, reads, sizes, writes } from "../check";
import { plus, splat, times, timesPlus } from "../lanes";
import { optional } from "./recurrent";
import {
  STEP, Unrolled, asHeld, beginRow, copyState, earlierRows, endRow, firstRow, packWeights, packedBytes, rowOf, scratchBytes, sigmoidSlope, tanhSlope, through, tilesOf, timesPacked,
  timesRows, valueAt,
} from "./recurrent.grad";
import { productRow, sigmoidOfSum, tanhOfSum, tanhRow, wholeLanes } from "./rows.f32";

/**
 * gates f32 [T,N,4H], W·x + b · r f32 [4H,H] · h0, c0 f32 [N,H] or 0 · y f32 [T,N,H] · act f32 [T,N,4H], activated gates; may be
 * gates · c f32 [T,N,H] · hn f32 [N,H], the last h before it is rounded, or 0 · t scratch
 */
@unmanaged
export class LstmForward extends Unrolled {
  gates: usize; r: usize; h0: usize; c0: usize; y: usize; act: usize; c: usize; hn: usize; t: usize;
}

/** dy f32 [T,N,H], dhn, dcn f32 [N,H], each or 0 · dgates f32 [T,N,4H]; may be act · dh0, dc0 f32 [N,H] or 0; the rest as above */
@unmanaged
export class LstmGrad extends Unrolled {
  r: usize; act: usize; c: usize; h0: usize; c0: usize; dy: usize; dhn: usize; dcn: usize; dgates: usize; dh0: usize; dc0: usize; t: usize;
}

export function checkLstmForward(p: LstmForward): f64 {
  if (!sizes(p.T, p.N, p.H)) return REFUSED;
  const N = <f64>p.N, H = <f64>p.H, state = 4 * N * H, all = <f64>p.T * state;
  const inside = reads(p.gates, 4 * all) && reads(p.r, 16 * H * H) && optional(p.h0, state, false) && optional(p.c0, state, false)
    && writes(p.y, all) && writes(p.act, 4 * all) && writes(p.c, all) && optional(p.hn, state, true)
    && writes(p.t, scratchBytes(5 * H) + packedBytes(4 * H, H));
  return inside ? (<f64>p.T * (N + 4) + 1) * (4 * H * H + STEP) : REFUSED;
}

export function checkLstmGrad(p: LstmGrad): f64 {
  if (!sizes(p.T, p.N, p.H)) return REFUSED;
  const N = <f64>p.N, H = <f64>p.H, state = 4 * N * H, all = <f64>p.T * state;
  const inside = reads(p.r, 16 * H * H) && reads(p.act, 4 * all) && reads(p.c, all) && optional(p.h0, state, false) && optional(p.c0, state, false)
    && optional(p.dy, all, false) && optional(p.dhn, state, false) && optional(p.dcn, state, false)
    && writes(p.dgates, 4 * all) && optional(p.dh0, state, true) && optional(p.dc0, state, true) && writes(p.t, scratchBytes(4 * H));
  return inside ? <f64>p.T * (N + 4) * (4 * H * H + STEP) : REFUSED;
}

/**
 *   act = sigmoid, sigmoid, tanh, sigmoid of gates[t] + R · y[t−1]
 *   c[t] = f ∘ c[t−1] + i ∘ g · h = o ∘ tanh c[t] · y[t] = h as the model holds it
 * Checked at load by checkLstmForward.
 */
export function lstmForward(p: LstmForward, part: i32, parts: i32): void {
  const H = p.H, sums = p.t, packed = sums + 100 * H;
  packWeights(p.r, 4 * H, H, packed);
  const tiles = tilesOf(p.N);
  for (let tile = part; tile < tiles; tile += parts) {
    const n = firstRow(p.N, tile, tiles), count = firstRow(p.N, tile + 1, tiles) - n;
    for (let t = 0; t < p.T; t++) {
      const y = p.y + 4 * (t * p.N + n) * H;
      recur(p, t, n, count, sums, packed);
      for (let row = 0; row < count; row++) cells(p, t, n + row, sums + 16 * row * H);
      if (p.hn && t == p.T - 1) memory.copy(p.hn + 4 * n * H, y, 4 * count * H);
      asHeld(p, y, y, count * H);
    }
  }
}

/** sums f32 [ROWS,4H] = R · y[t−1] for the samples from n on; behind it is room for h0. */
function recur(p: LstmForward, t: i32, n: i32, count: i32, sums: usize, packed: usize): void {
  const H = p.H, before = earlierRows(p, p.y, p.h0, t, n, count, sums + 80 * H);
  if (before) timesPacked(before, 4 * H, count, H, packed, 4 * H, sums, 16 * H);
  else memory.fill(sums, 0, 80 * H);
}

/** Step t of sample n. */
function cells(p: LstmForward, t: i32, n: i32, s: usize): void {
  const H = p.H, row = 4 * H, at = (t * p.N + n) * row, gates = p.gates + 4 * at, act = p.act + 4 * at, c = p.c + at, y = p.y + at;
  sigmoidOfSum(gates, s, act, 2 * H);
  tanhOfSum(gates + 2 * row, s + 2 * row, act + 2 * row, H);
  sigmoidOfSum(gates + 3 * row, s + 3 * row, act + 3 * row, H);
  const before = t ? c - p.N * row : rowOf(p.c0, n * row), whole = wholeLanes(H);
  let j = 0;
  for (; j < whole; j += sizeof<Lane>()) store<Lane>(c + j, cell<Lane>(act + j, row, before, j));
  for (; j < row; j += 4) store<f32>(c + j, cell<f32>(act + j, row, before, j));
  tanhRow(c, y, H);
  productRow(act + 3 * row, y, y, H);
}

/** f ∘ c[t−1] + i ∘ g */
// @ts-ignore: decorator
@inline
function cell<T>(act: usize, H: i32, before: usize, j: i32): T {
  return plus<T>(times<T>(load<T>(act + H), valueAt<T>(before, j)), times<T>(load<T>(act), load<T>(act + 2 * H)));
}

/**
 * From the last step to the first, dh and dc the gradients of h and c[t]:
 *   do = dh ∘ tanh c · dc += dh ∘ o ∘ (1 − tanh² c) · di = dc ∘ g · dg = dc ∘ i · df = dc ∘ c[t−1]
 *   dgates[t] = each times the derivative of its activation · dc[t−1] = dc ∘ f · dy[t−1] += Rᵀ · dgates[t]
 * Scratch of a sample, [4,H]: the two of beginRow · dc · tanh c[t].
 * Checked at load by checkLstmGrad.
 */
export function lstmGrad(p: LstmGrad, part: i32, parts: i32): void {
  const H = p.H, row = 16 * H, scratch = p.t;
  const tiles = tilesOf(p.N);
  for (let tile = part; tile < tiles; tile += parts) {
    const n = firstRow(p.N, tile, tiles), count = firstRow(p.N, tile + 1, tiles) - n;
    for (let i = 0; i < count; i++) {
      beginRow(p, p.dhn, n + i, scratch + i * row);
      copyState(scratch + i * row + 8 * H, p.dcn, n + i, H);
    }
    for (let t = p.T - 1; t >= 0; t--) {
      for (let i = 0; i < count; i++) cellsGrad(p, t, n + i, scratch + i * row);
      if (t || p.dh0) timesRows(p.dgates + row * (t * p.N + n), row, count, 4 * H, p.r, H, scratch, row);
    }
    for (let i = 0; i < count; i++) {
      endRow(p, p.h0, p.dh0, n + i, scratch + i * row);
      if (p.dc0) memory.copy(p.dc0 + 4 * (n + i) * H, scratch + i * row + 8 * H, 4 * H);
    }
  }
}

function cellsGrad(p: LstmGrad, t: i32, n: i32, s: usize): void {
  const H = 4 * p.H, at = (t * p.N + n) * H, act = p.act + 4 * at, d = p.dgates + 4 * at, c = p.c + at;
  const before = t ? c - p.N * H : rowOf(p.c0, n * H), dy = rowOf(p.dy, at), whole = wholeLanes(p.H);
  tanhRow(c, s + 3 * H, p.H);
  let j = 0;
  for (; j < whole; j += sizeof<Lane>()) cellGrad<Lane>(p, j, H, act, before, dy, s, d);
  for (; j < H; j += 4) cellGrad<f32>(p, j, H, act, before, dy, s, d);
}

// @ts-ignore: decorator
@inline
function cellGrad<T>(p: LstmGrad, j: i32, H: i32, act: usize, before: usize, dy: usize, s: usize, d: usize): void {
  const F = j + H, G = F + H, O = G + H, i = load<T>(act + j), f = load<T>(act + F), g = load<T>(act + G), o = load<T>(act + O), tc = load<T>(s + O);
  const dh = plus<T>(through<T>(p, times<T>(o, tc), plus<T>(valueAt<T>(dy, j), load<T>(s + j))), load<T>(s + F));
  const dc = timesPlus<T>(times<T>(dh, o), tanhSlope<T>(tc), load<T>(s + G));
  store<T>(d + j, times<T>(times<T>(dc, g), sigmoidSlope<T>(i)));
  store<T>(d + F, times<T>(times<T>(dc, valueAt<T>(before, j)), sigmoidSlope<T>(f)));
  store<T>(d + G, times<T>(times<T>(dc, i), tanhSlope<T>(g)));
  store<T>(d + O, times<T>(times<T>(dh, tc), sigmoidSlope<T>(o)));
  store<T>(s + F, splat<T>(0));
  store<T>(s + G, times<T>(dc, f));
}
