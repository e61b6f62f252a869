/**
 * The function table and the numbers beside it. scripts/tables.mjs fills both from the exports of registry.ts and
 * functions.ts and turns the imports below into calls through the table: AssemblyScript's own references to functions
 * are objects in memory, 24 bytes each.
 */

/** Kernel k stands at k, its check at CHECKS + k, elementwise function f at FUNCTIONS + f. */
export const CHECKS: u32 = 256, FUNCTIONS: u32 = 512;

/** u16 [256], bytes of the parameter struct of kernel k or 0 where there is none, and u16, how many functions there are. */
export const tableSizes: usize = memory.data(2 * 256 + 2);

/** Bytes of the parameter struct of a kernel, 0 if there is no such kernel. */
export function structSize(kernel: u32): u32 {
  return kernel < CHECKS ? load<u16>(tableSizes + 2 * kernel) : 0;
}

export function isFunction(fn: i32): bool {
  return <u32>fn < <u32>load<u16>(tableSizes, 512);
}

/** Runs rows part, part + parts, … of one layer. */
// @ts-ignore: decorator
@external("tables", "kernel")
export declare function callKernel(p: usize, part: i32, parts: i32, kernel: u32): void;

/** Multiply-accumulates of one call, or REFUSED. */
// @ts-ignore: decorator
@external("tables", "check")
export declare function callCheck(p: usize, kernel: u32): f64;

/** y[i] = f(a[i], b[i], c[i]; alpha, beta) for i below n, a multiple of 4; y may be an operand. */
// @ts-ignore: decorator
@external("tables", "function")
export declare function callFunction(a: usize, b: usize, c: usize, y: usize, n: i32, alpha: f32, beta: f32, fn: i32): void;
