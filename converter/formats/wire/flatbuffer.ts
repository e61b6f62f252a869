/**
 * FlatBuffers, read with every offset and length checked before use: the `flatbuffers` library reads, this view verifies.
 * A table is [i32 distance back to its vtable][fields]; a vtable is [u16 own size][u16 table size][u16 offset per field].
 * Source: flatbuffers.dev, "FlatBuffer Internals". A missing field has its default; nothing here knows a schema.
 */
import { ByteBuffer } from "flatbuffers";
import { modelError } from "../../ir/error.ts";

/** One file: its bytes, the library's reader, and how many bytes may still be visited. */
interface File {
  format: string;
  bytes: Uint8Array;
  reader: ByteBuffer;
  /** Vectors may overlap, so that a small file describes an endless one: visits are bounded by the file's length. */
  left: number;
}

const fail = (file: File, at: number, problem: string): never => {
  throw modelError("ERR_OCTAVO_FORMAT", file.format, `byte ${at}`, problem, "The file is damaged: export or download it again.");
};

/** @returns `at`, where `length` bytes are known to lie inside the file; `visited` of them will be read */
function inside(file: File, at: number, length: number, visited = length): number {
  if (at < 0 || at + length > file.bytes.length) fail(file, at, `${length} bytes should be here, expected them inside the ${file.bytes.length} bytes of the file`);
  file.left -= visited;
  if (file.left < 0) fail(file, at, "found structures that overlap each other, expected each once");
  return at;
}

/** A four-letter mark behind the root offset; "" when the file is too short to have one. */
export const identifierOf = (bytes: Uint8Array): string => (bytes.length < 8 ? "" : String.fromCharCode(...bytes.subarray(4, 8)));

/** The root table of a file. */
export function openFlatbuffer(bytes: Uint8Array, format: string): FlatTable {
  const file: File = { format, bytes, reader: new ByteBuffer(bytes), left: 4 * bytes.length + 65536 };
  return new FlatTable(file, inside(file, 0, 4) + file.reader.readUint32(0));
}

/** One table. `field` is the field's number in its schema, from 0. */
export class FlatTable {
  private readonly file: File;
  private readonly at: number;

  constructor(file: File, at: number) {
    this.file = file;
    this.at = at;
    const vtable = inside(file, at, 4) - file.reader.readInt32(at);
    const size = file.reader.readUint16(inside(file, vtable, 4));
    if (size < 4 || size % 2) fail(file, vtable, `found a field table of ${size} bytes, expected an even number from 4`);
    inside(file, vtable, size);
    inside(file, at, file.reader.readUint16(vtable + 2));
  }

  bool(field: number, missing = false): boolean {
    const at = this.slot(field, 1);
    return at ? this.file.reader.readUint8(at) !== 0 : missing;
  }

  int8(field: number, missing = 0): number {
    const at = this.slot(field, 1);
    return at ? this.file.reader.readInt8(at) : missing;
  }

  uint8(field: number, missing = 0): number {
    const at = this.slot(field, 1);
    return at ? this.file.reader.readUint8(at) : missing;
  }

  int32(field: number, missing = 0): number {
    const at = this.slot(field, 4);
    return at ? this.file.reader.readInt32(at) : missing;
  }

  uint32(field: number, missing = 0): number {
    const at = this.slot(field, 4);
    return at ? this.file.reader.readUint32(at) : missing;
  }

  /** Exact to 2^53. */
  uint64(field: number, missing = 0): number {
    const at = this.slot(field, 8);
    return at ? Number(this.file.reader.readUint64(at)) : missing;
  }

  float32(field: number, missing = 0): number {
    const at = this.slot(field, 4);
    return at ? this.file.reader.readFloat32(at) : missing;
  }

  has(field: number): boolean {
    return this.slot(field, 1) !== 0;
  }

  string(field: number): string {
    const [at, length] = this.vector(field, 1);
    return new TextDecoder().decode(this.file.bytes.subarray(at, at + length));
  }

  /** A view, not a copy. */
  bytes(field: number): Uint8Array {
    const [at, length] = this.vector(field, 1, 0);
    return this.file.bytes.subarray(at, at + length);
  }

  int32s(field: number): number[] {
    return this.list(field, 4, (at) => this.file.reader.readInt32(at));
  }

  float32s(field: number): number[] {
    return this.list(field, 4, (at) => this.file.reader.readFloat32(at));
  }

  /** Exact to 2^53. */
  int64s(field: number): number[] {
    return this.list(field, 8, (at) => Number(this.file.reader.readInt64(at)));
  }

  table(field: number): FlatTable | undefined {
    const at = this.slot(field, 4);
    return at ? new FlatTable(this.file, this.follow(at)) : undefined;
  }

  tables(field: number): FlatTable[] {
    return this.list(field, 4, (at) => new FlatTable(this.file, this.follow(at)));
  }

  /** Where the field's `size` bytes lie, 0 when it is missing. */
  private slot(field: number, size: number): number {
    const offset = this.file.reader.__offset(this.at, 4 + 2 * field);
    return offset ? inside(this.file, this.at + offset, size) : 0;
  }

  private follow(at: number): number {
    return at + this.file.reader.readUint32(at);
  }

  private list<T>(field: number, size: number, read: (at: number) => T): T[] {
    const [at, length] = this.vector(field, size);
    return Array.from({ length }, (_, i) => read(at + i * size));
  }

  /** Start and length of a vector, [0, 0] when it is missing. */
  private vector(field: number, size: number, visited = size): [at: number, length: number] {
    const slot = this.slot(field, 4);
    if (!slot) return [0, 0];
    const at = inside(this.file, this.follow(slot), 4);
    const length = this.file.reader.readUint32(at);
    inside(this.file, at + 4, length * size, length * visited);
    return [at + 4, length];
  }
}
