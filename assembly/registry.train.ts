/** The kernels of training, as registry.ts lists those of inference; the first one is number 128. Lazy: other modules hold nothing of them. */
import { Accumulate, accumulate, checkAccumulate } from "./kernels/accumulate";
import { ClampGrad, checkClampGrad, clampGrad } from "./kernels/clamp.grad";
import { Conv2dWeightGrad, checkConv2dWeightGrad, conv2dWeightGrad } from "./kernels/conv2d.grad";
import { Check, Kernel } from "./registry";

export const FIRST_TRAIN: u32 = 128;

// @ts-ignore: decorator
@lazy
export const trainKernels: StaticArray<Kernel> = [
  changetype<Kernel>(accumulate),
  changetype<Kernel>(clampGrad),
  changetype<Kernel>(conv2dWeightGrad),
];

// @ts-ignore: decorator
@lazy
export const trainChecks: StaticArray<Check> = [
  changetype<Check>(checkAccumulate),
  changetype<Check>(checkClampGrad),
  changetype<Check>(checkConv2dWeightGrad),
];

// @ts-ignore: decorator
@lazy
export const trainStructSizes: StaticArray<i32> = [
  offsetof<Accumulate>(),
  offsetof<ClampGrad>(),
  offsetof<Conv2dWeightGrad>(),
];
