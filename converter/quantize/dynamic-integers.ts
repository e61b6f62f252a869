/**
 * Float activations to int8 with a scale, and perhaps a zero point, of their own in every run, as TFLite's hybrid kernels do it.
 * Source: TFLite portable_tensor_utils.cc SymmetricQuantizeFloats, AsymmetricQuantizeFloats.
 */
import { plain, type Writer } from "./writer.ts";

/** q int8 like x; scale and zero float, 1 along the axes that share them. */
export interface Integers { q: string; scale: string; zero?: string }

const LARGEST = 127, RANGE = 255;
/** x · SPLIT − (x · SPLIT − x) has the upper 12 bits of x. */
const SPLIT = 4097;

export const dynamicIntegers = (w: Writer, x: string, axes: number[], isAsymmetric: boolean): Integers => (isAsymmetric ? asymmetric : symmetric)(w, x, axes);

const rounded = (w: Writer, v: string): string => w.add("quantize", [v], {}, w.shape(v), "int8", plain());

/** scale = max |x| / 127, or 1. */
function symmetric(w: Writer, x: string, axes: number[]): Integers {
  const largest = w.number(LARGEST), most = w.reduce("reduceMax", w.unary("abs", x), axes), range = w.where(most, most, largest);
  return { q: rounded(w, w.binary("mul", x, w.binary("div", largest, range))), scale: w.binary("div", range, largest) };
}

/** From the range of x and 0: scale = range / 255, or 1. */
function asymmetric(w: Writer, x: string, axes: number[]): Integers {
  const least = w.unary("clip", w.reduce("reduceMin", x, axes), -Infinity, 0), most = w.unary("clip", w.reduce("reduceMax", x, axes), 0, Infinity), range = w.binary("sub", most, least);
  const scale = w.where(range, w.binary("div", range, w.number(RANGE)), w.number(1)), zero = zeroOf(w, least, most, range, scale);
  const steps = w.add("quantize", [w.binary("mul", x, w.unary("reciprocal", scale))], {}, w.shape(x), "int16", plain());
  return { q: rounded(w, w.binary("add", w.add("dequantize", [steps], {}, w.shape(x)), zero)), scale, zero };
}

/**
 * The whole number nearest to z = −128 − least / scale, or to z = 127 − most / scale, by the end that is nearer to 0: k = ⌊z⌋ or k + 1.
 * Whether z > k + ½ is the sign of c · range − 255 · end, c = 126½ − k or −128½ − k, which float32 gives with both in halves of
 * 12 bits; in the middle it is the number farther from 0.
 */
function zeroOf(w: Writer, least: string, most: string, range: string, scale: string): string {
  const isLeast = w.binary("greater", w.binary("add", least, most), scale), choice = (a: number, b: number) => w.where(isLeast, w.number(a), w.number(b));
  const end = w.where(isLeast, least, most), below = w.unary("floor", w.binary("sub", choice(-LARGEST - 1, LARGEST), w.binary("div", end, scale)));
  const factor = w.binary("sub", choice(-128.5, 126.5), below), [whole, own] = [halves(w, range), halves(w, end)];
  const part = (k: 0 | 1) => w.binary("sub", w.binary("mul", factor, whole[k]), w.binary("mul", own[k], w.number(RANGE)));
  const sign = w.binary("add", part(0), part(1)), toMiddle = w.unary("affine", below, 2 ** -120, 2 ** -121);
  return w.unary("clip", w.where(w.binary("greater", w.binary("add", sign, toMiddle), w.number(0)), w.unary("affine", below, 1, 1), below), -LARGEST - 1, LARGEST);
}

/** x = high + low, 12 bits each. */
function halves(w: Writer, x: string): [string, string] {
  const split = w.unary("affine", x, SPLIT, 0), high = w.binary("sub", split, w.binary("sub", split, x));
  return [high, w.binary("sub", x, high)];
}
