/**
 * The parameter struct of every kernel: one field after another, four bytes each, little-endian. The order of the kernels
 * is their number in a model file, counted from 1. Append only: numbers and fields are the `abi`, pinned by a test, and
 * equal the @unmanaged classes in assembly/kernels.
 */

/** ptr: absolute address · fn: position in a table of elementwise functions (assembly/functions.ts) */
export type FieldType = "ptr" | "i32" | "f32" | "fn";
export type Field = readonly [name: string, type: FieldType];

const of = (type: FieldType) => (...names: string[]): Field[] => names.map((name) => [name, type] as const);
const ptr = of("ptr"), i32 = of("i32"), f32 = of("f32");

export const layouts = {
  denseF32: [...ptr("x", "w", "b", "y"), ...i32("N", "I", "O"), ...f32("lo", "hi")],
} satisfies Record<string, Field[]>;

export type KernelName = keyof typeof layouts;

export const kernelNames = Object.keys(layouts) as KernelName[];

/** Number of a kernel in a program. */
export const kernelNumber = (name: KernelName): number => kernelNames.indexOf(name) + 1;

/** Version of kernel numbers, structs and exports that a model file needs. */
export const ABI = 1;
/** Address of the model file in linear memory; assembly/memory.ts holds the same. */
export const BASE = 32768;
