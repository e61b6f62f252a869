/** Gradients of conv2d. */
import type { TrainAttributes } from "../ops.train.ts";
import { floats, type Value } from "./value.ts";

interface Geometry { stride: number[]; dilation: number[]; pad: number[]; groups: number }

/** Calls `visit` for every product of the convolution: indices of x [N,H,W,C], w [O,KH,KW,Cg] and y [N,OH,OW,O], of the first of Cg channels. */
function forProducts(a: Geometry, x: readonly number[], w: readonly number[], y: readonly number[], visit: (x: number, w: number, y: number) => void): void {
  const [N, H, W, C] = x as [number, number, number, number], [O, KH, KW, Cg] = w as [number, number, number, number], [, OH, OW] = y as [number, number, number];
  for (let n = 0; n < N; n++) for (let i = 0; i < OH; i++) for (let j = 0; j < OW; j++) for (let u = 0; u < KH; u++) for (let v = 0; v < KW; v++) {
    const h = i * a.stride[0]! - a.pad[0]! + u * a.dilation[0]!, l = j * a.stride[1]! - a.pad[1]! + v * a.dilation[1]!;
    if (h < 0 || h >= H || l < 0 || l >= W) continue;
    for (let o = 0; o < O; o++) visit(((n * H + h) * W + l) * C + Math.floor((o * a.groups) / O) * Cg, ((o * KH + u) * KW + v) * Cg, ((n * OH + i) * OW + j) * O + o);
  }
}

/** dw[o,u,v,c] = acc[o,u,v,c] + Σ dy[n,i,j,o] · x[n, i·sh + u·dh − top, j·sw + v·dw − left, g·Cg + c], g the group of o */
export function conv2dWeightGrad(a: TrainAttributes["conv2dWeightGrad"], [acc, x, dy]: Value[], [dw]: Value[]): void {
  const sums = Float64Array.from(acc!.data), Cg = acc!.shape[3]!, [from, gradient] = [floats(x!), floats(dy!)];
  forProducts(a, x!.shape, acc!.shape, dy!.shape, (ix, iw, iy) => {
    for (let c = 0; c < Cg; c++) sums[iw + c]! += gradient[iy]! * from[ix + c]!;
  });
  dw!.data.set(sums);
}

/** dx[n,h,l,g·Cg + c] = Σ dy[n,i,j,o] · w[o,u,v,c] over h = i·sh + u·dh − top, l = j·sw + v·dw − left, o of group g */
export function conv2dInputGrad(a: TrainAttributes["conv2dInputGrad"], [dy, w]: Value[], [dx]: Value[]): void {
  const sums = new Float64Array(dx!.data.length), Cg = w!.shape[3]!, [gradient, weights] = [floats(dy!), floats(w!)];
  forProducts(a, dx!.shape, w!.shape, dy!.shape, (ix, iw, iy) => {
    for (let c = 0; c < Cg; c++) sums[ix + c]! += gradient[iy]! * weights[iw + c]!;
  });
  dx!.data.set(sums);
}

/** db[o] = acc[o] + Σr dy[r,o] */
export function biasGrad(_: unknown, [acc, dy]: Value[], [db]: Value[]): void {
  const sums = Float64Array.from(acc!.data), O = sums.length;
  for (let i = 0; i < dy!.data.length; i++) sums[i % O]! += dy!.data[i]!;
  db!.data.set(sums);
}
