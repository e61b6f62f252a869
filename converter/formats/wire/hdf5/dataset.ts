/** Shapes, layouts and filters (HDF5 file format 3.0, IV.A.2): the raw bytes of a dataset, contiguous, compact or chunked. */
import { sizeOf } from "../../../ir/graph.ts";
import { inflateExactly } from "../inflate.ts";
import { addressAt, nowhere, visit, type Hdf5File } from "./file.ts";

/** Largest dataset that is read, in bytes. */
const largest = 2 ** 28;

/** Dimensions of a dataspace message; [0] for the null space. */
export function readDataspace(file: Hdf5File, at: number): number[] {
  const { bytes } = file, version = bytes.u8(at), rank = bytes.u8(at + 1);
  if (version !== 1 && version !== 2) bytes.fail(at, `found a dataspace of version ${version}, expected 1 or 2`);
  if (version === 2 && bytes.u8(at + 3) === 2) return [0];
  if (rank > 32) bytes.fail(at, `found ${rank} dimensions, expected at most 32`);
  const first = at + (version === 1 ? 8 : 4);
  return Array.from({ length: rank }, (_, i) => bytes.uint(first + i * file.lengthSize, file.lengthSize));
}

/** Bytes of `shape`, refused where they are more than a reader should hold. */
export function byteSize(file: Hdf5File, shape: readonly number[], elementSize: number, at: number): number {
  const size = sizeOf(shape) * elementSize;
  if (!(size <= largest)) file.bytes.fail(at, `found data of [${shape.join(",")}], ${size} bytes, expected at most ${largest}`);
  return size;
}

interface Filter { id: number; client: number[] }

/** Filter pipeline, in the order in which it was applied when writing. */
export function readFilters(file: Hdf5File, at: number): Filter[] {
  const { bytes } = file, version = bytes.u8(at), count = bytes.u8(at + 1), filters: Filter[] = [];
  let p = at + (version === 1 ? 8 : 2);
  for (let i = 0; i < count; i++) {
    const id = bytes.u16(p), named = version === 1 || id >= 256, nameLength = named ? bytes.u16(p + 2) : 0;
    const n = bytes.u16(p + (named ? 6 : 4)), values = p + (named ? 8 : 6) + (version === 1 ? Math.ceil(nameLength / 8) * 8 : nameLength);
    filters.push({ id, client: Array.from({ length: Math.min(n, 64) }, (_, k) => bytes.u32(values + 4 * k)) });
    p = values + 4 * n + (version === 1 && n % 2 ? 4 : 0);
  }
  return filters;
}

/** The data of a layout message, filters undone; what was never written is zero. */
export function readLayout(file: Hdf5File, at: number, shape: number[], elementSize: number, filters: Filter[]): Uint8Array {
  const { bytes } = file, version = bytes.u8(at), size = byteSize(file, shape, elementSize, at);
  if (version === 1 || version === 2) return readOldLayout(file, at, shape, elementSize, filters, size);
  if (version !== 3 && version !== 4) bytes.fail(at, `found a data layout of version ${version}, expected 1 to 4`);
  const kind = bytes.u8(at + 1);
  if (kind === 0) return bytes.slice(at + 4, size);
  if (kind === 1) return contiguous(file, addressAt(file, at + 2), size);
  if (kind !== 2 || version === 4) {
    bytes.fail(at, `found data layout ${kind} of version ${version}`, "Save the file with h5py's default libver, uncompressed.");
  }
  const rank = bytes.u8(at + 2) - 1, first = at + 3 + file.offsetSize;
  return chunked(file, addressAt(file, at + 3), shape, Array.from({ length: rank }, (_, i) => bytes.u32(first + 4 * i)), elementSize, filters);
}

function readOldLayout(file: Hdf5File, at: number, shape: number[], elementSize: number, filters: Filter[], size: number): Uint8Array {
  const { bytes } = file, rank = bytes.u8(at + 1), kind = bytes.u8(at + 2);
  if (kind === 0) return bytes.slice(at + 8 + 4 * rank + 4, size);
  const address = addressAt(file, at + 8), first = at + 8 + file.offsetSize;
  if (kind === 1) return contiguous(file, address, size);
  return chunked(file, address, shape, Array.from({ length: rank - 1 }, (_, i) => bytes.u32(first + 4 * i)), elementSize, filters);
}

function contiguous(file: Hdf5File, address: number, size: number): Uint8Array {
  if (address !== nowhere && size > 0) return file.bytes.slice(visit(file, address, size), size);
  visit(file, 0, size);
  return new Uint8Array(size);
}

interface Chunks { file: Hdf5File; shape: number[]; chunk: number[]; elementSize: number; filters: Filter[]; out: Uint8Array }

function chunked(file: Hdf5File, address: number, shape: number[], chunk: number[], elementSize: number, filters: Filter[]): Uint8Array {
  const size = byteSize(file, shape, elementSize, 0);
  visit(file, 0, size);
  const out = new Uint8Array(size);
  if (address === nowhere || out.length === 0) return out;
  if (chunk.length !== shape.length || chunk.some((d) => d === 0)) {
    file.bytes.fail(address, `found chunks of [${chunk.join(",")}] for data of [${shape.join(",")}]`);
  }
  byteSize(file, chunk, elementSize, address);
  readChunks({ file, shape, chunk, elementSize, filters, out }, address);
  return out;
}

/** A node of the version 1 B-tree of chunks: key = stored size u32, filter mask u32, u64 offset per axis and element. */
function readChunks(c: Chunks, address: number, level = 64): void {
  const { bytes, offsetSize } = c.file;
  bytes.expectMark(visit(c.file, address, 24), "TREE");
  const depth = bytes.u8(address + 5), used = bytes.u16(address + 6), keySize = 8 + 8 * (c.shape.length + 1);
  if (bytes.u8(address + 4) !== 1 || depth >= level) bytes.fail(address, "found another tree than the one of this dataset's chunks");
  for (let i = 0; i < used; i++) {
    const key = address + 8 + 2 * offsetSize + i * (keySize + offsetSize), child = addressAt(c.file, key + keySize);
    if (depth > 0) readChunks(c, child, depth);
    else placeChunk(c, c.shape.map((_, axis) => bytes.uint(key + 8 + 8 * axis, 8)), unfilter(c, child, bytes.u32(key), bytes.u32(key + 4)));
  }
}

/** Deflate (1), shuffle (2) and the checksum (3), which is skipped; `mask` names filters that were left out. */
function unfilter(c: Chunks, address: number, stored: number, mask: number): Uint8Array {
  const size = sizeOf(c.chunk) * c.elementSize;
  let data = c.file.bytes.slice(visit(c.file, address, stored + size), stored);
  for (let i = c.filters.length - 1; i >= 0; i--) {
    const filter = c.filters[i]!;
    if (mask & (1 << i)) continue;
    if (filter.id === 1) {
      data = inflateExactly(data, unpacked(c.filters, i, size), "zlib") ?? c.file.bytes.fail(address, "found compressed data that does not unpack");
    }
    else if (filter.id === 2) data = unshuffle(data, filter.client[0] ?? c.elementSize);
    else if (filter.id === 3) data = data.subarray(0, Math.max(0, data.length - 4));
    else c.file.bytes.fail(address, `found compression filter ${filter.id}, expected deflate or shuffle`, "Save the file without compression.");
  }
  return data.length >= size ? data : c.file.bytes.fail(address, `found a chunk of ${data.length} bytes, expected ${size}`);
}

/** Bytes that filter `i` started from: a checksum that was added before it counts. */
const unpacked = (filters: readonly Filter[], i: number, size: number) => size + 4 * filters.slice(0, i).filter((f) => f.id === 3).length;

/** Byte k of every element was stored together. */
function unshuffle(data: Uint8Array, elementSize: number): Uint8Array {
  if (elementSize < 2 || elementSize > data.length) return data;
  const out = new Uint8Array(data.length), count = Math.floor(data.length / elementSize);
  for (let k = 0; k < elementSize; k++) for (let i = 0; i < count; i++) out[i * elementSize + k] = data[k * count + i]!;
  out.set(data.subarray(count * elementSize), count * elementSize);
  return out;
}

/** Copies the part of a chunk that lies inside `shape`, one contiguous row at a time. */
function placeChunk(c: Chunks, offset: number[], data: Uint8Array): void {
  const { shape, chunk, elementSize, out } = c, last = shape.length - 1;
  if (offset.some((o, axis) => o >= shape[axis]!)) return;
  const copy = (axis: number, from: number, to: number): void => {
    const count = Math.min(chunk[axis]!, shape[axis]! - offset[axis]!);
    if (axis === last) {
      const at = (to + offset[axis]!) * elementSize;
      out.set(data.subarray(from * elementSize, (from + count) * elementSize), at);
      return;
    }
    for (let i = 0; i < count; i++) copy(axis + 1, (from + i) * chunk[axis + 1]!, (to + offset[axis]! + i) * shape[axis + 1]!);
  };
  if (shape.length === 0) out.set(data.subarray(0, elementSize));
  else copy(0, 0, 0);
}
