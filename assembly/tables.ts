/** Kernels by their number: from 1 in every module (registry.ts), from FIRST_TRAIN in those that train (registry.train.ts). */
import { checks, kernels, structSizes } from "./registry";
import { FIRST_TRAIN, trainChecks, trainKernels, trainStructSizes } from "./registry.train";

/** Bytes of the parameter struct of a kernel, 0 if there is no such kernel. */
export function structSize(kernel: u32): u32 {
  if (isDefined(TRAINS)) {
    if (kernel >= FIRST_TRAIN) return kernel - FIRST_TRAIN < <u32>trainKernels.length ? unchecked(trainStructSizes[kernel - FIRST_TRAIN]) : 0;
  }
  return kernel - 1 < <u32>kernels.length ? unchecked(structSizes[kernel - 1]) : 0;
}

/** Runs rows part, part + parts, … of one layer. */
// @ts-ignore: decorator
@inline
export function callKernel(kernel: u32, p: usize, part: i32, parts: i32): void {
  if (isDefined(TRAINS)) {
    if (kernel >= FIRST_TRAIN) return unchecked(trainKernels[kernel - FIRST_TRAIN])(p, part, parts);
  }
  unchecked(kernels[kernel - 1])(p, part, parts);
}

/** Multiply-accumulates of one call, or REFUSED. */
// @ts-ignore: decorator
@inline
export function callCheck(kernel: u32, p: usize): f64 {
  if (isDefined(TRAINS)) {
    if (kernel >= FIRST_TRAIN) return unchecked(trainChecks[kernel - FIRST_TRAIN])(p);
  }
  return unchecked(checks[kernel - 1])(p);
}
