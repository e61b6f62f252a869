/** Between integers and real numbers: real = scale · (q − zeroPoint), q = clamp(zeroPoint + round(real / scale)), halves to even, NaN to the zero point. */
import { allocate, type DType, type Quantization, type Tensor, type TypedArray } from "../graph.ts";
import { around } from "./strides.ts";
import { roundEven, type Value } from "./value.ts";

const bounds: Partial<Record<DType, [number, number]>> = {
  int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767], uint16: [0, 65535], int32: [-2147483648, 2147483647],
};

export const isQuantized = (t: Tensor): t is Tensor & { quantization: Quantization } => t.quantization !== undefined && t.dtype !== "float32";

/** Calls `run` for every run of elements that share a scale and a zero point. Rows of recurrent weights [D,4H,I] have D · 4H of them. */
function forScales(t: Tensor & { quantization: Quantization }, run: (from: number, to: number, scale: number, zero: number) => void): void {
  const { scale, zeroPoint, axis } = t.quantization;
  const { outer, size, inner } = scale.length === 1 ? { outer: 1, size: 1, inner: Infinity } : around(t.shape, axis);
  for (let o = 0; o < outer; o++) for (let c = 0; c < size; c++) {
    const from = (o * size + c) * inner || 0;
    const at = (o * size + c) % scale.length;
    run(from, from + inner, scale[at]!, zeroPoint[zeroPoint.length === 1 ? 0 : at]!);
  }
}

export function dequantize(t: Tensor & { quantization: Quantization }, q: TypedArray): Float32Array {
  const real = new Float32Array(q.length);
  forScales(t, (from, to, scale, zero) => { for (let i = from, end = Math.min(to, q.length); i < end; i++) real[i] = (q[i]! - zero) * scale; });
  return real;
}

export function quantize(t: Tensor & { quantization: Quantization }, real: ArrayLike<number>): TypedArray {
  const q = allocate(t.dtype, real.length), [lo, hi] = bounds[t.dtype]!;
  forScales(t, (from, to, scale, zero) => {
    for (let i = from, end = Math.min(to, q.length); i < end; i++) {
      const v = real[i]!;
      q[i] = v !== v ? zero : Math.min(hi, Math.max(lo, zero + roundEven(v / scale)));
    }
  });
  return q;
}

/** y = table[x + 128] on stored values. */
export function lut(_: unknown, [x, table]: Value[], [y]: Value[]): void {
  for (let i = 0; i < y!.data.length; i++) y!.data[i] = table!.data[x!.data[i]! + 128]!;
}
