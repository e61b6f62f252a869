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
  for (let n = 0; n < p.N; n++) for (let i = 0; i < p.OH; i++) for (let u = 0; u < p.KH; u++) {
    const h = i * p.strideH - p.padTop + u * p.dilationH;
    if (<u32>h < <u32>p.H) addLines(p, p.x + 4 * (n * p.H + h) * p.W * p.C, p.dy + 4 * (n * p.OH + i) * p.OW * p.C, p.t + 4 * u * p.KW * row);
  }
  for (let c = 0; c < p.C; c++) for (let k = 0; k < count; k++) store<f32>(p.dw + 4 * (c * count + k), load<f32>(p.t + 4 * (k * row + c)));
}

/** The first window of a line whose tap, at left + j · stride, lies inside it, and one past the last. */
// @ts-ignore: decorator
@inline
function firstWindow(p: Window, left: i32): i32 {
  return left >= 0 ? 0 : (p.strideW - 1 - left) / p.strideW;
}

// @ts-ignore: decorator
@inline
function endWindow(p: Window, left: i32): i32 {
  return left >= p.W ? 0 : min(p.OW, (p.W - 1 - left) / p.strideW + 1);
}

/** A line of x and one of dy to a line of taps; windows whose tap lies outside of the line are left out. */
function addLines(p: DepthwiseWeightGrad, x: usize, dy: usize, y: usize): void {
  const pixel = 4 * p.C, row = 4 * padded(p.C);
  for (let v = 0; v < p.KW; v++, y += row) {
    const left = v * p.dilationW - p.padLeft, first = firstWindow(p, left), end = endWindow(p, left);
    if (first < end) addTap(x + (left + first * p.strideW) * pixel, dy + first * pixel, y, end - first, p.strideW * pixel, pixel);
  }
}

/** y[c] += Σ dy[j,c] · x[j,c] over `count` pixels. Up to three channels behind the last are computed in vain. */
function addTap(x: usize, dy: usize, y: usize, count: i32, step: i32, pixel: i32): void {
  let c: usize = 0;
  const bytes: usize = pixel, lanes: usize = sizeof<Lane>();
  for (; c + 4 * lanes <= bytes; c += 4 * lanes) addFour(x + c, dy + c, y + c, count, step, pixel);
  for (; c < bytes; c += lanes) addOne(x + c, dy + c, y + c, count, step, pixel);
}

function addFour(x: usize, dy: usize, y: usize, count: i32, step: i32, pixel: i32): void {
  let s0 = at(y, 0), s1 = at(y, LANES), s2 = at(y, 2 * LANES), s3 = at(y, 3 * LANES);
  for (; count > 0; count--, x += step, dy += pixel) {
    s0 = plus(s0, times(at(dy, 0), at(x, 0)));
    s1 = plus(s1, times(at(dy, LANES), at(x, LANES)));
    s2 = plus(s2, times(at(dy, 2 * LANES), at(x, 2 * LANES)));
    s3 = plus(s3, times(at(dy, 3 * LANES), at(x, 3 * LANES)));
  }
  put(y, 0, s0);
  put(y, LANES, s1);
  put(y, 2 * LANES, s2);
  put(y, 3 * LANES, s3);
}

function addOne(x: usize, dy: usize, y: usize, count: i32, step: i32, pixel: i32): void {
  let sum = at(y, 0);
  for (; count > 0; count--, x += step, dy += pixel) sum = plus(sum, times(at(dy, 0), at(x, 0)));
  put(y, 0, sum);
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
      const distance = line % p.H + p.padTop - u * p.dilationH, i = distance / p.strideH;
      if (distance >= 0 && distance % p.strideH == 0 && i < p.OH) addLine(p, p.dy + (line / p.H * p.OH + i) * p.OW * bytes, p.w + u * p.KW * bytes, dx);
    }
  }
}

/** A line of dy times a line of taps into a line of dx: window j adds to pixel left + j · sw of each tap. */
function addLine(p: DepthwiseInputGrad, dy: usize, w: usize, dx: usize): void {
  const pixel = 4 * p.C;
  for (let v = 0; v < p.KW; v++, w += pixel) {
    const left = v * p.dilationW - p.padLeft, first = firstWindow(p, left), end = endWindow(p, left);
    if (first < end) addScaled(dx + (left + first * p.strideW) * pixel, dy + first * pixel, w, end - first, p.strideW * pixel, pixel);
  }
}

/** y[j,c] += x[j,c] · w[c] for `count` pixels; y is `step` bytes from pixel to pixel. */
function addScaled(y: usize, x: usize, w: usize, count: i32, step: i32, pixel: i32): void {
  let c: usize = 0;
  const bytes: usize = pixel;
  for (; c + sizeof<Lane>() <= bytes; c += sizeof<Lane>()) addColumn<Lane>(y + c, x + c, load<Lane>(w + c), count, step, pixel);
  for (; c < bytes; c += 4) addColumn<f32>(y + c, x + c, load<f32>(w + c), count, step, pixel);
}

// @ts-ignore: decorator
@inline
function addColumn<T>(y: usize, x: usize, w: T, count: i32, step: i32, pixel: i32): void {
  for (; count > 0; count--, y += step, x += pixel) store<T>(y, plus<T>(load<T>(y), times<T>(load<T>(x), w)));
}
