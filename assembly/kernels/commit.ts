/** Between float masters and the integers of inference. */
import { REFUSED, between, reads, size, writes } from "../check";
import { levelOf, rowScale } from "./fake-quant";

/** Parameters of commitRows, written by converter/train/storage.ts. */
@unmanaged
export class CommitRows {
  w: usize; b: usize; scale: usize; q: usize; m: usize; folded: usize;
  O: i32; K: i32; limit: i32; zx: i32; integers: i32;
  sx: f32; sy: f32;
}

/** |bias| stays below, as in converter/quantize/weights.ts: no sum can overflow. */
const BIAS_LIMIT: f64 = 536870911;

export function checkCommitRows(p: CommitRows): f64 {
  const rows = 4 * <f64>p.O, n = <f64>p.O * <f64>p.K;
  if (!size(p.O) || !size(p.K) || !between(p.limit, 1, 127) || !between(p.zx, -128, 127)) return REFUSED;
  const inside = reads(p.w, 4 * n) && (p.b == 0 || reads(p.b, rows)) && writes(p.scale, rows) && writes(p.q, n) && writes(p.m, rows) && writes(p.folded, rows);
  return inside ? n : REFUSED;
}

/**
 * Rows of weights as a quantized layer holds them:
 *   s = scale[o] = rowScale(w[o], scale[o]) · q[o,k] = clamp(round(w[o,k] / s), −limit, limit) · m[o] = sx · s / sy
 *   folded[o] = round(b[o] / (sx · s)) − zx · Σ q[o] as i32, or b[o] − m[o] · zx · Σ q[o] as f32
 * w f32 [O,K] · b f32 [O] or 0 · scale, m f32 [O] · q i8 [O,K] · folded i32 or f32 [O]; rows part, part + parts, …
 * In double but for the quotients of w, as the converter computes. Checked at load by checkCommitRows.
 */
export function commitRows(p: CommitRows, part: i32, parts: i32): void {
  commitScaled(p, p.sx, p.sy, part, parts);
}

/** Likewise. px, py f32 [1]: where sx and sy stand if they move, else 0 */
@unmanaged
export class CommitRowsBy extends CommitRows {
  px: usize; py: usize;
}

export function checkCommitRowsBy(p: CommitRowsBy): f64 {
  return (p.px == 0 || reads(p.px, 4)) && (p.py == 0 || reads(p.py, 4)) ? checkCommitRows(p) : REFUSED;
}

/** commitRows with scales that moved. Checked at load by checkCommitRowsBy. */
export function commitRowsBy(p: CommitRowsBy, part: i32, parts: i32): void {
  commitScaled(p, p.px ? load<f32>(p.px) : p.sx, p.py ? load<f32>(p.py) : p.sy, part, parts);
}

function commitScaled(p: CommitRows, sx: f64, sy: f64, part: i32, parts: i32): void {
  for (let o = part; o < p.O; o += parts) {
    const at = 4 * o, s = rowScale(p.w + at * p.K, p.K, load<f32>(p.scale + at), p.limit), b = p.b ? load<f32>(p.b + at) : 0;
    const sum = quantizeRow(p, o, s), m = <f32>(sx * <f64>s / sy);
    store<f32>(p.scale + at, s);
    store<f32>(p.m + at, m);
    if (p.integers) store<i32>(p.folded + at, biasLevel(<f64>b / (sx * <f64>s)) - p.zx * sum);
    else store<f32>(p.folded + at, <f32>(<f64>b - <f64>m * <f64>p.zx * <f64>sum));
  }
}

function biasLevel(t: f64): i32 {
  return <i32>nearest(min(max(t == t ? t : 0, -BIAS_LIMIT), BIAS_LIMIT));
}

/** q[o,…]; returns its sum. */
function quantizeRow(p: CommitRows, o: i32, s: f32): i32 {
  const limit = <f32>p.limit, w = p.w + 4 * o * p.K, q = p.q + o * p.K;
  let sum = 0;
  for (let k = 0; k < p.K; k++) {
    const level = <i32>levelOf(load<f32>(w + 4 * k), s, -limit, limit);
    store<i8>(q + k, <i8>level);
    sum += level;
  }
  return sum;
}

/** Parameters of dequantizeRows, written by converter/train/storage.ts. */
@unmanaged
export class DequantizeRows {
  q: usize; scale: usize; w: usize;
  O: i32; K: i32;
}

export function checkDequantizeRows(p: DequantizeRows): f64 {
  const n = <f64>p.O * <f64>p.K;
  return size(p.O) && size(p.K) && reads(p.q, n) && reads(p.scale, 4 * <f64>p.O) && writes(p.w, 4 * n) ? n : REFUSED;
}

/** w[o,k] = scale[o] · q[o,k]. q i8 [O,K] · scale f32 [O] · w f32 [O,K]; rows part, part + parts, … Checked at load by checkDequantizeRows. */
export function dequantizeRows(p: DequantizeRows, part: i32, parts: i32): void {
  for (let o = part; o < p.O; o += parts) {
    const s = load<f32>(p.scale + 4 * o), q = p.q + o * p.K, w = p.w + 4 * o * p.K;
    for (let k = 0; k < p.K; k++) store<f32>(w + 4 * k, s * <f32>load<i8>(q + k));
  }
}
