/** `octavo/train` of browsers: the `simd` build of the training kernels is inside the package's JavaScript. */
import { embeddedBuild } from "../../sdk/build.ts";
import { base64 } from "../../sdk/generated/simd-train.ts";
import { trainingWith } from "../../sdk/train/index.ts";

export * from "../../sdk/train/index.ts";

export const simd = embeddedBuild("simd", base64);
export const { trainer, applyDelta, revertDelta } = trainingWith([simd]);
