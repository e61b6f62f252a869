/** Four channels at once: the bytes of the loops in pool.f32.ts. */
import { clamp } from "../lanes";
import { storeLanes } from "./gemm.f32.simd";
import { PoolF32 } from "./pool.f32";

export function maxPixelSimd(p: PoolF32, x: usize, y: usize, KH: i32, KW: i32): void {
  const pixel = 4 * p.C, line = p.dilationH * p.W * pixel, tap = p.dilationW * pixel;
  for (let c = 0; c < pixel; c += 16) {
    let best = f32x4.splat(-Infinity);
    for (let u = 0; u < KH; u++) {
      let at = x + u * line + c;
      for (let v = 0; v < KW; v++, at += tap) best = f32x4.max(best, v128.load(at));
    }
    finish(p, y + c, best, pixel - c);
  }
}

export function averagePixelSimd(p: PoolF32, x: usize, y: usize, KH: i32, KW: i32, count: f32): void {
  const pixel = 4 * p.C, line = p.dilationH * p.W * pixel, tap = p.dilationW * pixel;
  for (let c = 0; c < pixel; c += 16) {
    let sum = f32x4.splat(0);
    for (let u = 0; u < KH; u++) {
      let at = x + u * line + c;
      for (let v = 0; v < KW; v++, at += tap) sum = f32x4.add(sum, v128.load(at));
    }
    finish(p, y + c, f32x4.div(sum, f32x4.splat(count)), pixel - c);
  }
}

function finish(p: PoolF32, y: usize, value: v128, bytes: i32): void {
  const bounded = clamp(value, f32x4.splat(p.lo), f32x4.splat(p.hi));
  if (bytes >= 16) v128.store(y, bounded);
  else storeLanes(y, bounded, bytes >> 2);
}
