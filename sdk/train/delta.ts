/**
 * What training changed in a model file, told against the file it began with; the same bytes lead back.
 *   "OCTD" · u32 version · u32 bytes of the model file · u32 number of runs · 32 bytes SHA-256 before · 32 bytes SHA-256 after
 *   runs: varint bytes that are equal · varint bytes that differ · those bytes, before XOR after
 * Bytes 96 … 127 of the model file, its own SHA-256, are no part of the runs.
 */
import { OctavoError } from "../errors.ts";
import { HASH_BYTES, HASH_OFFSET } from "../model-file.ts";
import { identityOf, same, sealed, type Sha256 } from "./sha256.ts";

const MAGIC = 0x4454434f, VERSION = 1, HEADER_BYTES = 80, BEFORE_AT = 16, AFTER_AT = 48;
/** A shorter stretch of equal bytes costs less inside a run than between two. */
const SHORTEST_GAP = 3;

const refuse = (problem: string): never => { throw new OctavoError("ERR_OCTAVO_FORMAT", `delta: ${problem}`); };
const inHash = (i: number) => i >= HASH_OFFSET && i < HASH_OFFSET + HASH_BYTES;

/** @param before, after two states of one model */
export function writeDelta(before: Uint8Array, after: Uint8Array): Uint8Array {
  const differs = (i: number) => !inHash(i) && before[i] !== after[i], body: number[] = [];
  let runs = 0, last = 0;
  for (let i = 0; i < before.length; i++) {
    if (!differs(i)) continue;
    let end = i + 1;
    for (let k = end; k < before.length && k <= end + SHORTEST_GAP; k++) if (differs(k)) end = k + 1;
    varint(body, i - last);
    varint(body, end - i);
    for (let k = i; k < end; k++) body.push(inHash(k) ? 0 : before[k]! ^ after[k]!);
    runs++;
    last = i = end;
  }
  const bytes = new Uint8Array(HEADER_BYTES + body.length), view = new DataView(bytes.buffer);
  [MAGIC, VERSION, before.length, runs].forEach((v, i) => view.setUint32(4 * i, v, true));
  bytes.set(identityOf(before), BEFORE_AT);
  bytes.set(identityOf(after), AFTER_AT);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/** Seven bits per byte, the lowest first, the top bit: more follow. */
function varint(to: number[], value: number): void {
  for (; value > 127; value = Math.floor(value / 128)) to.push((value & 127) | 128);
  to.push(value);
}

/**
 * The other one of the two files that a delta is between.
 * @param from "before" applies it, "after" takes it back · @param file the file on that side, sealed
 * @throws OctavoError ERR_OCTAVO_FORMAT if it is another file or the delta is damaged
 */
export function otherSide(file: Uint8Array, delta: Uint8Array, from: "before" | "after", sha256: Sha256): Uint8Array {
  const view = new DataView(delta.buffer, delta.byteOffset, delta.byteLength), u32 = (i: number) => view.getUint32(4 * i, true);
  if (delta.length < HEADER_BYTES || u32(0) !== MAGIC) refuse(`${delta.length} bytes that do not begin as one. Give what trainer.delta() returned.`);
  if (u32(1) > VERSION) throw new OctavoError("ERR_OCTAVO_VERSION", `delta: version ${u32(1)}, this SDK reads up to ${VERSION}. Update the package octavo.`);
  const [here, there] = from === "before" ? [BEFORE_AT, AFTER_AT] : [AFTER_AT, BEFORE_AT], hash = (at: number) => delta.subarray(at, at + HASH_BYTES);
  if (file.length !== u32(2) || !same(identityOf(file), hash(here))) refuse(from === "before" ? "it was made against another model file, or is applied already. Load the file that was trained." : "the model is not as this delta left it. Apply it first.");
  const other = sealed(xorRuns(file, delta, u32(3)), sha256);
  return same(identityOf(other), hash(there)) ? other : refuse("it is damaged: the result has another SHA-256. Copy it again.");
}

function xorRuns(file: Uint8Array, delta: Uint8Array, runs: number): Uint8Array {
  const out = file.slice(), cut = () => refuse(`it ends after ${delta.length} bytes, in the middle of its runs. Copy it again.`);
  let at = HEADER_BYTES, to = 0;
  const next = (): number => {
    for (let value = 0, factor = 1; at < delta.length && factor < 2 ** 35; factor *= 128) {
      const byte = delta[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    return cut();
  };
  for (let r = 0; r < runs; r++) {
    to += next();
    const length = next();
    if (at + length > delta.length || to + length > out.length) cut();
    for (let i = 0; i < length; i++) out[to++]! ^= delta[at++]!;
  }
  return at === delta.length ? out : refuse(`it has ${delta.length - at} bytes behind its runs. Copy it again.`);
}
