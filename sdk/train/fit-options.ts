/** What `fit` takes and tells. */
import type { Metrics, Sums } from "./metrics.ts";
import type { Dataset } from "./samples.ts";
import type { Schedule } from "./schedule.ts";

export interface FitOptions {
  /** Default 1. */
  epochs?: number;
  /** Of the order of samples: docs/training.md. Default 0. */
  seed?: number;
  /** Another order each epoch; default true. A function gives an order of your own: positions of samples, as many as there are. */
  shuffle?: boolean | ((epoch: number, count: number) => ArrayLike<number>);
  /** Samples per batch, at most the file's; default that. */
  batchSize?: number;
  /** Batches whose gradients make one step of the optimizer; default that of the trainer. */
  accumulate?: number;
  /** Measured after each epoch: a data set, or the fraction at the end of `dataset` that is left out of training. */
  validation?: Dataset | number;
  earlyStopping?: EarlyStopping;
  schedule?: Schedule;
  /** One number per class; losses are means weighted with them, as in PyTorch. Default those of the trainer. */
  classWeights?: ArrayLike<number>;
  /** Called after each step of the optimizer; a promise is waited for. */
  onProgress?: (progress: Progress) => void | Promise<void>;
  /** Called after each epoch, its validation included. */
  onEpoch?: (result: EpochResult) => void | Promise<void>;
  /** Stops after the batch that runs; `fit` then rejects with the signal's reason, and the next `fit` goes on from there. */
  signal?: AbortSignal;
  /** Milliseconds of work between two turns of the event loop; default 10. */
  budgetMs?: number;
  /** False: start anew even if an earlier fit was interrupted or a checkpoint of one was restored. Default true. */
  resume?: boolean;
}

export interface EarlyStopping {
  /** Epochs without a better value before training stops. */
  patience: number;
  /** What counts as better; default 0. */
  minDelta?: number;
  /** Of the validation where there is one; default loss. */
  monitor?: "loss" | "accuracy";
  /** Back to the state of the best epoch; default true. */
  restoreBest?: boolean;
}

/** `loss` and `accuracy`: of this epoch so far, while it trains. */
export interface Progress extends Metrics { epoch: number; epochs: number; step: number; steps: number; learningRate: number }
export interface EpochResult extends Metrics { epoch: number; learningRate: number; validation?: Metrics }
export interface History { epochs: EpochResult[]; stopped: "done" | "early"; best?: number }

/** Where a fit stands, so that it can go on: part of checkpoints. `batch`: of the epoch, the next to run. */
export interface Position {
  epoch: number; batch: number; sums: Sums; history: EpochResult[];
  best?: { epoch: number; value: number };
  /** What must be the same when it goes on. */
  plan: { samples: number; seed: number; batchSize: number; accumulate: number };
}
