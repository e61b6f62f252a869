/** Members of a group: a symbol table (version 1 B-tree, symbol nodes, local heap) or link messages (HDF5 file format 3.0, III.A–D). */
import { addressAt, nowhere, visit, type Hdf5File } from "./file.ts";
import { messageTypes, type Message } from "./header.ts";

/** Name → address of the member's object header. Soft and external links are left out. */
export function readMembers(file: Hdf5File, messages: readonly Message[]): Map<string, number> {
  const members = new Map<string, number>();
  for (const m of messages) {
    if (m.type === messageTypes.symbolTable) readTree(file, addressAt(file, m.at), heapData(file, addressAt(file, m.at + file.offsetSize)), members);
    if (m.type === messageTypes.link) readLink(file, m.at, members);
    if (m.type === messageTypes.linkInfo) refuseDense(file, m.at);
  }
  return members;
}

function heapData(file: Hdf5File, heap: number): number {
  file.bytes.expectMark(visit(file, heap, 8), "HEAP");
  return addressAt(file, heap + 8 + 2 * file.lengthSize);
}

function readTree(file: Hdf5File, address: number, names: number, members: Map<string, number>, level = 64): void {
  const { bytes, offsetSize, lengthSize } = file;
  visit(file, address, 24);
  if (bytes.has(address, "SNOD")) return readSymbols(file, address, names, members);
  bytes.expectMark(address, "TREE");
  const depth = bytes.u8(address + 5), used = bytes.u16(address + 6);
  if (bytes.u8(address + 4) !== 0 || depth >= level) bytes.fail(address, "found another tree than the one of this group");
  for (let i = 0; i < used; i++) readTree(file, addressAt(file, address + 8 + 2 * offsetSize + i * (lengthSize + offsetSize) + lengthSize), names,
    members, depth);
}

function readSymbols(file: Hdf5File, address: number, names: number, members: Map<string, number>): void {
  const { bytes, offsetSize } = file, count = bytes.u16(address + 6), entry = 2 * offsetSize + 24;
  visit(file, address, count * entry);
  for (let i = 0; i < count; i++) {
    const at = address + 8 + i * entry, header = addressAt(file, at + offsetSize), isSoftLink = bytes.u32(at + 2 * offsetSize) === 2;
    if (!isSoftLink && header !== nowhere) members.set(bytes.textToZero(names + bytes.uint(at, offsetSize)), header);
  }
}

/** Link message, version 1: flags say the width of the name's length and which optional fields there are. */
function readLink(file: Hdf5File, at: number, members: Map<string, number>): void {
  const { bytes } = file, flags = bytes.u8(at + 1);
  let p = at + 2;
  const type = flags & 8 ? bytes.u8(p++) : 0;
  p += (flags & 4 ? 8 : 0) + (flags & 16 ? 1 : 0);
  const width = 1 << (flags & 3), length = bytes.uint(p, width);
  if (type === 0) members.set(bytes.text(p + width, length), addressAt(file, p + width + length));
}

/** Link info message: the address of a fractal heap, where there are too many links for messages. */
function refuseDense(file: Hdf5File, at: number): void {
  const heap = addressAt(file, at + 2 + (file.bytes.u8(at + 1) & 1 ? 8 : 0));
  if (heap !== nowhere) {
    file.bytes.fail(at, "found a group in the indexed form of newer HDF5 files",
      "Save the file with h5py's default libver instead of libver=\"latest\".");
  }
}
