/** The exports of the training module: those of every build, and training. Built with TRAINS defined. docs/training.md */
import { Program, header, programOf, recheck } from "./model";
import { walk } from "./run";
import { selfTest } from "./self-test";
import { sha256 } from "./train/sha256";
import { COMMIT, START, TRAIN, Training, batchInput, batchOf, batchOutput, setCells, stateBytes, training } from "./train/training";
import { presetHyper } from "./update/defaults";
import { Hyper } from "./update/hyper";

export * from "./index";
export * from "./registry.train";

/** The file has no training programs. */
const NO_TRAINING: i32 = 11;
const SELF_TEST: usize = 88;

function info(): Training {
  return changetype<Training>(training());
}

/** Masters from the weights of the file; optimizer state and gradients zero. 0, or 11 where the file does not train. */
export function octavo_train_start(): i32 {
  if (!training()) return NO_TRAINING;
  memory.fill(info().state, 0, stateBytes(info()));
  presetHyper(changetype<Hyper>(info().state), info().optimizer);
  walk(START, 0, u32.MAX_VALUE);
  return 0;
}

/** Rows that are given at a time, of the batch or a part of it; 0 where the file does not train. */
export function octavo_train_batch(): u32 {
  return training() ? info().part : 0;
}

/** Rows of a step: a multiple of those that are given at a time. */
export function octavo_train_step_rows(): u32 {
  return training() ? batchOf(info()) : 0;
}

/** Address of the i-th input, batch first, or 0. */
export function octavo_train_input(i: u32): usize {
  return addressOf(training() ? batchInput(info(), i) : 0);
}

/** Address of the i-th output of the forward pass, batch first, or 0. */
export function octavo_train_output(i: u32): usize {
  return addressOf(training() ? batchOutput(info(), i) : 0);
}

function addressOf(pair: usize): usize {
  return pair ? load<usize>(pair) : 0;
}

export function octavo_train_labels(): usize {
  return info().labels;
}

/** f32 [rows]: what the loss of each row counts. */
export function octavo_train_weights(): usize {
  return info().weights;
}

export function octavo_train_hyper(): usize {
  return info().state;
}

export function octavo_train_masters(): usize {
  return info().masters;
}

export function octavo_train_gradients(): usize {
  return info().gradients;
}

export function octavo_train_state(): usize {
  return info().state;
}

export function octavo_train_state_bytes(): u32 {
  return stateBytes(info());
}

/** The loss of the rows that were given; gradients stay as they are. */
export function octavo_train_forward(): f32 {
  walk(TRAIN, 0, info().forward);
  return load<f32>(info().loss);
}

/** The loss of the rows that were given; their gradients are added to those that are there. */
export function octavo_train_gradient(): f32 {
  walk(TRAIN, 0, updates());
  return load<f32>(info().loss);
}

/** One step of the optimizer, then gradients are zero. 1, or 0 where a gradient is not finite and nothing was changed. */
export function octavo_train_update(): i32 {
  walk(TRAIN, updates(), u32.MAX_VALUE);
  return <i32>!changetype<Hyper>(info().state).refused;
}

/** Both: the loss, or NaN where loss or gradients are not finite and nothing was changed. */
export function octavo_train_step(): f32 {
  const loss = octavo_train_gradient();
  if (isFinite(loss) && octavo_train_update()) return loss;
  memory.fill(info().gradients, 0, 4 * info().count);
  return NaN;
}

/** Position of the update in the train program. */
function updates(): u32 {
  return changetype<Program>(programOf(TRAIN)).first;
}

/** Writes what was learned into the weights of the model, and the digest of its self-test. 0, or why the result is refused. */
export function octavo_commit(): i32 {
  if (!training()) return NO_TRAINING;
  walk(COMMIT, 0, u32.MAX_VALUE);
  setCells(info());
  const code = recheck();
  if (code == 0) store<u64>(changetype<usize>(header) + SELF_TEST, selfTest());
  return code;
}

/** 32 bytes at `to`: the SHA-256 of `length` bytes at `from`. */
export function octavo_sha256(from: usize, length: u32, to: usize): void {
  sha256(from, length, to);
}
