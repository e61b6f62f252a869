/**
 * ZIP archives, by their central directory; entries stored or deflated, also with 64-bit sizes. Source: PKWARE APPNOTE 6.3.
 * Together the entries may unpack to 32 MB and 16 times the archive: models are dense numbers, a bomb is not.
 */
import { Bytes } from "./bytes.ts";
import { inflateExactly } from "./inflate.ts";

export interface Zip {
  /** In the order of the directory. */
  names: string[];
  /** The bytes of an entry, a view of the archive where it is stored; undefined where there is none of that name. */
  read(name: string): Uint8Array | undefined;
}

interface Entry { name: string; method: number; encrypted: boolean; packed: number; size: number; header: number }

export const isZip = (data: Uint8Array): boolean => data.length > 3 && data[0] === 80 && data[1] === 75 && data[2] === 3 && data[3] === 4;

/** @param format opens every error about this archive */
export function openZip(data: Uint8Array, format: string): Zip {
  const bytes = new Bytes(data, format), entries = new Map(readDirectory(bytes).map((e) => [e.name, e]));
  let left = 2 ** 25 + 16 * data.length;
  return {
    names: [...entries.keys()],
    read: (name) => {
      const entry = entries.get(name);
      if (!entry) return undefined;
      left -= entry.size;
      if (left < 0) bytes.fail(entry.header, `entry "${name}" unpacks to ${entry.size} bytes, more than an archive of ${data.length} bytes may hold`);
      return unpack(bytes, entry);
    },
  };
}

/** The end record stands in the last 64 KB: entries u16 at 10, directory offset u32 at 16. */
function readDirectory(bytes: Bytes): Entry[] {
  let end = bytes.length - 22;
  while (end >= 0 && end > bytes.length - 65558 && !bytes.has(end, "PK\x05\x06")) end--;
  if (end < 0 || !bytes.has(end, "PK\x05\x06")) return bytes.fail(bytes.length, "found no directory at the end of the ZIP archive");
  let count = bytes.u16(end + 10), at = bytes.u32(end + 16);
  if ((count === 0xffff || at === 0xffffffff) && end >= 20 && bytes.has(end - 20, "PK\x06\x07")) {
    const end64 = bytes.uint(end - 12, 8);
    bytes.expectMark(end64, "PK\x06\x06");
    [count, at] = [bytes.uint(end64 + 32, 8), bytes.uint(end64 + 48, 8)];
  }
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    const { entry, next } = readEntry(bytes, at);
    entries.push(entry);
    at = next;
  }
  return entries;
}

/** A directory record: 46 bytes, then name, extra fields and comment. */
function readEntry(bytes: Bytes, at: number): { entry: Entry; next: number } {
  bytes.expectMark(at, "PK\x01\x02");
  const nameLength = bytes.u16(at + 28), extraLength = bytes.u16(at + 30), extra = at + 46 + nameLength;
  const entry: Entry = {
    name: bytes.text(at + 46, nameLength), method: bytes.u16(at + 10), encrypted: (bytes.u16(at + 8) & 1) !== 0,
    packed: bytes.u32(at + 20), size: bytes.u32(at + 24), header: bytes.u32(at + 42),
  };
  widen(bytes, entry, extra, extra + extraLength);
  return { entry, next: extra + extraLength + bytes.u16(at + 32) };
}

/** Extra field 1 holds, in this order, those of size, packed and header that are all ones in the record. */
function widen(bytes: Bytes, entry: Entry, from: number, to: number): void {
  for (let at = from; at + 4 <= to; at += 4 + bytes.u16(at + 2)) {
    if (bytes.u16(at) !== 1) continue;
    let p = at + 4;
    for (const field of ["size", "packed", "header"] as const) {
      if (entry[field] !== 0xffffffff) continue;
      entry[field] = bytes.uint(p, 8);
      p += 8;
    }
  }
}

function unpack(bytes: Bytes, entry: Entry): Uint8Array {
  const { header, name, size } = entry;
  bytes.expectMark(header, "PK\x03\x04");
  if (entry.encrypted) bytes.fail(header, `entry "${name}" is encrypted`, "Save the file without a password.");
  const packed = bytes.slice(header + 30 + bytes.u16(header + 26) + bytes.u16(header + 28), entry.packed);
  if (entry.method === 0) {
    return packed.length === size ? packed : bytes.fail(header, `entry "${name}" is stored in ${packed.length} bytes, expected ${size}`);
  }
  if (entry.method !== 8) {
    bytes.fail(header, `entry "${name}" has compression ${entry.method}, expected stored or deflated`, "Save the file with another tool.");
  }
  return inflateExactly(packed, size, "raw") ?? bytes.fail(header, `entry "${name}" does not unpack to its ${size} bytes`);
}
