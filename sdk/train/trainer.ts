/** Fine-tuning of a loaded model, in an instance of the training kernels of its own. */
import type { Build, BuildName } from "../build.ts";
import { OctavoError } from "../errors.ts";
import type { Model } from "../model.ts";
import type { Named, Values } from "../values.ts";
import { readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { writeDelta } from "./delta.ts";
import { fit } from "./fit.ts";
import type { FitOptions, History } from "./fit-options.ts";
import { planOf } from "./fit-plan.ts";
import type { Hyperparameters } from "./hyper.ts";
import type { TrainingInfo } from "./info.ts";
import { Memory } from "./memory.ts";
import { evaluation, isWorse, score, type Metrics, type Score } from "./metrics.ts";
import { copyOf, setAll, type Parameter } from "./parameters.ts";
import { gradientOf } from "./parts.ts";
import { sampleWeights, samplesOf, type Dataset, type Samples } from "./samples.ts";
import { Session } from "./session.ts";
import { identityOf, sealed, sha256Of, type Sha256 } from "./sha256.ts";
import { inOrder } from "./shuffle.ts";

export interface TrainerOptions extends Hyperparameters {
  /** Batches whose gradients make one step of the optimizer; default 1. */
  accumulate?: number;
  /** One number per class: what its samples count. */
  classWeights?: ArrayLike<number>;
  /** Builds of the training kernels to choose from, best first; default: those of the host. */
  builds?: readonly Build[];
  /** Most bytes of linear memory that training may take. */
  maxMemory?: number;
}

export interface CommitOptions {
  /** The commit is undone if the model does worse on these samples than before. */
  guard?: Dataset;
  /** What it may do worse: a fraction of accuracy, or an error; default 0. */
  tolerance?: number;
}

/** `before`, `after`: of the model that runs, on the guard set. */
export interface Commit { committed: boolean; before?: Score; after?: Score }

export class Trainer {
  readonly model: Model;
  /** What `convert --trainable` fixed: loss, labels, batch, layers, parameters, bytes of memory. */
  readonly info: TrainingInfo;
  /** The kernels that train: "scalar" or "simd". */
  readonly build: BuildName;
  private readonly sha256: Sha256;
  private session: Session | undefined;
  private isFitting = false;

  /** Masters start from the weights that the model has now. @throws OctavoError ERR_OCTAVO_FORMAT, ERR_OCTAVO_MEMORY, ERR_OCTAVO_DTYPE */
  constructor(model: Model, build: Build, options: TrainerOptions) {
    const memory = new Memory(model.save(), build, options.maxMemory);
    this.model = model;
    this.info = memory.task.info;
    this.build = build.name;
    this.sha256 = sha256Of(build);
    this.session = new Session(memory, options);
  }

  /**
   * One batch forward and backward, and a step of the optimizer.
   * @param x 1 … `info.batch` samples, as `model.run` takes them · @param labels see Dataset
   * @returns the mean loss before the step
   * @throws OctavoError ERR_OCTAVO_SHAPE, ERR_OCTAVO_DTYPE; ERR_OCTAVO_NAN: the loss or a gradient is not finite, nothing was changed
   */
  step(x: Values | Named, labels: ArrayLike<number>): number {
    const s = this.alive(), m = s.memory, samples = this.samples({ x, labels }), { count } = samples;
    if (count > this.info.batch) throw new OctavoError("ERR_OCTAVO_SHAPE", `step: ${count} samples, the file's batch has ${this.info.batch} rows. Give fewer, use accumulate or fit(), or convert again with --train-batch ${count}.`);
    const weights = sampleWeights(samples, m.task, s.classWeights), total = weights.reduce((a, b) => a + b, 0) || 1;
    const loss = gradientOf(m, samples, inOrder(count), 0, count, weights, total * s.accumulate) * s.accumulate;
    if (!Number.isFinite(loss)) throw this.diverged(`the loss is ${loss}`);
    if (++s.pending < s.accumulate) return loss;
    s.pending = 0;
    s.setRate(1);
    if (!m.update()) throw this.diverged("a gradient is not finite");
    return loss;
  }

  /**
   * Epochs over a data set; between slices of work the event loop turns. A fit that was interrupted goes on where it was.
   * @throws OctavoError ERR_OCTAVO_SHAPE, ERR_OCTAVO_DTYPE; ERR_OCTAVO_NAN: training diverged, the last good state is restored
   */
  async fit(dataset: Dataset, options: FitOptions = {}): Promise<History> {
    const session = this.alive();
    if (this.isFitting) throw new OctavoError("ERR_OCTAVO_HOST", "fit: this trainer fits already. Wait for it, or stop it by its signal.");
    const plan = planOf(session, dataset, options, (d) => this.samples(d));
    this.isFitting = true;
    try {
      return await fit(session, plan);
    } finally {
      this.isFitting = false;
    }
  }

  /** Loss and accuracy of the masters of now, in float. */
  evaluate(dataset: Dataset): Metrics {
    const steps = evaluation(this.alive().memory, this.samples(dataset));
    for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
  }

  /** Accuracy or error of the model that runs: what was committed, in its own arithmetic. */
  score(dataset: Dataset): Score {
    return score(this.model, this.alive().memory.task, this.samples(dataset));
  }

  /** The model's weights now hold what was learned; states of streams are kept. `model.save()` gives the file. */
  commit({ guard, tolerance = 0 }: CommitOptions = {}): Commit {
    const { memory } = this.alive(), samples = guard && this.samples(guard), previous = this.model.save(), before = samples && score(this.model, memory.task, samples), file = previous.slice();
    file.set(memory.commit());
    this.model.update(sealed(file, this.sha256));
    if (!samples || !before) return { committed: true };
    const after = score(this.model, memory.task, samples), committed = !isWorse(after, before, tolerance);
    if (!committed) this.model.update(previous);
    return { committed, before, after };
  }

  /** Everything that training needs to go on with the same bytes, in mid-epoch too: docs/training.md has the format. */
  checkpoint(): Uint8Array {
    const s = this.alive();
    return writeCheckpoint({ model: identityOf(this.model.base()), facts: s.facts(), state: s.memory.state, kept: s.kept ?? new Uint8Array(0) }, this.sha256);
  }

  /**
   * Goes on from a checkpoint, hyperparameters included; an interrupted fit by the next call of `fit`.
   * @throws OctavoError ERR_OCTAVO_FORMAT if it was cut off, damaged or made with another model; nothing changed
   */
  restore(checkpoint: Uint8Array): void {
    const s = this.alive();
    if (this.isFitting) throw new OctavoError("ERR_OCTAVO_HOST", "restore: this trainer fits. Stop it first, by the signal of fit.");
    const { facts, state, kept } = readCheckpoint(checkpoint, identityOf(this.model.base()), this.sha256);
    s.restore(facts, state, kept);
  }

  /** What the commits changed in the file that was loaded, for applyDelta and revertDelta. */
  delta(): Uint8Array {
    this.alive();
    return writeDelta(this.model.base(), this.model.save());
  }

  /** The masters by name, copies. */
  parameters(): Record<string, Parameter> {
    return copyOf(this.info, this.alive().memory.masters);
  }

  /** What `step` with `accumulate`, or an interrupted fit, has added up so far, by name, copies. */
  gradients(): Record<string, Parameter> {
    return copyOf(this.info, this.alive().memory.gradients);
  }

  /** @throws OctavoError ERR_OCTAVO_SHAPE for an unknown name, another size or values that are not finite; nothing changed */
  setParameters(values: Record<string, ArrayLike<number>>): void {
    setAll(this.info, this.alive().memory.masters, values);
  }

  /** Other hyperparameters; those that are not named get their defaults. The optimizer starts anew. */
  configure(options: Hyperparameters): void {
    this.alive().configure(options);
  }

  /** Of the optimizer's steps, before any schedule. */
  get learningRate(): number {
    return this.alive().learningRate;
  }

  set learningRate(rate: number) {
    if (!(rate >= 0 && rate < Infinity)) throw new OctavoError("ERR_OCTAVO_DTYPE", `train: learningRate is ${rate}, expected a number from 0 on.`);
    this.alive().learningRate = rate;
  }

  /** Lets the training memory go; the model stays. */
  dispose(): void {
    this.session = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private alive(): Session {
    if (!this.session) throw new OctavoError("ERR_OCTAVO_DISPOSED", "The trainer was disposed. Make another one.");
    return this.session;
  }

  private samples(dataset: Dataset): Samples {
    return samplesOf(this.model, this.alive().memory.task, dataset);
  }

  private diverged(problem: string): OctavoError {
    const s = this.alive();
    s.memory.gradients.fill(0);
    s.pending = 0;
    return new OctavoError("ERR_OCTAVO_NAN", `step: ${problem}; nothing was changed. Lower the learning rate (${s.learningRate}) or set clipNorm, and look for inputs that are not finite.`);
  }
}
