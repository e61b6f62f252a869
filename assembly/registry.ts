/**
 * Every kernel of this module, its check and the size of its struct. The position in `kernels` plus one is the kernel's
 * number in a model file: append only, in the order of converter/write/layout.ts; a test compares them.
 */
import { Copy, checkCopy, copy } from "./kernels/copy";
import { DenseF32, checkDenseF32, denseF32 } from "./kernels/dense.f32";
import { Fill, checkFill, fill } from "./kernels/fill";
import { MapF32, checkMapF32, mapF32 } from "./kernels/map.f32";

/** Runs rows part, part + parts, … of one layer. */
export type Kernel = (p: usize, part: i32, parts: i32) => void;
/** Multiply-accumulates of one call, or REFUSED. */
export type Check = (p: usize) => f64;

export const kernels: StaticArray<Kernel> = [
  changetype<Kernel>(denseF32),
  changetype<Kernel>(mapF32),
  changetype<Kernel>(copy),
  changetype<Kernel>(fill),
];

export const checks: StaticArray<Check> = [
  changetype<Check>(checkDenseF32),
  changetype<Check>(checkMapF32),
  changetype<Check>(checkCopy),
  changetype<Check>(checkFill),
];

export const structSizes: StaticArray<i32> = [
  offsetof<DenseF32>(),
  offsetof<MapF32>(),
  offsetof<Copy>(),
  offsetof<Fill>(),
];
