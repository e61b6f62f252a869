/** SHA-256 by the kernels of the training module, synchronous on every host; and model files that carry theirs. */
import type { Build } from "../build.ts";
import { OctavoError } from "../errors.ts";
import { instantiate } from "../loader.ts";
import { HASH_BYTES, HASH_OFFSET } from "../model-file.ts";
import type { TrainExports } from "./exports.ts";

export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** Each digest has an instance of its own, so that no trainer's memory grows by it. */
export const sha256Of = (build: Build): Sha256 => (bytes) => {
  const exports = instantiate(build.module()) as TrainExports, at = exports.octavo_alloc(bytes.length + HASH_BYTES);
  if (!at) throw new OctavoError("ERR_OCTAVO_MEMORY", `sha256: the host gives no memory for ${bytes.length} bytes.`);
  new Uint8Array(exports.memory.buffer).set(bytes, at);
  exports.octavo_sha256(at, bytes.length, at + bytes.length);
  return new Uint8Array(exports.memory.buffer, at + bytes.length, HASH_BYTES).slice();
};

/** `bytes` with the digest of all of them, those of the digest being zero, at `offset`. */
export function sealed(bytes: Uint8Array, sha256: Sha256, offset = HASH_OFFSET): Uint8Array {
  bytes.fill(0, offset, offset + HASH_BYTES);
  bytes.set(sha256(bytes), offset);
  return bytes;
}

export function isSealed(bytes: Uint8Array, sha256: Sha256, offset = HASH_OFFSET): boolean {
  return same(sealed(bytes.slice(), sha256, offset).subarray(offset, offset + HASH_BYTES), bytes.subarray(offset, offset + HASH_BYTES));
}

export const identityOf = (file: Uint8Array): Uint8Array => file.subarray(HASH_OFFSET, HASH_OFFSET + HASH_BYTES);

export const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((v, i) => v === b[i]);
