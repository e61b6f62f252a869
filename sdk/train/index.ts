/** What `octavo/train` exports on every target. */
import type { Build } from "../build.ts";
import { choose } from "../load.ts";
import type { Model } from "../model.ts";
import { otherSide } from "./delta.ts";
import { sha256Of } from "./sha256.ts";
import { Trainer, type TrainerOptions } from "./trainer.ts";

export { OctavoError, type ErrorCode } from "../errors.ts";
export { distill, type DistillOptions } from "./distill.ts";
export type { EarlyStopping, EpochResult, FitOptions, History, Progress } from "./fit-options.ts";
export type { Hyperparameters, OptimizerName } from "./hyper.ts";
export type { LossName, ParameterInfo, TrainingInfo } from "./info.ts";
export type { Metrics, Score } from "./metrics.ts";
export type { Parameter } from "./parameters.ts";
export type { Dataset } from "./samples.ts";
export { constant, cosine, linear, stepDecay, warmUp, type Moment, type Schedule } from "./schedule.ts";
export { shuffled } from "./shuffle.ts";
export { Trainer, type Commit, type CommitOptions, type TrainerOptions } from "./trainer.ts";

export interface Training {
  /**
   * A trainer of a model whose file was made with `convert --trainable`.
   * @throws OctavoError ERR_OCTAVO_FORMAT without training programs, ERR_OCTAVO_MEMORY for an optimizer whose state does not fit
   */
  trainer(model: Model, options?: TrainerOptions): Trainer;
  /** The model as it was when `trainer.delta()` made these bytes. @throws OctavoError ERR_OCTAVO_FORMAT for another model */
  applyDelta(model: Model, delta: Uint8Array): void;
  /** Takes an applied delta back. @throws OctavoError ERR_OCTAVO_FORMAT if it is not the one that is applied */
  revertDelta(model: Model, delta: Uint8Array): void;
}

/** @param builds of the training kernels, best first */
export function trainingWith(builds: readonly Build[]): Training {
  const turn = (model: Model, delta: Uint8Array, from: "before" | "after") => model.update(otherSide(model.save(), delta, from, sha256Of(choose(builds))));
  return {
    trainer: (model, options = {}) => new Trainer(model, choose(options.builds ?? builds), options),
    applyDelta: (model, delta) => turn(model, delta, "before"),
    revertDelta: (model, delta) => turn(model, delta, "after"),
  };
}
