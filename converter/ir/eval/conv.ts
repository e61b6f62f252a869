/** conv2d and convTranspose2d: patches into rows, then one matrix product per group. */
import type { OpAttributes } from "../ops.ts";
import { clampAll } from "./clamp.ts";
import { gemm, startRows } from "./gemm.ts";
import { floats, type Value } from "./value.ts";

/** What the loops over windows need: x [N,H,W,C] · w [O,KH,KW,Cg] · y [N,OH,OW,O], Og outputs per group. */
interface Geometry {
  N: number; H: number; W: number; C: number; O: number; KH: number; KW: number; Cg: number; Og: number; OH: number; OW: number;
  stride: number[]; dilation: number[]; pad: number[]; groups: number;
}

function geometry(a: OpAttributes["conv2d"] | OpAttributes["convTranspose2d"], x: Value, w: Value, y: Value): Geometry {
  const [N, H, W, C] = x.shape as [number, number, number, number], [, OH, OW, O] = y.shape as [number, number, number, number];
  const [, KH, KW, Cg] = w.shape as [number, number, number, number];
  return { N, H, W, C, O, KH, KW, Cg, Og: O / a.groups, OH, OW, stride: a.stride, dilation: a.dilation, pad: a.pad, groups: a.groups };
}

/** y[n,i,j,o] = clamp(b[o] + Σ x[n, i·sh + u·dh − top, j·sw + v·dw − left, g·Cg + c] · w[o,u,v,c]), g the group of o, zeros outside. */
export function conv2d(a: OpAttributes["conv2d"], [x, w, b]: Value[], [y]: Value[]): void {
  const g = geometry(a, x!, w!, y!), out = y!.data instanceof Float32Array ? y!.data : new Float32Array(y!.data.length);
  startRows(out, g.N * g.OH * g.OW, g.O, b && floats(b));
  if (g.Cg === 1 && g.Og === 1) depthwise(g, floats(x!), floats(w!), out);
  else if (isPointwise(g)) gemm({ data: floats(x!), offset: 0 }, { data: floats(w!), offset: 0 }, { data: out, offset: 0 }, g.N * g.OH * g.OW, g.O, g.C);
  else byPatches(g, floats(x!), floats(w!), out);
  clampAll(out, a.clamp);
  if (out !== y!.data) y!.data.set(out);
}

const isPointwise = (g: Geometry) =>
  g.groups === 1 && g.KH === 1 && g.KW === 1 && g.stride.every((s) => s === 1) && g.pad.every((p) => p === 0);

/** Rows of patches that are gathered before they are multiplied. */
const blockRows = 64;

function byPatches(g: Geometry, x: Float32Array, w: Float32Array, y: Float32Array): void {
  const K = g.KH * g.KW * g.Cg, pixels = g.N * g.OH * g.OW, patches = new Float32Array(blockRows * K);
  for (let group = 0; group < g.groups; group++) {
    for (let first = 0; first < pixels; first += blockRows) {
      const rows = Math.min(blockRows, pixels - first);
      for (let r = 0; r < rows; r++) gatherPatch(g, x, group * g.Cg, first + r, patches, r * K);
      gemm({ data: patches, offset: 0 }, { data: w, offset: group * g.Og * K }, { data: y, offset: first * g.O + group * g.Og }, rows, g.Og, K, g.O);
    }
  }
}

/** patch[u,v,c] of one output pixel, zeros outside of x. */
function gatherPatch(g: Geometry, x: Float32Array, channel: number, pixel: number, patch: Float32Array, at: number): void {
  const j = pixel % g.OW, i = Math.floor(pixel / g.OW) % g.OH, n = Math.floor(pixel / (g.OW * g.OH));
  const top = i * g.stride[0]! - g.pad[0]!, left = j * g.stride[1]! - g.pad[1]!;
  for (let u = 0; u < g.KH; u++) {
    const h = top + u * g.dilation[0]!;
    for (let v = 0; v < g.KW; v++, at += g.Cg) {
      const c = left + v * g.dilation[1]!;
      if (h < 0 || h >= g.H || c < 0 || c >= g.W) patch.fill(0, at, at + g.Cg);
      else copy(x, ((n * g.H + h) * g.W + c) * g.C + channel, patch, at, g.Cg);
    }
  }
}

function copy(x: Float32Array, from: number, y: Float32Array, to: number, n: number): void {
  for (let i = 0; i < n; i++) y[to + i] = x[from + i]!;
}

/** One filter per channel: for every tap, a row of channels times a row of weights. w [C,KH,KW,1] is read as [KH,KW,C]. */
function depthwise(g: Geometry, x: Float32Array, w: Float32Array, y: Float32Array): void {
  const C = g.C, taps = new Float32Array(w.length);
  for (let c = 0; c < C; c++) for (let t = 0; t < g.KH * g.KW; t++) taps[t * C + c] = w[c * g.KH * g.KW + t]!;
  const sums = new Float64Array(C);
  for (let pixel = 0; pixel < g.N * g.OH * g.OW; pixel++) {
    const j = pixel % g.OW, i = Math.floor(pixel / g.OW) % g.OH, n = Math.floor(pixel / (g.OW * g.OH));
    sums.fill(0);
    for (let u = 0; u < g.KH; u++) {
      const h = i * g.stride[0]! - g.pad[0]! + u * g.dilation[0]!;
      if (h < 0 || h >= g.H) continue;
      for (let v = 0; v < g.KW; v++) {
        const l = j * g.stride[1]! - g.pad[1]! + v * g.dilation[1]!;
        if (l >= 0 && l < g.W) addProducts(x, ((n * g.H + h) * g.W + l) * C, taps, (u * g.KW + v) * C, sums);
      }
    }
    for (let c = 0; c < C; c++) y[pixel * C + c]! += sums[c]!;
  }
}

function addProducts(x: Float32Array, ix: number, w: Float32Array, iw: number, sums: Float64Array): void {
  for (let c = 0; c < sums.length; c++) sums[c]! += x[ix + c]! * w[iw + c]!;
}

/**
 * y[n, i·sh + u·dh − top, j·sw + v·dw − left, o] += Σc x[n,i,j,g·Cg+c] · w[o,u,v,c], clamped at the end.
 * One product per tap and row of x: its outputs are scattered.
 */
export function convTranspose2d(a: OpAttributes["convTranspose2d"], [x, w, b]: Value[], [y]: Value[]): void {
  const g = geometry(a, x!, w!, y!), out = new Float32Array(y!.data.length), rows = g.N * g.H * g.W, K = g.Cg;
  startRows(out, g.N * g.OH * g.OW, g.O, b && floats(b));
  const part = new Float32Array(rows * K), weights = new Float32Array(g.Og * K), products = new Float32Array(rows * g.Og);
  for (let group = 0; group < g.groups; group++) {
    for (let r = 0; r < rows; r++) copy(floats(x!), r * g.C + group * K, part, r * K, K);
    for (let u = 0; u < g.KH; u++) {
      for (let v = 0; v < g.KW; v++) {
        for (let o = 0; o < g.Og; o++) copy(floats(w!), (((group * g.Og + o) * g.KH + u) * g.KW + v) * K, weights, o * K, K);
        products.fill(0);
        gemm({ data: part, offset: 0 }, { data: weights, offset: 0 }, { data: products, offset: 0 }, rows, g.Og, K);
        scatter(g, products, group * g.Og, u, v, out);
      }
    }
  }
  clampAll(out, a.clamp);
  y!.data.set(out);
}

function scatter(g: Geometry, products: Float32Array, channel: number, u: number, v: number, y: Float32Array): void {
  for (let r = 0; r < g.N * g.H * g.W; r++) {
    const j = r % g.W, i = Math.floor(r / g.W) % g.H, n = Math.floor(r / (g.W * g.H));
    const h = i * g.stride[0]! + u * g.dilation[0]! - g.pad[0]!, l = j * g.stride[1]! + v * g.dilation[1]! - g.pad[1]!;
    if (h < 0 || h >= g.OH || l < 0 || l >= g.OW) continue;
    const to = ((n * g.OH + h) * g.OW + l) * g.O + channel;
    for (let o = 0; o < g.Og; o++) y[to + o]! += products[r * g.Og + o]!;
  }
}
