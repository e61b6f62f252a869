/**
 * Int8 matrix products without SIMD: one 64-bit product is two. A pair is a + b · 2^32 of two int32; a value times a pair of
 * weights, summed, is the pair of the sums of two outputs. Few rows are multiplied with the weights as they are, c4
 * [O/8][K/4][8][4]; K is padded to a multiple of 4 by zero weights: what rows hold there is free.
 */
import { Output, SCALED, outputOf } from "../quant/output";

// @ts-ignore: decorator
@inline
export function pairOf(a: i32, b: i32): i64 {
  return <i64>a + (<i64>b << 32);
}

// @ts-ignore: decorator
@inline
export function firstOf(pair: i64): i32 {
  return <i32>pair;
}

// @ts-ignore: decorator
@inline
export function secondOf(pair: i64): i32 {
  return <i32>((pair - <i64><i32>pair) >> 32);
}

/** Weights c4 of `count` outputs from `o` on, a multiple of 4, less their zero point → pairs [count/4][K][2] */
export function expandPairs(w: usize, K: i32, o: i32, count: i32, zero: i32, to: usize): void {
  for (const end = o + count; o < end; o += 4) {
    const first = w + (o >> 3) * 8 * K + (o & 4) * 4;
    for (let k = 0; k < K; k++, to += 16) {
      const v = first + (k >> 2) * 32 + (k & 3);
      store<i64>(to, pairOf(<i32>load<i8>(v) - zero, <i32>load<i8>(v, 4) - zero));
      store<i64>(to, pairOf(<i32>load<i8>(v, 8) - zero, <i32>load<i8>(v, 12) - zero), 8);
    }
  }
}

/** Rows x0, x1 i8 [K] times the pairs of `count` outputs, the first of them channel `o` · b i32, of SCALED f32 · y0, y1 rows of outputs */
export function multiplyPairs(p: Output, rule: i32, x0: usize, x1: usize, K: i32, w: usize, b: usize, o: i32, count: i32, y0: usize, y1: usize): void {
  const end = x0 + K, step = rule == SCALED ? 8 : 2;
  for (; count > 0; count -= 4) {
    let a0: i64 = 0, a1: i64 = 0, b0: i64 = 0, b1: i64 = 0, u = x0, v = x1;
    do {
      const w0 = load<i64>(w), w1 = load<i64>(w, 8), xu = <i64>load<i8>(u), xv = <i64>load<i8>(v);
      a0 += xu * w0;
      a1 += xu * w1;
      b0 += xv * w0;
      b1 += xv * w1;
      u++;
      v++;
      w += 16;
    } while (u != end);
    put(p, rule, a0, b, 0, o, count, y0);
    put(p, rule, b0, b, 0, o, count, y1);
    o += 2;
    b += 8;
    y0 += step;
    y1 += step;
    put(p, rule, a1, b, 0, o, count - 2, y0);
    put(p, rule, b1, b, 0, o, count - 2, y1);
    o += 2;
    b += 8;
    y0 += step;
    y1 += step;
  }
}

/** One row x i8 [K] times the weights of `count` outputs, the first of them channel `o` · b i32, plus `start` · y outputs */
export function multiplyRowPlain(p: Output, rule: i32, x: usize, K: i32, w: usize, b: usize, start: i32, o: i32, count: i32, y: usize): void {
  for (let i = 0; i < count; i += 2) put(p, rule, productPair(x, K, w + (i >> 3) * 8 * K + (i & 7) * 4), b + 4 * i, start, o + i, count - i, y + i);
}

/** Sums of two neighbours among the outputs of c4, which begin at w. */
export function productPair(x: usize, K: i32, w: usize): i64 {
  const end = x + K;
  let a = 0, b = 0;
  do {
    const x0 = <i32>load<i8>(x), x1 = <i32>load<i8>(x, 1), x2 = <i32>load<i8>(x, 2), x3 = <i32>load<i8>(x, 3);
    a += x0 * load<i8>(w) + x1 * load<i8>(w, 1) + x2 * load<i8>(w, 2) + x3 * load<i8>(w, 3);
    b += x0 * load<i8>(w, 4) + x1 * load<i8>(w, 5) + x2 * load<i8>(w, 6) + x3 * load<i8>(w, 7);
    x += 4;
    w += 32;
  } while (x != end);
  return pairOf(a, b);
}

/** Two outputs, the first `count` of them. */
function put(p: Output, rule: i32, pair: i64, b: usize, start: i32, o: i32, count: i32, y: usize): void {
  const first = firstOf(pair), second = secondOf(pair), m = p.m + 4 * o;
  if (rule == SCALED) {
    store<f32>(y, load<f32>(b) + <f32>first * load<f32>(m));
    store<f32>(y, load<f32>(b, 4) + <f32>second * load<f32>(m, 4), 4);
    return;
  }
  if (count > 0) store<i8>(y, outputOf(p, rule, load<i32>(b) + start + first, o));
  if (count > 1) store<i8>(y, outputOf(p, rule, load<i32>(b, 4) + start + second, o + 1), 1);
}
