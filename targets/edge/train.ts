/** `octavo/train` of edge functions of Next.js: `?module` imports a compiled module. */
import module from "../../build/simd-train.wasm?module";
import { compiledBuild } from "../../sdk/build.ts";
import { trainingWith } from "../../sdk/train/index.ts";

export * from "../../sdk/train/index.ts";

export const simd = compiledBuild("simd", module);
export const { trainer, applyDelta, revertDelta } = trainingWith([simd]);
