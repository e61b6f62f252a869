/** The walk over a program: the same for infer, train and commit. */
import { Call, INFER, Program, programOf } from "./model";
import { callKernel } from "./tables";

/** Calls [from, to) of the program of that kind. */
export function walk(kind: u32, from: u32, to: u32): void {
  const program = changetype<Program>(programOf(kind)), end = min(to, program.count);
  for (let i = from; i < end; i++) {
    const call = changetype<Call>(program.calls + i * offsetof<Call>());
    callKernel(call.params, 0, 1, call.kernel);
  }
}

/** The whole inference. */
export function infer(): void {
  walk(INFER, 0, u32.MAX_VALUE);
}

/** The inference between the integer ends: without the calls that quantize inputs and dequantize outputs. */
export function inferRaw(): void {
  const program = changetype<Program>(programOf(INFER));
  walk(INFER, program.first, program.end);
}
