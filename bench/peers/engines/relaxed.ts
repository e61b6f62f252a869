/** Whether this engine has relaxed SIMD: a module of one function that uses one such instruction. */
export const hasRelaxed = (): boolean => WebAssembly.validate(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 0, 253, 15, 65, 0, 253, 15, 253, 0x92, 2, 11));
