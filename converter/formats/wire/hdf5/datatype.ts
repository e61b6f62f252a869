/**
 * Datatype messages (HDF5 file format 3.0, IV.A.2.d) and decoding of elements.
 * Numbers become doubles or float32, enumerations their base integers, strings text. Compound and other types are refused when read.
 */
import { halfToFloat } from "../half.ts";
import type { Bytes } from "../bytes.ts";

export type Hdf5Type =
  | { kind: "integer"; size: number; signed: boolean; bigEndian: boolean }
  | { kind: "float"; size: number; bigEndian: boolean; /** bfloat16: the upper half of a float32 */ brain: boolean }
  | { kind: "string"; size: number }
  | { kind: "text"; size: number }
  | { kind: "other"; size: number; name: string };

const classes = ["integer", "float", "time", "string", "bit field", "opaque", "compound", "reference", "enumeration", "variable-length", "array"];

/** The type at `at`, `depth` bounds types of types. */
export function readDatatype(bytes: Bytes, at: number, depth = 0): Hdf5Type {
  const head = bytes.u8(at), bits = bytes.u8(at + 1), size = bytes.u32(at + 4), name = classes[head & 15] ?? `class ${head & 15}`;
  if (size === 0) bytes.fail(at, "found a datatype of 0 bytes");
  if (name === "integer" && size <= 8) return { kind: "integer", size, signed: (bits & 8) !== 0, bigEndian: (bits & 1) !== 0 };
  if (name === "float" && [2, 4, 8].includes(size)) {
    return { kind: "float", size, bigEndian: (bits & 1) !== 0, brain: size === 2 && bytes.u8(at + 13) === 8 };
  }
  if (name === "string") return { kind: "string", size };
  if (name === "enumeration" && depth === 0) return readDatatype(bytes, at + 8, 1);
  if (name === "variable-length" && (bits & 15) === 1) return { kind: "text", size };
  return { kind: "other", size, name };
}

/** `count` numbers from `raw`; float32 and smaller floats as float32, all else as doubles. */
export function decodeNumbers(type: Hdf5Type & { kind: "integer" | "float" }, raw: Uint8Array, count: number): Float32Array | Float64Array {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength), little = !type.bigEndian;
  const out = type.kind === "float" && type.size < 8 ? new Float32Array(count) : new Float64Array(count);
  const read = type.kind === "float" ? floatReader(type, view, little) : integerReader(type, view, little);
  for (let i = 0; i < count; i++) out[i] = read(i * type.size);
  return out;
}

function floatReader(type: Hdf5Type & { kind: "float" }, view: DataView, little: boolean): (at: number) => number {
  if (type.size === 8) return (at) => view.getFloat64(at, little);
  if (type.size === 4) return (at) => view.getFloat32(at, little);
  if (!type.brain) return (at) => halfToFloat(view.getUint16(at, little));
  const word = new DataView(new ArrayBuffer(4));
  return (at) => {
    word.setUint16(0, view.getUint16(at, little));
    return word.getFloat32(0);
  };
}

function integerReader(type: Hdf5Type & { kind: "integer" }, view: DataView, little: boolean): (at: number) => number {
  const { size, signed } = type;
  return (at) => {
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + view.getUint8(at + (little ? size - 1 - i : i));
    return signed && value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value;
  };
}

/** Fixed-length text ends at its first zero byte. */
export function decodeString(raw: Uint8Array): string {
  const end = raw.indexOf(0);
  return new TextDecoder().decode(end < 0 ? raw : raw.subarray(0, end)).trimEnd();
}
