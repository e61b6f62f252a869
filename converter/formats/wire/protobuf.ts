/**
 * Protocol Buffers: bytes → plain objects, by a table of fields. The varints and lengths are unpacked by protobufjs, which
 * bounds every read; nothing is generated at run time, so that pages with a strict content policy can convert models.
 * `bytes` and packed `float`/`double` fields are views of the file wherever their alignment allows.
 */
import protobuf from "protobufjs/minimal.js";

export type Scalar = "int32" | "int64" | "float" | "double" | "string" | "bytes";

/** Field number → [name, type, "many" where repeated]. A message type is named by a function, so that types may nest. */
export interface Message { readonly [field: number]: readonly [name: string, type: Scalar | (() => Message), count?: "many"] }

/** A decoded message: absent single fields are undefined, absent repeated fields are missing too. */
export type Decoded = Record<string, unknown>;

export class WireError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

const MAX_DEPTH = 64;
/** Bounds what a file of empty messages can make of its bytes. */
const MAX_MESSAGES = 1 << 21;

type Reader = protobuf.Reader;
interface Budget { messages: number }

/**
 * Decodes one message.
 * @throws WireError when the bytes end early, nest too deeply or hold a field of another wire type
 */
export function decode(bytes: Uint8Array, message: Message): Decoded {
  // A plain view and no Reader.create: views of Node's Buffer are Buffers, whose slice() does not copy.
  const reader = new protobuf.Reader(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  try {
    return decodeMessage(reader, bytes.length, message, 0, { messages: MAX_MESSAGES });
  } catch (e) {
    if (e instanceof WireError) throw e;
    throw new WireError(e instanceof Error ? e.message : String(e), reader.pos);
  }
}

function decodeMessage(reader: Reader, end: number, message: Message, depth: number, budget: Budget): Decoded {
  if (depth > MAX_DEPTH) throw new WireError(`messages nest deeper than ${MAX_DEPTH}`, reader.pos);
  if (--budget.messages < 0) throw new WireError(`more than ${MAX_MESSAGES} messages`, reader.pos);
  const result: Decoded = {};
  while (reader.pos < end) {
    const tag = reader.uint32(), field = message[tag >>> 3], wire = tag & 7;
    if (!field) reader.skipType(wire, 0, tag >>> 3);
    else decodeField(reader, end, result, field, wire, depth, budget);
  }
  if (reader.pos !== end) throw new WireError(`a field ends ${reader.pos - end} bytes behind its message`, reader.pos);
  return result;
}

function decodeField(reader: Reader, end: number, result: Decoded, field: Message[number], wire: number, depth: number, budget: Budget): void {
  const [name, type, many] = field;
  if (typeof type === "string") {
    if (wire === 2 && type !== "string" && type !== "bytes") result[name] = joined(result[name], packed(bytesWithin(reader, end), type));
    else if (wire !== wireOf[type]) throw new WireError(`field "${name}" has wire type ${wire}, expected ${wireOf[type]}`, reader.pos);
    else if (many) (result[name] = listOf(result[name])).push(scalar(reader, end, type));
    else result[name] = scalar(reader, end, type);
    return;
  }
  if (wire !== 2) throw new WireError(`field "${name}" has wire type ${wire}, expected 2`, reader.pos);
  const length = lengthWithin(reader, end);
  const value = decodeMessage(reader, reader.pos + length, type(), depth + 1, budget);
  if (many) (result[name] = listOf(result[name])).push(value);
  else result[name] = value;
}

const wireOf: Record<Scalar, number> = { int32: 0, int64: 0, float: 5, double: 1, string: 2, bytes: 2 };

/** The list under construction; a packed run that came before becomes part of it. */
function listOf(value: unknown): unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : Array.from(value as ArrayLike<unknown>);
}

function joined(before: unknown, values: ArrayLike<number>): unknown {
  return before === undefined ? values : [...listOf(before), ...Array.from(values)];
}

function lengthWithin(reader: Reader, end: number): number {
  const length = reader.uint32();
  if (reader.pos + length > end) throw new WireError(`a length of ${length} exceeds the ${end - reader.pos} bytes that are left`, reader.pos);
  return length;
}

function bytesWithin(reader: Reader, end: number): Uint8Array {
  const length = lengthWithin(reader, end);
  const view = reader.buf.subarray(reader.pos, reader.pos + length);
  reader.pos += length;
  return view;
}

const text = new TextDecoder();

function scalar(reader: Reader, end: number, type: Scalar): unknown {
  switch (type) {
    case "int32": return reader.int32();
    case "int64": return Number(reader.int64());
    case "float": return reader.float();
    case "double": return reader.double();
    case "string": return text.decode(bytesWithin(reader, end));
    case "bytes": return bytesWithin(reader, end);
  }
}

/** A packed run of numbers. */
function packed(bytes: Uint8Array, type: Scalar): ArrayLike<number> {
  if (type === "float") return floats(bytes, Float32Array);
  if (type === "double") return floats(bytes, Float64Array);
  const reader = new protobuf.Reader(bytes), values: number[] = [];
  while (reader.pos < reader.len) values.push(scalar(reader, reader.len, type) as number);
  return values;
}

function floats<T>(bytes: Uint8Array, make: { new (buffer: ArrayBufferLike, offset: number, length: number): T; BYTES_PER_ELEMENT: number }): T {
  const size = make.BYTES_PER_ELEMENT;
  if (bytes.length % size) throw new WireError(`a packed run of ${bytes.length} bytes is no multiple of ${size}`, bytes.byteOffset);
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return new make(aligned.buffer, aligned.byteOffset, bytes.length / size);
}
