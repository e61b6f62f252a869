/** The kernels of training, as registry.ts lists those of inference; the first one is number 128. Append only. */
import { Accumulate } from "./kernels/accumulate";
import { BiasGrad } from "./kernels/bias.grad";
import { ClampGrad } from "./kernels/clamp.grad";
import { Conv2dWeightGrad } from "./kernels/conv2d.grad";
import { Loss } from "./kernels/loss";
import { AveragePool2dGrad, MaxPool2dGrad } from "./kernels/pool.grad";
import { CommitRows, DequantizeRows } from "./kernels/commit";
import { FakeQuant, FakeQuantRows } from "./kernels/fake-quant";

export { accumulate as kernel128, checkAccumulate as check128 } from "./kernels/accumulate";
export { clampGrad as kernel129, checkClampGrad as check129 } from "./kernels/clamp.grad";
export { conv2dWeightGrad as kernel130, checkConv2dWeightGrad as check130 } from "./kernels/conv2d.grad";
export { biasGrad as kernel131, checkBiasGrad as check131 } from "./kernels/bias.grad";
export { maxPool2dGrad as kernel132, checkMaxPool2dGrad as check132 } from "./kernels/pool.grad";
export { averagePool2dGrad as kernel133, checkAveragePool2dGrad as check133 } from "./kernels/pool.grad";
export { fakeQuant as kernel134, checkFakeQuant as check134 } from "./kernels/fake-quant";
export { fakeQuantRows as kernel135, checkFakeQuantRows as check135 } from "./kernels/fake-quant";
export { commitRows as kernel136, checkCommitRows as check136 } from "./kernels/commit";
export { dequantizeRows as kernel137, checkDequantizeRows as check137 } from "./kernels/commit";
export { loss as kernel138, checkLoss as check138 } from "./kernels/loss";

export const size128 = offsetof<Accumulate>();
export const size129 = offsetof<ClampGrad>();
export const size130 = offsetof<Conv2dWeightGrad>();
export const size131 = offsetof<BiasGrad>();
export const size132 = offsetof<MaxPool2dGrad>();
export const size133 = offsetof<AveragePool2dGrad>();
export const size134 = offsetof<FakeQuant>();
export const size135 = offsetof<FakeQuantRows>();
export const size136 = offsetof<CommitRows>();
export const size137 = offsetof<DequantizeRows>();
export const size138 = offsetof<Loss>();
