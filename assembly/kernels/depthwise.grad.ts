/** Gradients of depthwise convolutions, one filter per channel, float32. Whole vectors of channels; the scalar build does the same. */
import { REFUSED, reads, writes } from "../check";
import { LANES, at, plus, put, times } from "../lanes";
import { Window, checkWindow, imageBytes, positions, taps } from "../window";

/** Parameters of depthwiseWeightGrad, written by converter/lower/depthwise.grad.ts. */
@unmanaged
export class DepthwiseWeightGrad extends Window {
  x: usize; dy: usize; dw: usize; t: usize;
}

/** Parameters of depthwiseInputGrad. */
@unmanaged
export class DepthwiseInputGrad extends Window {
  dy: usize; w: usize; dx: usize;
}

/** Channels up to whole vectors. */
// @ts-ignore: decorator
@inline
function padded(C: i32): i32 {
  return (C + 3) & ~3;
}

export function checkDepthwiseWeightGrad(p: DepthwiseWeightGrad): f64 {
  if (!checkWindow(p)) return REFUSED;
  const filter = 4 * <f64>p.KH * <f64>p.KW;
  const inside = reads(p.x, imageBytes(p)) && reads(p.dy, 4 * positions(p) * <f64>p.C) && writes(p.dw, filter * <f64>p.C) && writes(p.t, filter * <f64>padded(p.C));
  return inside ? work(p) : REFUSED;
}

export function checkDepthwiseInputGrad(p: DepthwiseInputGrad): f64 {
  if (!checkWindow(p)) return REFUSED;
  const inside = reads(p.dy, 4 * positions(p) * <f64>p.C) && reads(p.w, 4 * <f64>p.KH * <f64>p.KW * <f64>p.C) && writes(p.dx, imageBytes(p));
  return inside ? work(p) + imageBytes(p) * <f64>p.KH * <f64>p.KW : REFUSED;
}

function work(p: Window): f64 {
  return taps(p) * (<f64>p.C + 16) + 64 * <f64>p.KH * <f64>p.KW * <f64>p.C;
}

/**
 * dw[c,u,v] += Σ dy[n,i,j,c] · x[n, i·sh − top + u·dh, j·sw − left + v·dw, c] over the taps inside x, n, i, j ascending.
 * x f32 [N,H,W,C] · dy f32 [N,OH,OW,C] · dw f32 [C,KH,KW] · t f32 [KH,KW,C up to a multiple of 4]: dw while it is added to
 * Checked at load by checkDepthwiseWeightGrad.
 */
export function depthwiseWeightGrad(p: DepthwiseWeightGrad, part: i32, parts: i32): void {
  if (part) return;
  const count = p.KH * p.KW, row = padded(p.C);
  for (let c = 0; c < p.C; c++) for (let k = 0; k < count; k++) store<f32>(p.t + 4 * (k * row + c), load<f32>(p.dw + 4 * (c * count + k)));
  for (let u = 0; u < p.KH; u++) for (let v = 0; v < p.KW; v++) addTap(p, u, v, p.t + 4 * (u * p.KW + v) * row);
  for (let c = 0; c < p.C; c++) for (let k = 0; k < count; k++) store<f32>(p.dw + 4 * (c * count + k), load<f32>(p.t + 4 * (k * row + c)));
}

/** The first window whose tap at `offset` does not lie before the image, and one past the last whose does not lie behind it. */
function firstWindow(offset: i32, stride: i32): i32 {
  return offset >= 0 ? 0 : (stride - 1 - offset) / stride;
}

function endWindow(offset: i32, stride: i32, size: i32, count: i32): i32 {
  return offset >= size ? 0 : min(count, (size - 1 - offset) / stride + 1);
}

/** One tap of every channel over all windows that have it inside x; sums to `y` [C]. Up to three channels behind the last are computed in vain. */
function addTap(p: DepthwiseWeightGrad, u: i32, v: i32, y: usize): void {
  const top = u * p.dilationH - p.padTop, left = v * p.dilationW - p.padLeft;
  const i = firstWindow(top, p.strideH), endI = endWindow(top, p.strideH, p.H, p.OH), j = firstWindow(left, p.strideW), endJ = endWindow(left, p.strideW, p.W, p.OW);
  let c = 0;
  for (; c + 4 * LANES <= p.C; c += 4 * LANES) addFour(p, top, left, i, endI, j, endJ, c, y);
  for (; c < p.C; c += LANES) addOne(p, top, left, i, endI, j, endJ, c, y);
}

function addFour(p: DepthwiseWeightGrad, top: i32, left: i32, firstI: i32, endI: i32, firstJ: i32, endJ: i32, c: i32, y: usize): void {
  const step = 4 * p.strideW * p.C, pixel = 4 * p.C;
  let s0 = at(y, c), s1 = at(y, c + LANES), s2 = at(y, c + 2 * LANES), s3 = at(y, c + 3 * LANES);
  for (let n = 0; n < p.N; n++) for (let i = firstI; i < endI; i++) {
    let x = p.x + ((n * p.H + top + i * p.strideH) * p.W + left + firstJ * p.strideW) * pixel + 4 * c, dy = p.dy + ((n * p.OH + i) * p.OW + firstJ) * pixel + 4 * c;
    for (let j = firstJ; j < endJ; j++, x += step, dy += pixel) {
      s0 = plus(s0, times(at(dy, 0), at(x, 0)));
      s1 = plus(s1, times(at(dy, LANES), at(x, LANES)));
      s2 = plus(s2, times(at(dy, 2 * LANES), at(x, 2 * LANES)));
      s3 = plus(s3, times(at(dy, 3 * LANES), at(x, 3 * LANES)));
    }
  }
  put(y, c, s0);
  put(y, c + LANES, s1);
  put(y, c + 2 * LANES, s2);
  put(y, c + 3 * LANES, s3);
}

function addOne(p: DepthwiseWeightGrad, top: i32, left: i32, firstI: i32, endI: i32, firstJ: i32, endJ: i32, c: i32, y: usize): void {
  const step = 4 * p.strideW * p.C, pixel = 4 * p.C;
  let sum = at(y, c);
  for (let n = 0; n < p.N; n++) for (let i = firstI; i < endI; i++) {
    let x = p.x + ((n * p.H + top + i * p.strideH) * p.W + left + firstJ * p.strideW) * pixel + 4 * c, dy = p.dy + ((n * p.OH + i) * p.OW + firstJ) * pixel + 4 * c;
    for (let j = firstJ; j < endJ; j++, x += step, dy += pixel) sum = plus(sum, times(at(dy, 0), at(x, 0)));
  }
  put(y, c, sum);
}

/**
 * dx[n,h,l,c] = Σ dy[n,i,j,c] · w[u,v,c] over h = i·sh − top + u·dh, l = j·sw − left + v·dw, u, v ascending.
 * dy f32 [N,OH,OW,C] · w f32 [KH,KW,C] · dx f32 [N,H,W,C]; lines part, part + parts, … Checked at load by checkDepthwiseInputGrad.
 */
export function depthwiseInputGrad(p: DepthwiseInputGrad, part: i32, parts: i32): void {
  const bytes = 4 * p.C;
  for (let line = part; line < p.N * p.H; line += parts) {
    const dx = p.dx + line * p.W * bytes;
    memory.fill(dx, 0, p.W * bytes);
    for (let u = 0; u < p.KH; u++) {
      const i = windowAt(line % p.H + p.padTop - u * p.dilationH, p.strideH, p.OH);
      if (i >= 0) addLine(p, p.dy + (line / p.H * p.OH + i) * p.OW * bytes, p.w + u * p.KW * bytes, dx);
    }
  }
}

/** The window that has a tap at `distance` from its start, or −1. */
function windowAt(distance: i32, stride: i32, count: i32): i32 {
  return distance >= 0 && distance % stride == 0 && distance / stride < count ? distance / stride : -1;
}

/** A line of dy times a line of taps into a line of dx: window j adds to pixel j·sw − left + v·dw. */
function addLine(p: DepthwiseInputGrad, dy: usize, w: usize, dx: usize): void {
  const bytes = 4 * p.C;
  for (let l = 0; l < p.W; l++) for (let v = 0; v < p.KW; v++) {
    const j = windowAt(l + p.padLeft - v * p.dilationW, p.strideW, p.OW);
    if (j >= 0) addProducts(dy + j * bytes, w + v * bytes, dx + l * bytes, p.C);
  }
}

/** y[c] += a[c] · b[c] */
function addProducts(a: usize, b: usize, y: usize, C: i32): void {
  let c = 0;
  for (; c + LANES <= C; c += LANES) put(y, c, plus(at(y, c), times(at(a, c), at(b, c))));
  for (; c < C; c++) store<f32>(y + 4 * c, load<f32>(y + 4 * c) + load<f32>(a + 4 * c) * load<f32>(b + 4 * c));
}
