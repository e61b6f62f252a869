/** What training needs beside its kernels: where its memory lies, and the check of that at load. */
import { Quantize } from "../kernels/quantize";
import { CALL_BYTES, Call, PORT_BYTES, PROGRAM_BYTES, Port, Program, header, programOf } from "../model";
import { structSize } from "../tables";
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
  /** Rows that are given at a time; those of a step, a multiple: batchOf. */
  part: u32;
  /** As Hyper numbers it: the one whose state is reserved. */
  optimizer: i32;
  /** Of labels that are class indices: how many classes there are; 0 where labels are values. */
  classes: u32;
  /** Calls of the train program up to the loss. */
  forward: u32;
  labels: usize; labelsBytes: u32; weights: usize; loss: usize;
  /** (address, bytes) of each input of the model, batch first; then the outputs' count, and of each output; then that of cells, and (to, from) of each; the rows of a step. */
  inputs: u32;
}

export const HYPER_BYTES: u32 = 64;
/** Its number, as registry.ts has it. */
const DEQUANTIZE: u32 = 21;
/** As many as outputs, and a few. */
const MOST_CALLS: u32 = 16;
const FIXED: u32 = offsetof<Training>(), MAX_END: u64 = 0xfff00000, MOST_ROWS: u32 = 1 << 24;

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
  if (t.end < header.end || t.end > MAX_END || t.end & 15 || t.state < header.end || t.state & 15 || t.slots > 2 || t.part == 0) return false;
  return batchOf(t) <= MOST_ROWS && batchOf(t) % t.part == 0 && addressesInside(t) && reserve(t.end);
}

/** Their count. Behind it (to, from): floats of the file that commit sets to floats of the state. */
function cells(t: Training): usize {
  const outputs = changetype<usize>(t) + FIXED + 8 * t.inputs;
  return outputs + 4 + 8 * load<u32>(outputs);
}

/** 0 where the section of parameters ends before: files of an earlier converter. */
function cellCount(at: usize): u32 {
  return <u64>at + 4 > <u64>BASE + header.params + header.paramsBytes ? 0 : load<u32>(at);
}

/** Rows of a step. Files of an earlier converter do not say, or zero: they are given all at once. */
export function batchOf(t: Training): u32 {
  const at = cells(t), behind = <u64>at + 4 + 8 * <u64>cellCount(at), end = <u64>BASE + header.params + header.paramsBytes;
  return (behind + 4 > end ? 0 : load<u32>(<usize>behind)) || t.part;
}

/** Scales that moved into the file. */
export function setCells(t: Training): void {
  const at = cells(t), count = cellCount(at);
  for (let i: u32 = 0, pair = at + 4; i < count; i++, pair += 8) store<f32>(load<u32>(pair), load<f32>(load<u32>(pair, 4)));
}

/** True if these are floats that no check looks at. Programs and ports were checked before. */
export function checkCells(): bool {
  if (!training()) return true;
  const t = changetype<Training>(training()), at = cells(t), count = cellCount(at);
  if (count && <u64>at + 4 + 8 * <u64>count > <u64>BASE + header.params + header.paramsBytes) return false;
  let ofCalls: u32 = 0;
  for (let pair = at + 4; pair < at + 4 + 8 * count; pair += 8) {
    const cell = load<usize>(pair);
    if (cell & 3 || !inside(t, load<u32>(pair, 4), 4)) return false;
    if (isIn(cell, header.scales, header.scalesBytes) ? header.scales < header.constants : !isPortScale(cell) && (++ofCalls > MOST_CALLS || !isCallScale(cell))) return false;
  }
  return true;
}

function isIn(address: usize, offset: u32, bytes: u32): bool {
  return address - (BASE + offset) < <usize>(bytes & ~3);
}

function isPortScale(address: usize): bool {
  const own = isIn(address, header.io, header.ioBytes) && (address - BASE - header.io) % PORT_BYTES == offsetof<Port>("scale");
  return own && !isIn(address, header.programs, header.programsBytes) && !isIn(address, header.params, header.paramsBytes);
}

/** The scale of a call that dequantizes, which lies in no other struct. */
function isCallScale(address: usize): bool {
  if (isIn(address, header.programs, header.programsBytes) || isIn(address, header.io, header.ioBytes) || address >= training()) return false;
  let found = false;
  for (let i: u32 = 0, program = BASE + header.programs + 16; i < load<u32>(BASE + header.programs); i++, program += PROGRAM_BYTES) {
    const calls = changetype<Program>(program).calls;
    for (let at = calls; at < calls + CALL_BYTES * changetype<Program>(program).count; at += CALL_BYTES) {
      const call = changetype<Call>(at);
      if (address - call.params >= <usize>structSize(call.kernel)) continue;
      if (call.kernel != DEQUANTIZE || address != call.params + offsetof<Quantize>("scale")) return false;
      found = true;
    }
  }
  return found;
}

function addressesInside(t: Training): bool {
  if (!inside(t, t.state, HYPER_BYTES + 4 * <u64>t.count * (2 + t.slots)) || t.masters != t.state + HYPER_BYTES || t.gradients != t.masters + 4 * t.count) return false;
  if (!inside(t, t.labels, t.labelsBytes) || !inside(t, t.weights, 4 * <u64>t.part) || !inside(t, t.loss, 4)) return false;
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
