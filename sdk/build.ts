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
const probe = (type: number[], ...code: number[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, type.length + 2, 1, 96, ...type, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, code.length + 4, 1, code.length + 2, 0, ...code, 11);
const I32 = 127, V128 = 123;
const simdProbe = probe([0, 1, V128], 65, 0, 253, 15); // i32.const 0, i8x16.splat
/** i32x4.relaxed_dot_i8x16_i7x16_add_s of two bytes in every lane and 0: its first lane. */
const relaxedProbe = probe([2, I32, I32, 1, I32], 32, 0, 253, 15, 32, 1, 253, 15, 65, 0, 253, 17, 253, 0x93, 2, 253, 27, 0);

const supports: Record<BuildName, () => boolean> = { scalar: () => true, simd: () => WebAssembly.validate(simdProbe), relaxed: hasExactDots };

/** Not where sums of two products saturate (assembly/kernels/dot.relaxed.ts): such hosts are faster with the simd build. */
function hasExactDots(): boolean {
  if (!WebAssembly.validate(relaxedProbe)) return false;
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(relaxedProbe)).exports as { f(a: number, b: number): number };
  return [4 * 127 * -1, 4 * 127 * 255].includes(f(127, -1));
}

/** A build that travels as base64 inside JavaScript. `decode`: where the host has a faster way than ours. */
export function embeddedBuild(name: BuildName, base64: string, decode: (text: string) => Uint8Array<ArrayBuffer> = decodeBase64): Build {
  let compiled: WebAssembly.Module | undefined, supported: boolean | undefined;
  return {
    name,
    supported: () => (supported ??= supports[name]()),
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
