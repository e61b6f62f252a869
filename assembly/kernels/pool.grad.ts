/** Gradients of pools: every window gives its dy to its taps, windows and taps in ascending order, added in dx. */
import { REFUSED, between, reads, writes } from "../check";
import { ifEqual, over, plus, splat } from "../lanes";
import { Window, checkWindow, endTap, firstTap, imageBytes, positions, taps } from "../window";

/** Parameters of maxPool2dGrad, written by converter/lower/pool.grad.ts. */
@unmanaged
export class MaxPool2dGrad extends Window {
  x: usize; y: usize; dy: usize; dx: usize;
}

/** Parameters of averagePool2dGrad. */
@unmanaged
export class AveragePool2dGrad extends Window {
  dy: usize; dx: usize;
  padBottom: i32; padRight: i32; countIncludePad: i32;
}

const LIMIT: i32 = 1 << 28;

export function checkMaxPool2dGrad(p: MaxPool2dGrad): f64 {
  if (!checkWindow(p)) return REFUSED;
  const outputs = 4 * positions(p) * <f64>p.C, image = imageBytes(p);
  return reads(p.x, image) && reads(p.y, outputs) && reads(p.dy, outputs) && writes(p.dx, image) ? work(p) : REFUSED;
}

export function checkAveragePool2dGrad(p: AveragePool2dGrad): f64 {
  if (!checkWindow(p) || !between(p.padBottom, -LIMIT, LIMIT) || !between(p.padRight, -LIMIT, LIMIT)) return REFUSED;
  return reads(p.dy, 4 * positions(p) * <f64>p.C) && writes(p.dx, imageBytes(p)) ? work(p) : REFUSED;
}

function work(p: Window): f64 {
  return taps(p) * <f64>p.C + imageBytes(p) + 64 * positions(p);
}

/**
 * The first tap of a window that equals y gets dy: of a maximum, or of a maximum that a fused clamp left as it was.
 *   dx[n,h,w,c] = Σ dy[n,i,j,c] over the windows whose first maximum is x[n,h,w,c]; a NaN gets nothing
 * x, dx f32 [N,H,W,C] · y, dy f32 [N,OH,OW,C]; images part, part + parts, … Checked at load by checkMaxPool2dGrad.
 */
export function maxPool2dGrad(p: MaxPool2dGrad, part: i32, parts: i32): void {
  eachWindow(p, p.dx, part, parts, true);
}

/**
 * All taps get the same: dx[n,h,w,c] = Σ dy[n,i,j,c] / count over the windows with that tap, count as in averagePool2dF32.
 * dy f32 [N,OH,OW,C] · dx f32 [N,H,W,C]; images part, part + parts, … Checked at load by checkAveragePool2dGrad.
 */
export function averagePool2dGrad(p: AveragePool2dGrad, part: i32, parts: i32): void {
  eachWindow(p, p.dx, part, parts, false);
}

function eachWindow(p: Window, dx: usize, part: i32, parts: i32, largest: bool): void {
  const pixel = 4 * p.C, image = p.H * p.W * pixel;
  for (let n = part; n < p.N; n += parts) {
    memory.fill(dx + n * image, 0, image);
    for (let i = 0; i < p.OH; i++) {
      const top = i * p.strideH - p.padTop, u = firstTap(top, p.dilationH), endU = endTap(top, p.dilationH, p.KH, p.H);
      for (let j = 0; j < p.OW; j++) {
        const left = j * p.strideW - p.padLeft, v = firstTap(left, p.dilationW), endV = endTap(left, p.dilationW, p.KW, p.W);
        const x = n * image + ((top + u * p.dilationH) * p.W + left + v * p.dilationW) * pixel, y = ((n * p.OH + i) * p.OW + j) * pixel;
        if (largest) toFirst(changetype<MaxPool2dGrad>(p), x, y, endU - u, endV - v);
        else toAll(changetype<AveragePool2dGrad>(p), x, y, endU - u, endV - v, top, left);
      }
    }
  }
}

/** All channels of one window: `x` and `y` are bytes from the start of the images, `x` of the first tap inside. */
function toFirst(p: MaxPool2dGrad, x: usize, y: usize, KH: i32, KW: i32): void {
  const tap: usize = 4 * p.dilationW * p.C, line: usize = 4 * p.dilationH * p.W * p.C, toDx = p.dx - p.x, bytes: usize = 4 * p.C;
  x += p.x;
  let best = p.y + y, dy = p.dy + y;
  for (const end = best + (bytes & -sizeof<Lane>()); best < end; best += sizeof<Lane>(), dy += sizeof<Lane>(), x += sizeof<Lane>()) giveFirst<Lane>(x, toDx, load<Lane>(best), load<Lane>(dy), KH, KW, tap, line);
  for (const end = p.y + y + bytes; best < end; best += 4, dy += 4, x += 4) giveFirst<f32>(x, toDx, load<f32>(best), load<f32>(dy), KH, KW, tap, line);
}

/** What is left of dy is 0 behind the first maximum. `toDx`: from x to dx */
// @ts-ignore: decorator
@inline
function giveFirst<T>(x: usize, toDx: usize, best: T, left: T, KH: i32, KW: i32, tap: usize, line: usize): void {
  const zero = splat<T>(0);
  for (; KH > 0; KH--, x += line) {
    let at = x;
    for (let v = KW; v > 0; v--, at += tap) {
      const value = load<T>(at);
      store<T>(at + toDx, plus<T>(load<T>(at + toDx), ifEqual<T>(value, best, left, zero)));
      left = ifEqual<T>(value, best, zero, left);
    }
  }
}

function toAll(p: AveragePool2dGrad, x: usize, y: usize, KH: i32, KW: i32, top: i32, left: i32): void {
  const count = <f32>(p.countIncludePad ? padded(p, top, left) : max(0, KH) * max(0, KW)), bytes: usize = 4 * p.C;
  let c: usize = 0;
  for (; c + sizeof<Lane>() <= bytes; c += sizeof<Lane>()) giveAll<Lane>(p, x + c, y + c, KH, KW, count);
  for (; c < bytes; c += 4) giveAll<f32>(p, x + c, y + c, KH, KW, count);
}

/** Taps that lie inside x and its padding. */
function padded(p: AveragePool2dGrad, top: i32, left: i32): i32 {
  return endTap(top, p.dilationH, p.KH, p.H + p.padBottom) * endTap(left, p.dilationW, p.KW, p.W + p.padRight);
}

// @ts-ignore: decorator
@inline
function giveAll<T>(p: AveragePool2dGrad, x: usize, y: usize, KH: i32, KW: i32, count: f32): void {
  const tap: usize = 4 * p.dilationW * p.C, line: usize = 4 * p.dilationH * p.W * p.C, share = over<T>(load<T>(p.dy + y), splat<T>(count));
  for (; KH > 0; KH--, x += line) {
    let at = x;
    for (let v = KW; v > 0; v--, at += tap) store<T>(p.dx + at, plus<T>(load<T>(p.dx + at), share));
  }
}
