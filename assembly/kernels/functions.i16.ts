/** Functions of int16 by tables with straight lines between their entries, as TFLite's reference kernels have them. */
import { REFUSED, between, reads, size, writes } from "../check";
import { requantizeTflite } from "../quant/requantize.tflite";

/** Parameters of lutI16: y = table(x), written by converter/lower/functions.i16.ts. */
@unmanaged
export class LutI16 {
  x: usize; table: usize; y: usize;
  n: i32;
}

/** Parameters of sigmoidI16: x is first multiplied by m / 2^shift. */
@unmanaged
export class SigmoidI16 {
  x: usize; table: usize; y: usize;
  n: i32; m: i32; shift: i32; tanh: i32;
}

/** Parameters of softmaxI16: rows of n; differences are scaled by r(d · g, m, r). */
@unmanaged
export class SoftmaxI16 {
  x: usize; exp: usize; reciprocal: usize; y: usize;
  rows: i32; n: i32; m: i32; r: i32; g: i32;
}

const LUT_BYTES: f64 = 2 * 513;
/** What the line of 1/2 and of 1 is. */
const TANH_ONE: i32 = 1 << 23, LOGISTIC_ONE: i32 = 1 << 25;

function inside(x: usize, y: usize, n: f64): bool {
  return reads(x, 2 * n) && writes(y, 2 * n);
}

export function checkLutI16(p: LutI16): f64 {
  return size(p.n) && inside(p.x, p.y, p.n) && reads(p.table, LUT_BYTES) ? 4 * <f64>p.n : REFUSED;
}

export function checkSigmoidI16(p: SigmoidI16): f64 {
  return size(p.n) && inside(p.x, p.y, p.n) && reads(p.table, 512) && between(p.shift, 0, 31) ? 4 * <f64>p.n : REFUSED;
}

export function checkSoftmaxI16(p: SoftmaxI16): f64 {
  const n = <f64>p.rows * <f64>p.n;
  return size(p.rows) && size(p.n) && inside(p.x, p.y, n) && reads(p.exp, LUT_BYTES) && reads(p.reciprocal, LUT_BYTES) ? 16 * n : REFUSED;
}

/** Entry `v`, v from −32768 to 32767, of a table i16 [513]: nine bits choose, seven interpolate. Source: TFLite common.h LUTLookup. */
function entry(table: usize, v: i32): i32 {
  const at = table + 2 * (256 + (v >> 7)), base = <i32>load<i16>(at), slope = <i32><i16>(<i32>load<i16>(at, 2) - base);
  return <i16>(base + ((slope * (v & 127) + 64) >> 7));
}

/** x, y i16 [n] · table i16 [513]. Checked at load by checkLutI16. */
export function lutI16(p: LutI16, part: i32, parts: i32): void {
  for (let i = part; i < p.n; i += parts) store<i16>(p.y + 2 * i, <i16>entry(p.table, load<i16>(p.x + 2 * i)));
}

/**
 * The logistic function or tanh x = 2 · logistic(2x) − 1 of int16, Q0.15.
 * x, y i16 [n] · table u16 [256]: logistic(i / 24) in 0.16. Checked at load by checkSigmoidI16. Bit-exact with TFLite integer_ops/logistic.h, tanh.h.
 */
export function sigmoidI16(p: SigmoidI16, part: i32, parts: i32): void {
  const bits = p.tanh ? 8 : 9, round = p.shift > 0 ? 1 << (p.shift - 1) : 0;
  for (let i = part; i < p.n; i += parts) {
    const v = (<i32>load<i16>(p.x + 2 * i) * p.m + round) >> p.shift, a = abs(v), k = <u32>a >> bits, at = p.table + 2 * min(k, 254), from = <i32>load<u16>(at);
    const line = k < 255 ? (from << bits) + (a & ((1 << bits) - 1)) * (<i32>load<u16>(at, 2) - from) : p.tanh ? 0xffff << 8 : 0x7fff << 10;
    const y = p.tanh ? (v < 0 ? TANH_ONE + 127 - line : line - TANH_ONE + 128) >> 8 : (v < 0 ? LOGISTIC_ONE + 511 - line : line + 512) >> 10;
    store<i16>(p.y + 2 * i, <i16>y);
  }
}

/**
 * Softmax of rows of int16, Q0.15: e^d by a table over −10 … 0, the reciprocal of their sum by one over 1 … 2.
 * x, y i16 [rows,n], not the same · exp, reciprocal i16 [513]. Checked at load by checkSoftmaxI16. Bit-exact with TFLite reference/softmax.h.
 */
export function softmaxI16(p: SoftmaxI16, part: i32, parts: i32): void {
  const n = p.n;
  for (let row = part; row < p.rows; row += parts) {
    const x = p.x + 2 * row * n, y = p.y + 2 * row * n;
    let largest = -32768, sum = 0;
    for (let i = 0; i < n; i++) largest = max(largest, <i32>load<i16>(x + 2 * i));
    for (let i = 0; i < n; i++) {
      const d = requantizeTflite((<i32>load<i16>(x + 2 * i) - largest) * p.g, p.m, p.r), e = entry(p.exp, min(max(d + 32767, -32768), 32767));
      store<i16>(y + 2 * i, <i16>e);
      sum += e;
    }
    const headroom = <i32>clz(sum), whole = <i32>(((<i64>sum << (headroom - 1)) + (1 << 13)) >> 14), right = 31 - headroom;
    const reciprocal = entry(p.reciprocal, min(max(whole - 98304, -32768), 32767));
    for (let i = 0; i < n; i++) store<i16>(y + 2 * i, <i16>min(max((load<i16>(y + 2 * i) * reciprocal + (1 << (right - 1))) >> right, 0), 32767));
  }
}
