/** What training needs beside its kernels: where its memory lies, and the check of that at load. */
import { Program, header, programOf } from "../model";
import { BASE, reserve, setBounds } from "../memory";

export const TRAIN: u32 = 2, COMMIT: u32 = 3, START: u32 = 4;

/** Written by converter/write/model-file.ts, named by the record of the train program. The state begins with the struct Hyper. */
@unmanaged
export class Training {
  /** One past the last byte of training; header.end ≤ state < end. */
  end: u32; state: usize;
  masters: usize; gradients: usize;
  /** Floats of masters, and per float of optimizer state. */
  count: u32; slots: u32;
  batch: u32;
  /** As Hyper numbers it: the one whose state is reserved. */
  optimizer: i32;
  /** Of labels that are class indices: how many classes there are; 0 where labels are values. */
  classes: u32;
  /** Calls of the train program up to the loss. */
  forward: u32;
  labels: usize; labelsBytes: u32; weights: usize; loss: usize;
  /** (address, bytes) of each input of the model, batch first; then the outputs' count, and of each output. */
  inputs: u32;
}

export const HYPER_BYTES: u32 = 64;
const FIXED: u32 = offsetof<Training>(), MAX_END: u64 = 0xfff00000;

/** 0 where the file has no training programs. */
export function training(): usize {
  const program = programOf(TRAIN);
  return program ? changetype<Program>(program).info : 0;
}

/** Bytes of the state: hyperparameters, masters, gradients, slots. */
export function stateBytes(t: Training): u32 {
  return HYPER_BYTES + 4 * t.count * (2 + t.slots);
}

/** (address, bytes) of the i-th input, or 0. */
export function batchInput(t: Training, i: u32): usize {
  return i < t.inputs ? changetype<usize>(t) + FIXED + 8 * i : 0;
}

export function batchOutput(t: Training, i: u32): usize {
  const at = changetype<usize>(t) + FIXED + 8 * t.inputs;
  return i < load<u32>(at) ? at + 4 + 8 * i : 0;
}

/**
 * True if the struct lies in the section of parameters, its addresses in the memory of training, which then exists, and what
 * commit may write, the constants, lies behind programs and parameters: calls that were checked stay as they are.
 */
export function checkTraining(): bool {
  const at = training();
  if (!at) return !programOf(COMMIT) && !programOf(START);
  const from = <u64>BASE + header.params, to = from + header.paramsBytes, t = changetype<Training>(at);
  if (at & 3 || <u64>at < from || <u64>at + FIXED + 4 > to || <u64>at + FIXED + 8 * <u64>t.inputs + 4 > to) return false;
  if (<u64>at + FIXED + 8 * <u64>t.inputs + 4 + 8 * <u64>load<u32>(at + FIXED + 8 * t.inputs) > to) return false;
  if (header.constants < max(header.params + header.paramsBytes, max(header.programs + header.programsBytes, header.io + header.ioBytes))) return false;
  if (!programOf(COMMIT) || !programOf(START) || changetype<Program>(programOf(TRAIN)).first < t.forward) return false;
  if (t.end < header.end || t.end > MAX_END || t.end & 15 || t.state < header.end || t.state & 15 || t.slots > 2 || t.batch == 0) return false;
  return addressesInside(t) && reserve(t.end);
}

function addressesInside(t: Training): bool {
  if (!inside(t, t.state, HYPER_BYTES + 4 * <u64>t.count * (2 + t.slots)) || t.masters != t.state + HYPER_BYTES || t.gradients != t.masters + 4 * t.count) return false;
  if (!inside(t, t.labels, t.labelsBytes) || !inside(t, t.weights, 4 * <u64>t.batch) || !inside(t, t.loss, 4)) return false;
  for (let i: u32 = 0; i < t.inputs; i++) if (!pairInside(t, batchInput(t, i))) return false;
  for (let i: u32 = 0; batchOutput(t, i); i++) if (!pairInside(t, batchOutput(t, i))) return false;
  return true;
}

function pairInside(t: Training, pair: usize): bool {
  return inside(t, load<u32>(pair), load<u32>(pair, 4));
}

function inside(t: Training, address: usize, bytes: u64): bool {
  return (address & 3) == 0 && <u64>address >= header.end && <u64>address + bytes <= t.end;
}

/** What the calls of a program of that kind may write: behind the image, and for commit the constants too. */
export function boundsOf(kind: u32): void {
  const t = training(), end: usize = t ? changetype<Training>(t).end : header.end;
  if (kind == COMMIT) setBounds(BASE + header.constants, end);
  else if (kind == TRAIN || kind == START) setBounds(header.writable, end);
  else setBounds(header.writable, header.end);
}
