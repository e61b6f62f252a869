/** The model file in memory: its header, its ports and the checks of `load`. The format is docs/model-file.md. */
import { REFUSED } from "./check";
import { BASE, reserve, setBounds } from "./memory";
import { callCheck, structSize } from "./tables";
import { boundsOf, checkCells, checkTraining } from "./train/training";

/** First 88 of the 256 bytes of a file. Section offsets count from the start of the file. */
@unmanaged
export class Header {
  magic: u32; version: u32; abi: u32; fileBytes: u32; imageBytes: u32; base: u32; writable: u32; arenaBytes: u32; end: u32; flags: u32;
  io: u32; ioBytes: u32; programs: u32; programsBytes: u32; params: u32; paramsBytes: u32;
  constants: u32; constantsBytes: u32; scales: u32; scalesBytes: u32; metadata: u32; metadataBytes: u32;
}

/** An input, an output or a state. */
@unmanaged
export class Port {
  kind: u32; dtype: u32; address: usize; bytes: u32; rawDtype: u32; rawAddress: usize; scale: f32; zeroPoint: i32;
}

@unmanaged
export class Program {
  kind: u32; calls: usize; count: u32; first: u32; end: u32;
  /** Of the train program: the struct Training. */
  info: usize;
}

@unmanaged
export class Call {
  kernel: u32; params: usize;
}

const HEADER_BYTES: u32 = 256, MAGIC: u32 = 0x5654434f, VERSION: u32 = 1;
export const ABI: u32 = 1;
export const PORT_BYTES: u32 = 32, PROGRAM_BYTES: u32 = 32, CALL_BYTES: u32 = 8;
export const INPUT: u32 = 0, OUTPUT: u32 = 1, STATE: u32 = 2, INFER: u32 = 1;
/** The last address a model may use: 4 GB less room for rounding up to pages. */
const MAX_END: u64 = 0xfff00000;
/** No real model comes near: 2^34 multiply-accumulates are seconds of work. */
const MAX_WORK: f64 = <f64>(1 << 30) * 16;

/** Results of octavo_load; error.ts words them. */
export const OK: i32 = 0, NOT_A_MODEL: i32 = 1, NEWER: i32 = 2, TRUNCATED: i32 = 3, LAYOUT: i32 = 4, NO_MEMORY: i32 = 5, PORTS: i32 = 6, PROGRAM: i32 = 7,
  UNKNOWN_KERNEL: i32 = 8, BAD_PARAMS: i32 = 9, TOO_MUCH_WORK: i32 = 10;
/** The call that a refusal is about, −1 where it is about none. */
export let refusedCall: i32 = -1;

export const header: Header = changetype<Header>(BASE);

/** Validates the `length` bytes at BASE and clears everything the program may write. */
export function validate(length: u32): i32 {
  refusedCall = -1;
  const code = checkHeader(length) || checkPorts() || checkPrograms();
  if (code != OK) return code;
  memory.fill(header.writable, 0, header.arenaBytes);
  reset();
  return OK;
}

/** Validates programs and ports anew, after commit has written constants. */
export function recheck(): i32 {
  refusedCall = -1;
  return checkPorts() || checkPrograms();
}

/** States, which lie behind the arena, to their initial values. */
export function reset(): void {
  const states = header.writable + header.arenaBytes;
  memory.fill(states, 0, header.end - states);
  for (let i: u32 = 0; i < portCount(); i++) {
    const p = port(i);
    if (p.kind == STATE && p.rawAddress) memory.copy(p.address, p.rawAddress, p.bytes);
  }
}

export function portCount(): u32 {
  return header.ioBytes / PORT_BYTES;
}

// @ts-ignore: decorator
@inline
export function port(i: u32): Port {
  return changetype<Port>(BASE + header.io + i * PORT_BYTES);
}

/** The i-th port of that kind, or 0. */
export function portOf(kind: u32, i: u32): usize {
  for (let k: u32 = 0; k < portCount(); k++) {
    if (port(k).kind == kind && i-- == 0) return changetype<usize>(port(k));
  }
  return 0;
}

/** The program of that kind, or 0. */
export function programOf(kind: u32): usize {
  const at = BASE + header.programs;
  for (let i: u32 = 0; i < load<u32>(at); i++) {
    const program = at + 16 + i * PROGRAM_BYTES;
    if (changetype<Program>(program).kind == kind) return program;
  }
  return 0;
}

function checkHeader(length: u32): i32 {
  if (length < HEADER_BYTES || header.magic != MAGIC) return NOT_A_MODEL;
  if (header.version > VERSION || header.abi > ABI) return NEWER;
  if (header.imageBytes > length || header.fileBytes < header.imageBytes) return TRUNCATED;
  const image = <u64>header.imageBytes, writable = <u64>header.writable, end = <u64>header.end;
  if (<usize>header.base != BASE || header.imageBytes < HEADER_BYTES || writable < <u64>BASE + image || end < writable || writable + header.arenaBytes > end || end > MAX_END || (writable | header.arenaBytes | end) & 15) return LAYOUT;
  if (!inImage(header.io, header.ioBytes) || !inImage(header.programs, header.programsBytes) || !inImage(header.params, header.paramsBytes)
    || !inImage(header.constants, header.constantsBytes) || !inImage(header.scales, header.scalesBytes)) return LAYOUT;
  if (!reserve(header.end)) return NO_MEMORY;
  setBounds(header.writable, header.end);
  return OK;
}

function inImage(offset: u32, bytes: u32): bool {
  return (offset & 15) == 0 && offset >= HEADER_BYTES && <u64>offset + bytes <= header.imageBytes;
}

function checkPorts(): i32 {
  for (let i: u32 = 0; i < portCount(); i++) {
    const p = port(i);
    if (p.kind > STATE || !inArena(p.address, p.bytes)) return PORTS;
    if (p.kind == STATE ? p.rawAddress != 0 && !inFile(p.rawAddress, p.bytes) : p.rawAddress != 0 && !inArena(p.rawAddress, p.bytes / 4)) return PORTS;
  }
  return OK;
}

function inArena(address: u64, bytes: u64): bool {
  return address >= header.writable && address + bytes <= header.end && (address & 3) == 0;
}

function inFile(address: u64, bytes: u64): bool {
  return address >= BASE + HEADER_BYTES && address + bytes <= BASE + header.imageBytes;
}

function checkPrograms(): i32 {
  const at = BASE + header.programs;
  if (header.programsBytes < 16) return PROGRAM;
  const count = <u64>load<u32>(at);
  if (16 + count * PROGRAM_BYTES > header.programsBytes || programOf(INFER) == 0) return PROGRAM;
  if (isDefined(TRAINS)) {
    if (!checkTraining()) return PROGRAM;
  }
  for (let i: u32 = 0; i < <u32>count; i++) {
    const code = checkProgram(changetype<Program>(at + 16 + i * PROGRAM_BYTES));
    if (code != OK) return code;
  }
  if (isDefined(TRAINS)) {
    if (!checkCells()) return PROGRAM;
  }
  return OK;
}

/** True if this module checks and runs programs of that kind: those of training need its kernels. */
export function isRun(kind: u32): bool {
  return isDefined(TRAINS) || kind == INFER;
}

function checkProgram(program: Program): i32 {
  if (!isRun(program.kind)) return OK;
  if (isDefined(TRAINS)) boundsOf(program.kind);
  const from = BASE + header.programs, to = <u64>from + header.programsBytes;
  if (program.calls < from || program.calls & 3 || <u64>program.calls + <u64>program.count * CALL_BYTES > to) return PROGRAM;
  if (program.first > program.end || program.end > program.count) return PROGRAM;
  let work: f64 = 0;
  for (let i: u32 = 0; i < program.count; i++) {
    refusedCall = i;
    const macs = checkCall(changetype<Call>(program.calls + i * CALL_BYTES));
    if (macs < 0) return <i32>-macs;
    work += macs;
    if (!(work <= MAX_WORK)) return TOO_MUCH_WORK;
  }
  refusedCall = -1;
  return OK;
}

/** Multiply-accumulates of the call, or minus the code of what is wrong with it. */
function checkCall(call: Call): f64 {
  const bytes = structSize(call.kernel), from = <u64>BASE + header.params;
  if (!bytes) return -UNKNOWN_KERNEL;
  if (call.params & 3 || <u64>call.params < from || <u64>call.params + bytes > from + header.paramsBytes) return -BAD_PARAMS;
  const macs = callCheck(call.params, call.kernel);
  return macs == REFUSED ? -BAD_PARAMS : macs;
}
