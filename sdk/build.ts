/** A build of the kernels, compiled once and shared by all models of the page. */
import { decodeBase64 } from "./base64.ts";
import { OctavoError } from "./errors.ts";

export type BuildName = "scalar" | "simd" | "relaxed";

export interface Build {
  name: BuildName;
  /** True if this engine runs it. */
  supported: () => boolean;
  /** The compiled module; the same object every time. */
  module: () => WebAssembly.Module;
}

/** A module of one function that uses one instruction of the feature. */
const probe = (...code: number[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, code.length + 4, 1, code.length + 2, 0, ...code, 11);
const zero = [65, 0, 253, 15]; // i32.const 0, i8x16.splat
const probes: Record<BuildName, Uint8Array<ArrayBuffer> | undefined> = {
  scalar: undefined,
  simd: probe(...zero),
  relaxed: probe(...zero, ...zero, 253, 0x92, 2), // i16x8.relaxed_dot_i8x16_i7x16_s
};

/** A build that travels as base64 inside JavaScript. `decode`: where the host has a faster way than ours. */
export function embeddedBuild(name: BuildName, base64: string, decode: (text: string) => Uint8Array<ArrayBuffer> = decodeBase64): Build {
  let compiled: WebAssembly.Module | undefined, supported: boolean | undefined;
  return {
    name,
    supported: () => (supported ??= probes[name] ? WebAssembly.validate(probes[name]) : true),
    module: () => (compiled ??= compile(name, decode(base64))),
  };
}

function compile(name: BuildName, bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (cause) {
    throw new OctavoError("ERR_OCTAVO_HOST", `load: the host does not compile the ${name} build: ${(cause as Error).message}. A page's Content-Security-Policy needs 'wasm-unsafe-eval' in script-src; Workers need the export condition of their platform.`, { cause });
  }
}

/** A build whose module the host has compiled already. */
export const compiledBuild = (name: BuildName, module: WebAssembly.Module): Build => ({ name, supported: () => true, module: () => module });
