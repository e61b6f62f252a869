/**
 * HDF5 as h5py writes it: groups, attributes, numbers and texts, each read when asked for, every block checked before use.
 * Source: "HDF5 File Format Specification Version 3.0". Own code: of 500 damaged files the C library in WebAssembly (h5wasm
 * 0.10.3) never came back from one, trapped on 5 % and grew to 1.9 GB; nothing in the same thread can stop it.
 */
import { sizeOf } from "../../ir/graph.ts";
import { Bytes } from "./bytes.ts";
import { byteSize, readDataspace, readFilters, readLayout } from "./hdf5/dataset.ts";
import { decodeNumbers, decodeString, readDatatype, type Hdf5Type } from "./hdf5/datatype.ts";
import { addressAt, nowhere, visit, type Hdf5File } from "./hdf5/file.ts";
import { readMembers } from "./hdf5/group.ts";
import { messageTypes, readHeader, type Message } from "./hdf5/header.ts";

export type Hdf5Data = Float32Array | Float64Array | string[];

/** A group or a dataset. */
export interface Hdf5Object {
  /** From the root, "" for the root itself. */
  path: string;
  /** Names of the members of a group, as stored. */
  members(): string[];
  /** The object at a path below this one, parts divided by "/"; undefined where there is none. */
  at(path: string): Hdf5Object | undefined;
  isDataset: boolean;
  /** Shape and elements of a dataset. */
  read(): { shape: number[]; data: Hdf5Data };
  attribute(name: string): { shape: number[]; data: Hdf5Data } | undefined;
}

const signature = "\x89HDF\r\n\x1a\n";
export const isHdf5 = (bytes: Uint8Array): boolean => signatureAt(new Bytes(bytes, "hdf5")) !== undefined;

/** The superblock stands at 0 or at 512 times a power of two, behind a user block. */
function signatureAt(bytes: Bytes): number | undefined {
  for (let at = 0; at < bytes.length; at = at ? at * 2 : 512) if (bytes.has(at, signature)) return at;
  return undefined;
}

/** @param format opens every error about this file */
export function openHdf5(data: Uint8Array, format: string): Hdf5Object {
  const bytes = new Bytes(data, format), at = signatureAt(bytes) ?? bytes.fail(0, "found no HDF5 signature");
  const version = bytes.u8(at + 8), old = version < 2;
  if (version > 3) bytes.fail(at + 8, `found HDF5 superblock version ${version}, expected 0 to 3`, "Save the file with h5py's default libver.");
  const offsetSize = bytes.u8(at + (old ? 13 : 9)), lengthSize = bytes.u8(at + (old ? 14 : 10));
  if (![2, 4, 8].includes(offsetSize) || ![2, 4, 8].includes(lengthSize)) {
    bytes.fail(at, `found addresses of ${offsetSize} and lengths of ${lengthSize} bytes`);
  }
  const file: Hdf5File = { bytes, offsetSize, lengthSize, base: 0, left: 8 * data.length + 65536 };
  const first = at + (old ? (version === 1 ? 28 : 24) : 12);
  file.base = addressAt(file, first);
  return objectAt(file, addressAt(file, old ? first + 5 * offsetSize : first + 3 * offsetSize), "");
}

/** Objects are kept, so that a block is visited once however often a member is asked for. */
function objectAt(file: Hdf5File, address: number, path: string): Hdf5Object {
  const messages = readHeader(file, address), addresses = readMembers(file, messages), opened = new Map<string, Hdf5Object>();
  const child = (name: string): Hdf5Object | undefined => {
    if (!opened.has(name) && addresses.has(name)) opened.set(name, objectAt(file, addresses.get(name)!, path ? `${path}/${name}` : name));
    return opened.get(name);
  };
  return {
    path,
    isDataset: messages.some((m) => m.type === messageTypes.layout),
    members: () => [...addresses.keys()],
    at: (below) => {
      const [name, ...rest] = below.split("/").filter(Boolean), first = name === undefined ? undefined : child(name);
      return rest.length ? first?.at(rest.join("/")) : first;
    },
    read: () => readDataset(file, messages, address),
    attribute: (name) => readAttribute(file, messages, name),
  };
}

function readDataset(file: Hdf5File, messages: readonly Message[], address: number): { shape: number[]; data: Hdf5Data } {
  const find = (type: number) => messages.find((m) => m.type === type);
  const space = find(messageTypes.dataspace), type = find(messageTypes.datatype), layout = find(messageTypes.layout);
  const filters = find(messageTypes.filters);
  if (!space || !type || !layout) return file.bytes.fail(address, "expected a dataset here, found another object");
  const shape = readDataspace(file, space.at), datatype = readDatatype(file.bytes, typeAddress(file, type.at, type.shared));
  const raw = readLayout(file, layout.at, shape, datatype.size, filters ? readFilters(file, filters.at) : []);
  return { shape, data: decode(file, datatype, raw, sizeOf(shape), address) };
}

/** A shared datatype message holds the address of the object that has the type. */
function typeAddress(file: Hdf5File, at: number, shared: boolean): number {
  if (!shared) return at;
  const object = addressAt(file, at + (file.bytes.u8(at) === 1 ? 8 : 2));
  const message = readHeader(file, object).find((m) => m.type === messageTypes.datatype && !m.shared);
  return message?.at ?? file.bytes.fail(at, "expected the address of a datatype");
}

function decode(file: Hdf5File, type: Hdf5Type, raw: Uint8Array, count: number, at: number): Hdf5Data {
  if (type.kind === "integer" || type.kind === "float") return decodeNumbers(type, raw, count);
  if (type.kind === "string") return Array.from({ length: count }, (_, i) => decodeString(raw.subarray(i * type.size, (i + 1) * type.size)));
  if (type.kind === "text") return Array.from({ length: count }, (_, i) => heapText(file, new Bytes(raw, file.bytes.format), i * type.size));
  return file.bytes.fail(at, `found data of a ${type.name} type, expected numbers or texts`, "Save the file without it.");
}

/** A variable-length text: its length u32, the address of a global heap collection, its number there u32. */
function heapText(file: Hdf5File, raw: Bytes, at: number): string {
  const length = raw.u32(at), collection = addressAt({ ...file, bytes: raw }, at + 4), index = raw.u32(at + 4 + file.offsetSize);
  if (length === 0 || collection === nowhere) return "";
  const { bytes, lengthSize } = file, start = collection;
  bytes.expectMark(start, "GCOL");
  const end = start + bytes.uint(start + 8, lengthSize);
  for (let p = start + 8 + lengthSize; p + 8 + lengthSize <= end; ) {
    const number = bytes.u16(p), size = bytes.uint(p + 8, lengthSize);
    visit(file, p, 8);
    if (number === index) return bytes.text(p + 8 + lengthSize, visit(file, Math.min(length, size), Math.min(length, size)));
    if (number === 0) break;
    p += 8 + lengthSize + Math.ceil(size / 8) * 8;
  }
  return bytes.fail(start, `found no text number ${index} in this heap`);
}

/** Attribute messages, versions 1 to 3: name, type, shape and data follow each other, in version 1 padded to 8 bytes. */
function readAttribute(file: Hdf5File, messages: readonly Message[], name: string): { shape: number[]; data: Hdf5Data } | undefined {
  const { bytes } = file;
  for (const { at, type } of messages) {
    if (type === messageTypes.attributeInfo) refuseDense(file, at);
    if (type !== messageTypes.attribute) continue;
    const version = bytes.u8(at), pad = (n: number) => (version === 1 ? Math.ceil(n / 8) * 8 : n);
    const nameLength = bytes.u16(at + 2), typeAt = at + (version === 3 ? 9 : 8) + pad(nameLength);
    if (bytes.textToZero(at + (version === 3 ? 9 : 8)) !== name) continue;
    const spaceAt = typeAt + pad(bytes.u16(at + 4)), dataAt = spaceAt + pad(bytes.u16(at + 6));
    const datatype = readDatatype(bytes, typeAddress(file, typeAt, version > 1 && (bytes.u8(at + 1) & 1) !== 0));
    const shape = readDataspace(file, spaceAt);
    const raw = bytes.slice(dataAt, visit(file, byteSize(file, shape, datatype.size, at), 0));
    return { shape, data: decode(file, datatype, raw, sizeOf(shape), at) };
  }
  return undefined;
}

function refuseDense(file: Hdf5File, at: number): void {
  const heap = addressAt(file, at + 2 + (file.bytes.u8(at + 1) & 1 ? 2 : 0));
  if (heap !== nowhere) {
    file.bytes.fail(at, "found attributes in the indexed form of newer HDF5 files",
      "Save the file with h5py's default libver instead of libver=\"latest\".");
  }
}
