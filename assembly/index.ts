/** The exports of every build: the reactor ABI. One model per instance; nothing is imported. */
import { describe } from "./error";
import { BASE, reserve } from "./memory";
import { ABI, INPUT, OUTPUT, Port, STATE, header, isRun, portOf, programOf, refusedCall, reset, validate } from "./model";
import { infer, inferRaw, walk } from "./run";
import { setCheckedLoads } from "./kernels/gemm.i8.simd";
import { selfTest } from "./self-test";
import { FUNCTIONS } from "./tables";

export * from "./functions";
export * from "./registry";
export { tableSizes } from "./tables";

/** For hosts that expect a reactor to have one; there is nothing to do. */
export function _initialize(): void {}

/** The newest `abi` of model files that this module runs. */
export function octavo_abi_version(): u32 {
  return ABI;
}

/** Room for a model file of `length` bytes: its address, or 0 where the host gives no memory. */
export function octavo_alloc(length: u32): usize {
  return reserve(BASE + length) ? BASE : 0;
}

/** Validates the file that was copied to `at` (from octavo_alloc). 0, or the code of what is wrong. */
export function octavo_load(at: usize, length: u32): i32 {
  refusal = at == BASE ? validate(length) : 1;
  return refusal;
}

let refusal: i32 = 0;

/** Why octavo_load refused, as ASCII text: up to `capacity` bytes at `to`. The length of the whole text, 0 after success. */
export function octavo_error(to: usize, capacity: u32): u32 {
  return describe(refusal, refusedCall, to, capacity);
}

/** Bytes of the model as it is now, from the address of octavo_alloc on: they replace the first bytes of the file. */
export function octavo_save(): u32 {
  return header.imageBytes;
}

/** Digest of the outputs to made inputs; equal to the u64 at byte 88 of the file where this host computes the same bytes. */
export function octavo_self_test(): u64 {
  return selfTest();
}

/** The call that the last refusal of octavo_load is about, or −1. */
export function octavo_refused_call(): i32 {
  return refusedCall;
}

/** Address of the i-th input as the user sees it, or 0. */
export function octavo_input(i: u32): usize {
  return address(INPUT, i);
}

export function octavo_output(i: u32): usize {
  return address(OUTPUT, i);
}

export function octavo_state(i: u32): usize {
  return address(STATE, i);
}

function address(kind: u32, i: u32): usize {
  const port = portOf(kind, i);
  return port ? changetype<Port>(port).address : 0;
}

export function octavo_run(): void {
  infer();
}

/** The same on integers: inputs and outputs at their raw addresses. */
export function octavo_run_raw(): void {
  inferRaw();
}

/** Calls [from, to) of the program `kind`, for profiling; nothing where this module or the file has no such program. */
export function octavo_run_calls(kind: u32, from: u32, to: u32): void {
  if (isRun(kind) && programOf(kind)) walk(kind, from, to);
}

/** Tells whether this engine checks the address of every load by code: a matter of speed alone. Default: no. */
export function octavo_checked_loads(on: bool): void {
  setCheckedLoads(on);
}

/** States back to their initial values. */
export function octavo_reset(): void {
  reset();
}

/** Position of a kernel in the function table, for cutting a bundle. */
export function octavo_kernel_entry(kernel: u32): u32 {
  return kernel;
}

/** Position of an elementwise function in the function table. */
export function octavo_function_entry(fn: u32): u32 {
  return FUNCTIONS + fn;
}
