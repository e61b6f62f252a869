/** What a build of the training module exports besides the exports of inference: docs/training.md. */
import type { Exports } from "../exports.ts";

export interface TrainExports extends Exports {
  octavo_save(): number;
  octavo_train_start(): number;
  octavo_train_batch(): number;
  octavo_train_step_rows(): number;
  octavo_train_input(i: number): number;
  octavo_train_output(i: number): number;
  octavo_train_labels(): number;
  octavo_train_weights(): number;
  octavo_train_hyper(): number;
  octavo_train_state(): number;
  octavo_train_state_bytes(): number;
  octavo_train_masters(): number;
  octavo_train_gradients(): number;
  octavo_train_forward(): number;
  octavo_train_gradient(): number;
  octavo_train_update(): number;
  octavo_commit(): number;
  octavo_sha256(at: number, length: number, to: number): void;
}
