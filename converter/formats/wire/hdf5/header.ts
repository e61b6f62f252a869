/** Object headers, versions 1 and 2 (HDF5 file format 3.0, IV.A.1): the list of messages of a group, dataset or type. */
import { addressAt, visit, type Hdf5File } from "./file.ts";

export interface Message { type: number; at: number; size: number; /** The body is elsewhere: in another object. */ shared: boolean }

export const messageTypes = { dataspace: 1, linkInfo: 2, datatype: 3, link: 6, layout: 8, filters: 11, attribute: 12, continuation: 16,
  symbolTable: 17, attributeInfo: 21 } as const;

export function readHeader(file: Hdf5File, address: number): Message[] {
  visit(file, address, 16);
  return file.bytes.has(address, "OHDR") ? readVersion2(file, address) : readVersion1(file, address);
}

function readVersion1(file: Hdf5File, address: number): Message[] {
  const { bytes } = file;
  if (bytes.u8(address) !== 1) bytes.fail(address, `found an object header of version ${bytes.u8(address)}, expected 1 or 2`);
  const messages: Message[] = [], blocks = [{ at: address + 16, size: bytes.u32(address + 8) }];
  for (let block = blocks.shift(); block; block = blocks.shift()) {
    visit(file, block.at, block.size);
    for (let at = block.at; at + 8 <= block.at + block.size; ) {
      const message = { type: bytes.u16(at), at: at + 8, size: bytes.u16(at + 2), shared: (bytes.u8(at + 4) & 2) !== 0 };
      addMessage(file, message, messages, blocks);
      at += 8 + message.size;
    }
  }
  return messages;
}

function addMessage(file: Hdf5File, message: Message, messages: Message[], blocks: { at: number; size: number }[]): void {
  file.bytes.slice(message.at, message.size);
  if (message.type !== messageTypes.continuation) messages.push(message);
  else blocks.push({ at: addressAt(file, message.at), size: file.bytes.uint(message.at + file.offsetSize, file.lengthSize) });
}

function readVersion2(file: Hdf5File, address: number): Message[] {
  const { bytes } = file, flags = bytes.u8(address + 5), sizeBytes = 1 << (flags & 3);
  const first = address + 6 + (flags & 32 ? 16 : 0) + (flags & 16 ? 4 : 0), messages: Message[] = [];
  const blocks = [{ at: first + sizeBytes, size: bytes.uint(first, sizeBytes) }], head = flags & 4 ? 6 : 4;
  for (let block = blocks.shift(), chunk = 0; block; block = blocks.shift(), chunk++) {
    visit(file, block.at, block.size);
    if (chunk) bytes.expectMark(block.at, "OCHK");
    const start = chunk ? block.at + 4 : block.at, end = chunk ? block.at + block.size - 4 : block.at + block.size;
    for (let at = start; at + head <= end; ) {
      const message = { type: bytes.u8(at), at: at + head, size: bytes.u16(at + 1), shared: (bytes.u8(at + 3) & 2) !== 0 };
      addMessage(file, message, messages, blocks);
      at += head + message.size;
    }
  }
  return messages;
}
