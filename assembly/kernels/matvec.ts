/** Products of one vector with packed weights, added to y: the step of every recurrent kernel. S is a multiple of 8. */
import { Output, SCALED } from "../quant/output";
import { flipsOfHost } from "./dot.relaxed";
import { firstOf, productPair, secondOf } from "./gemm.i8.scalar";
import { widenRow } from "./gemm.i8.simd";
import { multiplyRowRelaxed } from "./matvec.i8.relaxed";
import { LANES, at, plus, put, splat, times } from "../lanes";

/** y[o] += Σk h[k] · w[o,k], k ascending · y f32 [S] · w f32 packed [S/8][K][8] · h f32 [K] */
export function addProductF32(y: usize, w: usize, h: usize, S: i32, K: i32): void {
  const block = K << 5;
  let o = 0;
  for (; o + 16 <= S; o += 16) addBlocksF32(y + 4 * o, w + (o >> 3) * block, h, K, block);
  for (; o < S; o += LANES) {
    const wo = w + (o >> 3) * block + 4 * (o & 7);
    let acc = at(y, o);
    for (let k = 0; k < K; k++) acc = plus(acc, times(splat<Lane>(load<f32>(h + 4 * k)), load<Lane>(wo + 32 * k)));
    put(y, o, acc);
  }
}

/** Sixteen outputs at once: enough sums in flight to hide the latency of an addition. */
function addBlocksF32(y: usize, w: usize, h: usize, K: i32, block: i32): void {
  if (ASC_FEATURE_SIMD) {
    let a = v128.load(y), b = v128.load(y, 16), c = v128.load(y, 32), d = v128.load(y, 48), v = w + block;
    for (let k = 0; k < K; k++) {
      const hk = v128.load32_splat(h);
      a = f32x4.add(a, f32x4.mul(hk, v128.load(w)));
      b = f32x4.add(b, f32x4.mul(hk, v128.load(w, 16)));
      c = f32x4.add(c, f32x4.mul(hk, v128.load(v)));
      d = f32x4.add(d, f32x4.mul(hk, v128.load(v, 16)));
      h += 4;
      w += 32;
      v += 32;
    }
    v128.store(y, a);
    v128.store(y, b, 16);
    v128.store(y, c, 32);
    v128.store(y, d, 48);
  } else {
    for (let o = 0; o < 16; o++) {
      const wo = w + (o >> 3) * block + 4 * (o & 7);
      let acc = load<f32>(y + 4 * o);
      for (let k = 0; k < K; k++) acc += load<f32>(h + 4 * k) * load<f32>(wo + 32 * k);
      store<f32>(y + 4 * o, acc);
    }
  }
}

/** y[o] += m[o] · Σk h[k] · w[o,k] · y, m f32 [S] · w i8 c4 [S/8][K/4][8][4] · h i8 [K], K a multiple of 4. Without m (0): y[o] = Σk, i32 */
export function addProductI8(y: usize, w: usize, m: usize, h: usize, S: i32, K: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD && m) {
    const flips = flipsOfHost();
    if (flips >= 0) return multiplyRowRelaxed(changetype<Output>(changetype<usize>(0)), SCALED, h, K, flips, w, m, 0, 0, S, y);
  }
  for (let o = 0; o < S; o += ASC_FEATURE_SIMD ? 16 : 8) {
    const scales = m ? m + 4 * o : 0;
    if (ASC_FEATURE_SIMD) addBlocksI8Simd(y + 4 * o, w + o * K, scales, h, K, min(8, S - o - 8));
    else addBlockI8(y + 4 * o, w + o * K, scales, h, K);
  }
}

/**
 * addProductI8 of weights that serve many steps, expanded as by gemm.i8.simd.ts; S a multiple of 16.
 * w i16 [S/8][K/2][8][2] · row: scratch, i16 [K] in whole groups of 8
 */
export function addProductI16(y: usize, w: usize, m: usize, h: usize, row: usize, S: i32, K: i32): void {
  const block = 16 * K, end = row + 2 * K;
  widenRow(h, K, row);
  for (; S > 0; S -= 16, y += 64, m += 64, w += block) {
    let a = i32x4.splat(0), b = a, c = a, d = a, x = row, next = w + block;
    do {
      const k = v128.load32_splat(x);
      a = i32x4.add(a, i32x4.dot_i16x8_s(k, v128.load(w)));
      b = i32x4.add(b, i32x4.dot_i16x8_s(k, v128.load(w, 16)));
      c = i32x4.add(c, i32x4.dot_i16x8_s(k, v128.load(next)));
      d = i32x4.add(d, i32x4.dot_i16x8_s(k, v128.load(next, 16)));
      x += 4;
      w += 32;
      next += 32;
    } while (x != end);
    addScaled(y, m, a);
    addScaled(y + 16, m + 16, b);
    addScaled(y + 32, m + 32, c);
    addScaled(y + 48, m + 48, d);
  }
}

function addBlockI8(y: usize, w: usize, m: usize, h: usize, K: i32): void {
  for (let o = 0; o < 8; o += 2, y += 8, w += 8) {
    const sums = productPair(h, K, w), first = firstOf(sums), second = secondOf(sums);
    if (m) {
      store<f32>(y, load<f32>(y) + <f32>first * load<f32>(m + 4 * o));
      store<f32>(y, load<f32>(y, 4) + <f32>second * load<f32>(m + 4 * o, 4), 4);
    } else {
      store<i32>(y, first);
      store<i32>(y, second, 4);
    }
  }
}

/** Sixteen outputs, the last eight perhaps those before them: each accumulator holds two as two pairs of partial sums. */
function addBlocksI8Simd(y: usize, w: usize, m: usize, h: usize, K: i32, next: i32): void {
  let a = i32x4.splat(0), b = a, c = a, d = a, e = a, f = a, i = a, j = a, v = w + next * K;
  for (let end = h + K; h < end; h += 4) {
    const x = v128.load32_splat(h), hk = i16x8.extend_low_i8x16_s(x);
    a = i32x4.add(a, i32x4.dot_i16x8_s(hk, v128.load_ext<i8>(w)));
    b = i32x4.add(b, i32x4.dot_i16x8_s(hk, v128.load_ext<i8>(w, 8)));
    c = i32x4.add(c, i32x4.dot_i16x8_s(hk, v128.load_ext<i8>(w, 16)));
    d = i32x4.add(d, i32x4.dot_i16x8_s(hk, v128.load_ext<i8>(w, 24)));
    e = i32x4.add(e, i32x4.dot_i16x8_s(hk, v128.load_ext<i8>(v)));
    f = i32x4.add(f, i32x4.dot_i16x8_s(hk, v128.load_ext<i8>(v, 8)));
    i = i32x4.add(i, i32x4.dot_i16x8_s(hk, v128.load_ext<i8>(v, 16)));
    j = i32x4.add(j, i32x4.dot_i16x8_s(hk, v128.load_ext<i8>(v, 24)));
    w += 32;
    v += 32;
  }
  putSums(y, m, pairSums(a, b), pairSums(c, d));
  if (next) putSums(y + 32, m ? m + 32 : 0, pairSums(e, f), pairSums(i, j));
}

function putSums(y: usize, m: usize, low: v128, high: v128): void {
  if (m) {
    addScaled(y, m, low);
    return addScaled(y + 16, m + 16, high);
  }
  v128.store(y, low);
  v128.store(y, high, 16);
}

// @ts-ignore: decorator
@inline
function pairSums(a: v128, b: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7));
}

// @ts-ignore: decorator
@inline
export function addScaled(y: usize, m: usize, sums: v128): void {
  v128.store(y, f32x4.add(v128.load(y), f32x4.mul(f32x4.convert_i32x4_s(sums), v128.load(m))));
}
