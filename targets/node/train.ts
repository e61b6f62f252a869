/** `octavo/train` of Node: both builds of the training kernels, and checkpoints on disk. */
import { trainingWith } from "../../sdk/train/index.ts";
import { trainScalar as scalar, trainSimd as simd } from "./train-builds.ts";

export * from "../../sdk/train/index.ts";
export { restoreCheckpoint, saveCheckpoint } from "./checkpoint-file.ts";
export { scalar, simd };

export const { trainer, applyDelta, revertDelta } = trainingWith([simd, scalar]);
