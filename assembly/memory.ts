/**
 * The one memory of a model. Module data lies below BASE, the model file at BASE, behind it what the program may write.
 *   0 … BASE            static data of this module
 *   BASE … writable     header, programs, parameter structs, weights: never written while a program runs, so what `check`
 *                       saw at load stays true
 *   writable … end      arena and states
 */
export const BASE: usize = 32768;

/** Vector loads may read this far past the last byte of a tensor. */
export const SLACK: usize = 64;

/** Bounds of the loaded model; zero until `load` accepted its header. */
export let writable: usize = 0;
export let end: usize = 0;

export function setBounds(from: usize, to: usize): void {
  writable = from;
  end = to;
}

/** Grows the memory until `bytes` from address 0 exist; false where the host refuses. */
export function reserve(bytes: usize): bool {
  const pages = <i32>((<u64>bytes + <u64>SLACK + 65535) >> 16), missing = pages - memory.size();
  return missing <= 0 || memory.grow(missing) >= 0;
}
