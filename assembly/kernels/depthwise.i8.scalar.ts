/**
 * depthwiseI8 without SIMD: four channels at a time, the taps inside x alone. y = output(b + zx · Σ w + Σ (x − zx) · w), where
 * the second sum runs over the taps inside.
 */
import { outputOf } from "../quant/output";
import { endTap, firstTap } from "../window";
import { DepthwiseI8, outputOfDepthwise } from "./depthwise.i8";

export function depthwiseScalar(p: DepthwiseI8, rule: i32, part: i32, parts: i32): void {
  const rows = p.N * p.OH;
  for (let o = 0, O = p.C * p.multiplier; o < O; o += 4) {
    unpackWeights(p, o);
    for (let row = part; row < rows; row += parts) line(p, rule, row, o);
  }
}

/** Weights of channels o … o + 3 → scratch i32 [KH,KW,4] */
function unpackWeights(p: DepthwiseI8, o: i32): void {
  const pairs = (p.KW + 1) >> 1, w = p.w + (o >> 3) * p.KH * pairs * 16 + (o & 4) * 2;
  let to = p.t;
  for (let u = 0; u < p.KH; u++) for (let v = 0; v < p.KW; v++) {
    for (let i = 0, at = w + (u * pairs + (v >> 1)) * 16 + (v & 1); i < 4; i++, at += 2, to += 4) store<i32>(to, load<i8>(at));
  }
}

/** What zx adds to the sums of channel i of the four. */
function baseOf(p: DepthwiseI8, o: i32, i: i32): i32 {
  let sum = 0;
  for (let w = p.t + 4 * i, end = w + 16 * p.KH * p.KW; w < end; w += 16) sum += load<i32>(w);
  return load<i32>(p.b + 4 * (o + i)) + p.zx * sum;
}

/** One row of y of channels o … o + 3. Fields are read once: V8 would read them again after every store. */
function line(p: DepthwiseI8, rule: i32, row: i32, o: i32): void {
  const W = p.W, C = p.C, OW = p.OW, KW = p.KW, O = C * p.multiplier, stride = p.strideW, dilation = p.dilationW, zx = p.zx, t = p.t, across = dilation * C, down = p.dilationH * W * C, output = outputOfDepthwise(p);
  const n = row / p.OH, top = (row - n * p.OH) * p.strideH - p.padTop, u0 = firstTap(top, p.dilationH), u1 = endTap(top, p.dilationH, p.KH, p.H);
  const c0 = o / p.multiplier, c1 = (o + 1) / p.multiplier - c0, c2 = (o + 2) / p.multiplier - c0, c3 = (o + 3) / p.multiplier - c0, x = p.x + ((n * p.H + top) * W) * C + c0 + u0 * down;
  const base0 = baseOf(p, o, 0), base1 = baseOf(p, o, 1), base2 = baseOf(p, o, 2), base3 = baseOf(p, o, 3), count = O - o;
  for (let j = 0, left = -p.padLeft, y = p.y + row * OW * O + o; j < OW; j++, left += stride, y += O) {
    const v0 = firstTap(left, dilation), v1 = endTap(left, dilation, KW, W);
    let s0 = base0, s1 = base1, s2 = base2, s3 = base3;
    for (let u = u0, from = x + (left + v0 * dilation) * C; u < u1; u++, from += down) {
      for (let v = v0, at = from, w = t + 16 * (u * KW + v0); v < v1; v++, at += across, w += 16) {
        s0 += (<i32>load<i8>(at) - zx) * load<i32>(w);
        s1 += (<i32>load<i8>(at + c1) - zx) * load<i32>(w, 4);
        s2 += (<i32>load<i8>(at + c2) - zx) * load<i32>(w, 8);
        s3 += (<i32>load<i8>(at + c3) - zx) * load<i32>(w, 12);
      }
    }
    store<i8>(y, outputOf(output, rule, s0, o));
    if (count > 1) store<i8>(y, outputOf(output, rule, s1, o + 1), 1);
    if (count > 2) store<i8>(y, outputOf(output, rule, s2, o + 2), 2);
    if (count > 3) store<i8>(y, outputOf(output, rule, s3, o + 3), 3);
  }
}
