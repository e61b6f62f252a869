/** `octavo/train` of Cloudflare Workers: the training kernels are a compiled module of the bundle. */
import module from "../../build/simd-train.wasm";
import { compiledBuild } from "../../sdk/build.ts";
import { trainingWith } from "../../sdk/train/index.ts";

export * from "../../sdk/train/index.ts";

export const simd = compiledBuild("simd", module);
export const { trainer, applyDelta, revertDelta } = trainingWith([simd]);
