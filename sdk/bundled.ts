/** A model whose kernels and weights are one module: what `octavo bundle` writes beside it starts from here. */
import { OctavoError } from "./errors.ts";
import type { Exports } from "./exports.ts";
import type { Metadata, Port } from "./model-file.ts";
import { decodeBase64 } from "./base64.ts";
import { Model } from "./model.ts";

export { decodeBase64 };

/** What the command knows of the model file that went into the module. */
export interface Bundled { ports: Port[]; metadata: Metadata; arenaBytes: number; weightBytes: number; memoryBytes: number; stateAddress: number; stateBytes: number; callCount: number; selfTest: string }

/** @param module compiled from the bundle's .wasm */
export function modelOf(module: WebAssembly.Module, bundled: Bundled): Model {
  const exports = new WebAssembly.Instance(module, {}).exports as unknown as Exports;
  return new BundledModel({ ...bundled, bytes: new Uint8Array(0), image: new Uint8Array(0), base: 0, scales: new Float32Array(0) }, exports, "simd");
}

class BundledModel extends Model {
  override save(): Uint8Array {
    throw new OctavoError("ERR_OCTAVO_SOURCE", "save: a bundle holds no model file. Keep the .octavo file that it was made from.");
  }
}
