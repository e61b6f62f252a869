/**
 * Everything that training needs to go on with the same bytes. Little-endian:
 *   "OCTC" · u32 version · u32 bytes of the JSON · u32 bytes of the state · u32 bytes of the kept state · 12 bytes
 *   32 bytes SHA-256 of the model's file · 32 bytes SHA-256 of the checkpoint with these zero · JSON · state · kept state
 */
import { OctavoError } from "../errors.ts";
import { HASH_BYTES } from "../model-file.ts";
import { decodeUtf8 } from "../text-decoder.ts";
import { isSealed, same, sealed, type Sha256 } from "./sha256.ts";

const MAGIC = 0x4354434f, VERSION = 1, MODEL_AT = 32, SEAL_AT = 64, HEADER_BYTES = 96;

/** `facts`: JSON of the trainer · `state`, `kept`: see Memory.state and Session.kept. */
export interface Checkpoint { model: Uint8Array; facts: unknown; state: Uint8Array; kept: Uint8Array }

const refuse = (problem: string): never => { throw new OctavoError("ERR_OCTAVO_FORMAT", `checkpoint: ${problem}`); };

export function writeCheckpoint({ model, facts, state, kept }: Checkpoint, sha256: Sha256): Uint8Array {
  const json = asciiJson(facts), bytes = new Uint8Array(HEADER_BYTES + json.length + state.length + kept.length), view = new DataView(bytes.buffer);
  [MAGIC, VERSION, json.length, state.length, kept.length].forEach((v, i) => view.setUint32(4 * i, v, true));
  bytes.set(model, MODEL_AT);
  let at = HEADER_BYTES;
  for (const part of [json, state, kept]) {
    bytes.set(part, at);
    at += part.length;
  }
  return sealed(bytes, sha256, SEAL_AT);
}

/** AudioWorklets have no TextEncoder: all beyond ASCII is escaped. */
const asciiJson = (value: unknown): Uint8Array =>
  Uint8Array.from(JSON.stringify(value).replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`), (c) => c.charCodeAt(0));

/**
 * @param model SHA-256 of the file that the checkpoint must belong to
 * @throws OctavoError ERR_OCTAVO_FORMAT for anything else, ERR_OCTAVO_VERSION for a newer one
 */
export function readCheckpoint(bytes: Uint8Array, model: Uint8Array, sha256: Sha256): Checkpoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), u32 = (i: number) => view.getUint32(4 * i, true);
  if (bytes.length < HEADER_BYTES || u32(0) !== MAGIC) refuse(`${bytes.length} bytes that do not begin as one. Give what trainer.checkpoint() returned.`);
  if (u32(1) > VERSION) throw new OctavoError("ERR_OCTAVO_VERSION", `checkpoint: version ${u32(1)}, this SDK reads up to ${VERSION}. Update the package octavo.`);
  const [json, state, kept] = [u32(2), u32(3), u32(4)] as [number, number, number], stateAt = HEADER_BYTES + json, keptAt = stateAt + state;
  if (keptAt + kept !== bytes.length) refuse(`${bytes.length} bytes, its head says ${keptAt + kept}. It was cut off: take the one before.`);
  if (!isSealed(bytes, sha256, SEAL_AT)) refuse("its SHA-256 is not that of its bytes. It was damaged: take the one before.");
  const found = bytes.subarray(MODEL_AT, MODEL_AT + HASH_BYTES);
  if (!same(found, model)) refuse(`it belongs to the model file with SHA-256 ${hex(found)}…, this one has ${hex(model)}…. Load the file that it was made with.`);
  return { model, facts: parse(bytes.subarray(HEADER_BYTES, stateAt)), state: bytes.subarray(stateAt, keptAt), kept: bytes.subarray(keptAt) };
}

const hex = (bytes: Uint8Array): string => Array.from(bytes.subarray(0, 8), (b) => b.toString(16).padStart(2, "0")).join("");

function parse(json: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(json));
  } catch {
    return refuse("its JSON is broken. Take the one before.");
  }
}
