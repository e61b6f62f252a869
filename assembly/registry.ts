/**
 * Every kernel of this module, its check and the size of its struct. The position in `kernels` plus one is the kernel's
 * number in a model file: append only, in the order of converter/write/layout.ts; a test compares them.
 */
import { DenseF32, checkDenseF32, denseF32 } from "./kernels/dense.f32";

/** Runs rows part, part + parts, … of one layer. */
export type Kernel = (p: usize, part: i32, parts: i32) => void;
/** Multiply-accumulates of one call, or REFUSED. */
export type Check = (p: usize) => f64;

export const kernels: StaticArray<Kernel> = [
  changetype<Kernel>(denseF32),
];

export const checks: StaticArray<Check> = [
  changetype<Check>(checkDenseF32),
];

export const structSizes: StaticArray<i32> = [
  offsetof<DenseF32>(),
];
