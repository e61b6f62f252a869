/** The golden digest of a model file: what the kernels answer to made inputs. Specified in docs/model-file.md, "Self-test". */
import { modelError } from "../ir/error.ts";
import { seal } from "./model-file.ts";

const DIGEST_OFFSET = 88;

/** The reactor exports that are called here. */
interface Kernels { memory: WebAssembly.Memory; octavo_alloc(length: number): number; octavo_load(at: number, length: number): number; octavo_self_test(): bigint }

/** The file with the digest of the answers that `kernels`, a build of assembly/, gives. */
export async function withSelfTest(model: Uint8Array, kernels: WebAssembly.Module): Promise<Uint8Array> {
  const exports = new WebAssembly.Instance(kernels, {}).exports as unknown as Kernels, at = exports.octavo_alloc(model.length);
  if (at) new Uint8Array(exports.memory.buffer).set(model, at);
  const code = at ? exports.octavo_load(at, model.length) : 5;
  if (code) throw modelError("ERR_OCTAVO_MEMORY", "octavo", "self-test", `the kernels refuse the model file with code ${code}`, "Use a smaller model.");
  const tested = new Uint8Array(model);
  new DataView(tested.buffer).setBigUint64(DIGEST_OFFSET, BigInt.asUintN(64, exports.octavo_self_test()), true);
  await seal(tested);
  return tested;
}
