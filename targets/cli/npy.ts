/**
 * NumPy's .npy (format 1–3) and .npz. Specification: numpy/lib/format.py.
 * `"\x93NUMPY" major minor · header length (u16 in format 1, u32 later) · Python dict as text · elements`.
 * Own code, since npyjs checks no length, reads fortran order as C order and brings an HTTP client along.
 */
import { modelError, type OctavoError } from "../../converter/ir/error.ts";

export type Elements = Float64Array | Float32Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;
export type ArrayType = "float64" | "float32" | "int8" | "uint8" | "int16" | "uint16" | "int32" | "uint32" | "int64" | "bool";

/** C order. int64 is held in doubles (exact to 2^53), bool in bytes 0 and 1. */
export interface NpyArray { dtype: ArrayType; shape: number[]; data: Elements }

interface Codec { dtype: ArrayType; bytes: number; read: (v: DataView, at: number, little: boolean) => number; array: new (n: number) => Elements }
type NativeArray = (new (b: ArrayBuffer, at: number, n: number) => Elements) & { BYTES_PER_ELEMENT: number };

const int64 = (v: DataView, at: number, little: boolean) => Number(v.getBigInt64(at, little));
const uint64 = (v: DataView, at: number, little: boolean) => Number(v.getBigUint64(at, little));

/** By the type code of `descr` without its byte order. */
const codecs: Record<string, Codec> = {
  f8: { dtype: "float64", bytes: 8, read: (v, at, little) => v.getFloat64(at, little), array: Float64Array },
  f4: { dtype: "float32", bytes: 4, read: (v, at, little) => v.getFloat32(at, little), array: Float32Array },
  f2: { dtype: "float32", bytes: 2, read: (v, at, little) => half(v.getUint16(at, little)), array: Float32Array },
  i1: { dtype: "int8", bytes: 1, read: (v, at) => v.getInt8(at), array: Int8Array },
  u1: { dtype: "uint8", bytes: 1, read: (v, at) => v.getUint8(at), array: Uint8Array },
  i2: { dtype: "int16", bytes: 2, read: (v, at, little) => v.getInt16(at, little), array: Int16Array },
  u2: { dtype: "uint16", bytes: 2, read: (v, at, little) => v.getUint16(at, little), array: Uint16Array },
  i4: { dtype: "int32", bytes: 4, read: (v, at, little) => v.getInt32(at, little), array: Int32Array },
  u4: { dtype: "uint32", bytes: 4, read: (v, at, little) => v.getUint32(at, little), array: Uint32Array },
  i8: { dtype: "int64", bytes: 8, read: int64, array: Float64Array },
  u8: { dtype: "int64", bytes: 8, read: uint64, array: Float64Array },
  b1: { dtype: "bool", bytes: 1, read: (v, at) => (v.getUint8(at) ? 1 : 0), array: Uint8Array },
};
const written: Record<ArrayType, string> = {
  float64: "<f8", float32: "<f4", int8: "|i1", uint8: "|u1", int16: "<i2", uint16: "<u2", int32: "<i4", uint32: "<u4", int64: "<i8", bool: "|b1",
};

/** IEEE 754 binary16. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const bad = (file: string, problem: string, remedy = "Save it again with numpy.save."): OctavoError =>
  modelError("ERR_OCTAVO_FORMAT", "npy", `file "${file}"`, problem, remedy);

/** NumPy's own limit. */
const MOST_AXES = 64;

interface Header { descr: string; fortran: boolean; shape: number[]; end: number }

function readHeader(bytes: Uint8Array, file: string): Header {
  if (bytes.length < 10 || String.fromCharCode(...bytes.subarray(0, 6)) !== "\x93NUMPY") throw bad(file, "the first bytes are not those of a .npy file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = bytes[6]! >= 2 ? 12 : 10;
  const length = start === 10 ? view.getUint16(8, true) : bytes.length < 12 ? Infinity : view.getUint32(8, true);
  if (start + length > bytes.length) throw bad(file, `the header says ${length} bytes, the file has ${bytes.length}`, "It is truncated: copy it again.");
  const text = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape'\s*:\s*\(([\d\s,L]*)\)/.exec(text)?.[1];
  if (!descr) throw bad(file, "elements are records or the type is missing, expected one number type", "Save one plain array.");
  if (!order || shape === undefined) throw bad(file, "the header lacks fortran_order or shape");
  const sizes = shape.split(",").map((s) => s.trim()).filter(Boolean).map((s) => parseInt(s, 10));
  if (sizes.length > MOST_AXES) throw bad(file, `${sizes.length} axes, expected at most ${MOST_AXES}`);
  return { descr, fortran: order === "True", shape: sizes, end: start + length };
}

/**
 * Reads one array.
 * @param file the name for messages
 * @throws OctavoError for a type that is not a number, and for a header that lies about the length
 */
export function readNpy(bytes: Uint8Array, file: string): NpyArray {
  const { descr, fortran, shape, end } = readHeader(bytes, file);
  const codec = codecs[descr.replace(/^[<>|=]/, "")];
  if (!codec) throw modelError("ERR_OCTAVO_DTYPE", "npy", `file "${file}"`, `elements are ${descr}, expected float, integer or bool`, "Convert them with astype first.");
  const count = shape.reduce((n, d) => n * d, 1);
  if (!(count * codec.bytes <= bytes.length - end)) throw bad(file, `shape (${shape.join(", ")}) of ${descr} needs ${count * codec.bytes} bytes, found ${bytes.length - end}`, "It is truncated: copy it again.");
  const data = elements(bytes.subarray(end, end + count * codec.bytes), codec, count, !descr.startsWith(">"));
  return { dtype: codec.dtype, shape, data: fortran && shape.length > 1 ? toCOrder(data, shape) : data };
}

/** A view where types and alignment allow one, decoded element by element otherwise. */
function elements(body: Uint8Array, codec: Codec, count: number, little: boolean): Elements {
  const native = codec.array as unknown as NativeArray;
  if (little && native.BYTES_PER_ELEMENT === codec.bytes && codec.dtype !== "int64" && codec.dtype !== "bool") {
    const own = body.byteOffset % codec.bytes ? body.slice() : body;
    return new native(own.buffer as ArrayBuffer, own.byteOffset, count);
  }
  const view = new DataView(body.buffer, body.byteOffset, body.length), data = new codec.array(count);
  for (let i = 0; i < count; i++) data[i] = codec.read(view, i * codec.bytes, little);
  return data;
}

/** First axis fastest → last axis fastest. */
function toCOrder(data: Elements, shape: number[]): Elements {
  const out = data.slice(), strides = shape.map((_, axis) => shape.slice(0, axis).reduce((n, d) => n * d, 1));
  const index = shape.map(() => 0);
  for (let i = 0, from = 0; i < out.length; i++) {
    out[i] = data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** One array as a .npy file; elements start at a multiple of 64 bytes. */
export function writeNpy({ dtype, shape, data }: NpyArray): Uint8Array {
  const dict = `{'descr': '${written[dtype]}', 'fortran_order': False, 'shape': (${shape.join(", ")}${shape.length === 1 ? "," : ""}), }`;
  const header = dict + " ".repeat(63 - ((10 + dict.length) % 64)) + "\n";
  const body = dtype === "int64" ? BigInt64Array.from(data as Float64Array, BigInt) : data;
  const out = new Uint8Array(10 + header.length + body.byteLength);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  out.set(new TextEncoder().encode(header), 10);
  out.set(new Uint8Array(body.buffer, body.byteOffset, body.byteLength), 10 + header.length);
  return out;
}

/** Deflate cannot grow data by more than this factor. */
const MOST_INFLATION = 1032;

/** The arrays of an .npz by name; entries that are not .npy are passed over. */
export async function readNpz(bytes: Uint8Array, file: string): Promise<Record<string, NpyArray>> {
  const { unzipSync } = await import("fflate");
  const filter = (entry: { name: string; size: number; originalSize: number }) => {
    if (entry.originalSize > entry.size * MOST_INFLATION || entry.size > bytes.length) throw bad(file, `entry "${entry.name}" claims ${entry.originalSize} bytes from ${entry.size}`);
    return entry.name.endsWith(".npy");
  };
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes, { filter });
  } catch (e) {
    if ((e as Error).name === "OctavoError") throw e;
    throw bad(file, `the zip archive cannot be read (${(e as Error).message})`, "Save it again with numpy.savez.");
  }
  return Object.fromEntries(Object.entries(entries).map(([name, body]) => [name.replace(/\.npy$/, ""), readNpy(body, `${file}:${name}`)]));
}

/** Arrays by name as an uncompressed .npz, as numpy.savez writes it. */
export async function writeNpz(arrays: Record<string, NpyArray>): Promise<Uint8Array> {
  const { zipSync } = await import("fflate");
  return zipSync(Object.fromEntries(Object.entries(arrays).map(([name, array]) => [`${name}.npy`, writeNpy(array)])), { level: 0, mtime: "1980-01-01" });
}
