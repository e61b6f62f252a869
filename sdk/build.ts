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

/** A module of one function, type 0 of `type`, with one export, `f`. */
export const probe = (type: number[], ...code: number[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, type.length + 2, 1, 96, ...type, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, code.length + 4, 1, code.length + 2, 0, ...code, 11);
const V128 = 123;
const hasSimd = (): boolean => WebAssembly.validate(probe([0, 1, V128], 65, 0, 253, 15)); // i32.const 0, i8x16.splat

/**
 * A build that travels as base64 inside JavaScript.
 * @param decode where the host has a faster way than ours · @param supports does this engine run it? Default: does it have what simd needs
 */
export function embeddedBuild(name: BuildName, base64: string, decode: (text: string) => Uint8Array<ArrayBuffer> = decodeBase64, supports: () => boolean = hasSimd): Build {
  let compiled: WebAssembly.Module | undefined, supported: boolean | undefined;
  return {
    name,
    supported: () => (supported ??= name === "scalar" || supports()),
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
