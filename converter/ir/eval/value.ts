/** What a kernel of the evaluator reads and writes. */
import type { DType, TypedArray } from "../graph.ts";
import type { OpAttributes, OpName } from "../ops.ts";

/** A tensor's contents; quantized tensors arrive here as real numbers in float32. */
export interface Value {
  dtype: DType;
  shape: readonly number[];
  data: TypedArray;
  /** Of a quantized output: the nearest real number that its integers hold. */
  snap?: (x: Float32Array) => Float32Array;
}

/** Absent optional inputs and unread outputs are undefined. Outputs are zeroed arrays of the inferred shapes. */
export type Kernel<A> = (attributes: A, inputs: Value[], outputs: Value[]) => void;
export type Kernels<K extends OpName = OpName> = { [P in K]: Kernel<OpAttributes[P]> };

/** The contents as float32: exact to 2^24 for integers. */
export const floats = (x: Value): Float32Array => (x.data instanceof Float32Array ? x.data : Float32Array.from(x.data));

/** Rounds half to even, the only rounding of ONNX and of quantization. */
export function roundEven(x: number): number {
  const r = Math.round(x);
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : r;
}
