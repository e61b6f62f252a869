import { clamp } from "../lanes";
import { DenseF32 } from "./dense.f32";
import { storeRow } from "./gemm.f32.simd";

/** Returns the bytes of denseF32: 32 outputs at once, enough sums in flight to hide the latency of an addition, then 8. */
export function denseF32Simd(p: DenseF32, part: i32, parts: i32): void {
  const block = 32 * p.I;
  for (let n = part; n < p.N; n += parts) {
    const x = p.x + 4 * n * p.I, y = p.y + 4 * n * p.O;
    let o = 0, w = p.w;
    for (; o + 32 <= p.O; o += 32, w += 4 * block) fourBlocks(p, x, w, p.b + 4 * o, y + 4 * o);
    for (; o < p.O; o += 8, w += block) oneBlock(p, x, w, p.b + 4 * o, y + 4 * o, p.O - o);
  }
}

function fourBlocks(p: DenseF32, x: usize, w0: usize, b: usize, y: usize): void {
  const block = 32 * p.I, end = x + 4 * p.I, lo = f32x4.splat(p.lo), hi = f32x4.splat(p.hi);
  let w1 = w0 + block, w2 = w1 + block, w3 = w2 + block;
  let a0 = v128.load(b), a1 = v128.load(b, 16), a2 = v128.load(b, 32), a3 = v128.load(b, 48), a4 = v128.load(b, 64), a5 = v128.load(b, 80), a6 = v128.load(b, 96), a7 = v128.load(b, 112);
  for (; x < end; x += 4) {
    const v = v128.load_splat<f32>(x);
    a0 = f32x4.add(a0, f32x4.mul(v, v128.load(w0)));
    a1 = f32x4.add(a1, f32x4.mul(v, v128.load(w0, 16)));
    a2 = f32x4.add(a2, f32x4.mul(v, v128.load(w1)));
    a3 = f32x4.add(a3, f32x4.mul(v, v128.load(w1, 16)));
    a4 = f32x4.add(a4, f32x4.mul(v, v128.load(w2)));
    a5 = f32x4.add(a5, f32x4.mul(v, v128.load(w2, 16)));
    a6 = f32x4.add(a6, f32x4.mul(v, v128.load(w3)));
    a7 = f32x4.add(a7, f32x4.mul(v, v128.load(w3, 16)));
    w0 += 32;
    w1 += 32;
    w2 += 32;
    w3 += 32;
  }
  v128.store(y, clamp(a0, lo, hi));
  v128.store(y, clamp(a1, lo, hi), 16);
  v128.store(y, clamp(a2, lo, hi), 32);
  v128.store(y, clamp(a3, lo, hi), 48);
  v128.store(y, clamp(a4, lo, hi), 64);
  v128.store(y, clamp(a5, lo, hi), 80);
  v128.store(y, clamp(a6, lo, hi), 96);
  v128.store(y, clamp(a7, lo, hi), 112);
}

/** The last `count` outputs, or 8 of them. */
function oneBlock(p: DenseF32, x: usize, w: usize, b: usize, y: usize, count: i32): void {
  const end = x + 4 * p.I, lo = f32x4.splat(p.lo), hi = f32x4.splat(p.hi);
  let low = v128.load(b), high = v128.load(b, 16);
  for (; x < end; x += 4, w += 32) {
    const v = v128.load_splat<f32>(x);
    low = f32x4.add(low, f32x4.mul(v, v128.load(w)));
    high = f32x4.add(high, f32x4.mul(v, v128.load(w, 16)));
  }
  storeRow(y, clamp(low, lo, hi), clamp(high, lo, hi), min(count, 8));
}
