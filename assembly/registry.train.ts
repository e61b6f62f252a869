/** The kernels of training, as registry.ts lists those of inference; the first one is number 128. Append only. */
import { Accumulate } from "./kernels/accumulate";
import { BiasGrad } from "./kernels/bias.grad";
import { ClampGrad } from "./kernels/clamp.grad";
import { Conv2dWeightGrad } from "./kernels/conv2d.grad";

export { accumulate as kernel128, checkAccumulate as check128 } from "./kernels/accumulate";
export { clampGrad as kernel129, checkClampGrad as check129 } from "./kernels/clamp.grad";
export { conv2dWeightGrad as kernel130, checkConv2dWeightGrad as check130 } from "./kernels/conv2d.grad";
export { biasGrad as kernel131, checkBiasGrad as check131 } from "./kernels/bias.grad";

export const size128 = offsetof<Accumulate>();
export const size129 = offsetof<ClampGrad>();
export const size130 = offsetof<Conv2dWeightGrad>();
export const size131 = offsetof<BiasGrad>();
