/** A model file in the training module, by its exports alone. */
import type { Build } from "../../sdk/build.ts";
import { instantiate } from "../../sdk/loader.ts";
import { parseModelFile, type ModelFile } from "../../sdk/model-file.ts";

/** What assembly/train.ts exports, see docs/training.md. */
export interface TrainExports {
  memory: WebAssembly.Memory;
  octavo_alloc(length: number): number; octavo_load(at: number, length: number): number; octavo_refused_call(): number; octavo_save(): number; octavo_self_test(): bigint;
  octavo_train_start(): number; octavo_train_batch(): number; octavo_train_step_rows(): number; octavo_train_input(i: number): number; octavo_train_output(i: number): number;
  octavo_train_labels(): number; octavo_train_weights(): number; octavo_train_hyper(): number; octavo_train_state(): number; octavo_train_state_bytes(): number;
  octavo_train_masters(): number; octavo_train_gradients(): number;
  octavo_train_forward(): number; octavo_train_gradient(): number; octavo_train_update(): number; octavo_train_step(): number; octavo_commit(): number;
  octavo_sha256(from: number, length: number, to: number): void;
}

interface TrainingInfo { batch: number; part: number; parameters: { name: string; shape: number[]; at: number; size: number }[]; count: number; slots: number }
const optimizers = ["sgd", "momentum", "nesterov", "adam", "adamw", "adagrad", "rmsprop"] as const;
export interface Hyper { optimizer: (typeof optimizers)[number]; learningRate: number; momentum?: number; beta2?: number; epsilon?: number; weightDecay?: number; clipNorm?: number; clipValue?: number }

export class Device {
  readonly exports: TrainExports;
  readonly file: ModelFile;
  readonly info: TrainingInfo;

  constructor(model: Uint8Array, build: Build) {
    this.file = parseModelFile(model, 1);
    this.info = this.file.metadata.training as TrainingInfo;
    this.exports = instantiate(build.module()) as unknown as TrainExports;
    const at = this.exports.octavo_alloc(this.file.image.length);
    new Uint8Array(this.exports.memory.buffer).set(this.file.image, at);
    const code = this.exports.octavo_load(at, this.file.image.length);
    if (code) throw new Error(`load: ${code}, call ${this.exports.octavo_refused_call()}`);
    const started = this.exports.octavo_train_start();
    if (started) throw new Error(`start: ${started}`);
  }

  floats(at: number, count: number): Float32Array {
    return new Float32Array(this.exports.memory.buffer, at, count);
  }

  setHyper(h: Hyper): void {
    const at = this.exports.octavo_train_hyper(), view = new DataView(this.exports.memory.buffer, at, 64);
    view.setInt32(0, optimizers.indexOf(h.optimizer), true);
    [h.learningRate, h.momentum ?? 0.9, h.beta2 ?? 0.999, h.epsilon ?? 1e-8, h.weightDecay ?? 0, h.clipNorm ?? 0, h.clipValue ?? 0].forEach((v, i) => view.setFloat32(4 + 4 * i, v, true));
    view.setFloat64(40, 1, true);
    view.setFloat64(48, 1, true);
  }

  /** A batch of one input in parts: its loss; gradients are added to those that are there. */
  gradient(x: Float32Array, labels: number[]): number {
    const { batch, part } = this.info, per = (length: number) => (length / batch) * part;
    return Array.from({ length: batch / part }, (_, i) => {
      this.give(x.subarray(i * per(x.length), (i + 1) * per(x.length)), labels.slice(i * per(labels.length), (i + 1) * per(labels.length)));
      return this.exports.octavo_train_gradient();
    }).reduce((sum, loss) => sum + loss);
  }

  /** A part of a batch, or all of it, with labels; all rows count alike. */
  give(x: Float32Array, labels: ArrayLike<number>): void {
    this.floats(this.exports.octavo_train_input(0), x.length).set(x);
    this.floats(this.exports.octavo_train_labels(), labels.length).set(labels);
    this.floats(this.exports.octavo_train_weights(), this.info.part).fill(1 / this.info.batch);
  }

  parameter(name: string, of: "masters" | "gradients" = "masters"): Float32Array {
    const { at, size } = this.info.parameters.find((p) => p.name === name)!;
    return this.floats((of === "masters" ? this.exports.octavo_train_masters() : this.exports.octavo_train_gradients()) + 4 * at, size);
  }

  /** The image as commit left it. */
  image(): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, this.file.base, this.file.image.length).slice();
  }
}
