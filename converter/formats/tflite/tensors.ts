/** TFLite's tensor types, stored bytes and quantization, as the graph has them. */
import { modelError } from "../../ir/error.ts";
import { sizeOf, type DType, type Quantization, type TypedArray } from "../../ir/graph.ts";
import type { TfliteTensor } from "./schema.ts";

const fail = (t: TfliteTensor, problem: string, remedy: string, code: "ERR_OCTAVO_FORMAT" | "ERR_OCTAVO_DTYPE" | "ERR_OCTAVO_SHAPE" = "ERR_OCTAVO_FORMAT"): never => {
  throw modelError(code, "tflite", `tensor "${t.name}"`, problem, remedy);
};
/** `[1,28,28,1]` */
export const show = (shape: readonly number[]): string => `[${shape.join(",")}]`;
const damaged = "The file is damaged: export or download it again.";

/** Half floats are widened, 4-bit integers unpacked, when they are read. */
const dtypes: Record<string, DType> = {
  float32: "float32", float16: "float32", int8: "int8", uint8: "uint8", int16: "int16", uint16: "uint16", int32: "int32", int64: "int64", bool: "bool", int4: "int8",
};

export const dtypeOf = (t: TfliteTensor): DType =>
  dtypes[t.type] ?? fail(t, `its type is ${t.type}, expected one of ${Object.keys(dtypes).join(", ")}`, "Cast it to one of these before export.", "ERR_OCTAVO_DTYPE");

/** What is wrong with a shape, "" when nothing is: the arena is addressed with 32 bits. */
export function faultOf(shape: readonly number[]): string {
  const told = `[${shape.slice(0, 8).join(",")}${shape.length > 8 ? ",…" : ""}]`;
  if (shape.length > 16) return `shape ${told} of ${shape.length} axes, expected up to 16`;
  return shape.every((d) => Number.isSafeInteger(d) && d >= 0) && sizeOf(shape) <= 2 ** 31 ? "" : `shape ${told}, expected sizes from 0 and a product up to 2147483648`;
}

export function checkedShape(t: TfliteTensor): number[] {
  const fault = faultOf(t.shape);
  if (fault) fail(t, `it has ${fault}`, "Give the input a fixed shape.", "ERR_OCTAVO_SHAPE");
  return [...t.shape];
}

/** real = scale · (q − zeroPoint), taken as the file has it; undefined for tensors of plain numbers. */
export function quantizationOf(t: TfliteTensor): Quantization | undefined {
  const q = t.quantization;
  if (!q || t.type.startsWith("float") || t.type === "bool") return undefined;
  if (q.custom) fail(t, "its quantization is of a custom or block-wise kind, expected scales and zero points", "Quantize per tensor or per channel.");
  const n = q.scale.length;
  const axis = t.shape.length === 1 || n === 1 ? 0 : q.axis;
  if (n !== 1 && n !== t.shape[axis]) fail(t, `it has ${n} scales along axis ${axis} of ${show(t.shape)}, expected one per index`, damaged);
  if (!q.scale.every((s) => s >= 0 && Number.isFinite(s))) fail(t, "a scale is negative or not a number, expected positive ones", damaged);
  if (q.zeroPoint.length > 1 && q.zeroPoint.length !== n) fail(t, `it has ${n} scales and ${q.zeroPoint.length} zero points, expected as many of both`, damaged);
  const zeroPoint = Int32Array.from({ length: n }, (_, i) => q.zeroPoint[q.zeroPoint.length === 1 ? 0 : i] ?? 0);
  return { scale: Float32Array.from(q.scale), zeroPoint, axis };
}

const int64 = (bytes: ArrayBuffer) => Float64Array.from(new BigInt64Array(bytes), Number);

const decoders: Record<string, { bits: number; decode: (bytes: ArrayBuffer) => TypedArray }> = {
  float32: { bits: 32, decode: (b) => new Float32Array(b) },
  float16: { bits: 16, decode: (b) => Float32Array.from(new Uint16Array(b), half) },
  int8: { bits: 8, decode: (b) => new Int8Array(b) },
  uint8: { bits: 8, decode: (b) => new Uint8Array(b) },
  int16: { bits: 16, decode: (b) => new Int16Array(b) },
  uint16: { bits: 16, decode: (b) => new Uint16Array(b) },
  int32: { bits: 32, decode: (b) => new Int32Array(b) },
  int64: { bits: 64, decode: int64 },
  bool: { bits: 8, decode: (b) => Uint8Array.from(new Uint8Array(b), (x) => (x ? 1 : 0)) },
  int4: { bits: 4, decode: (b) => nibbles(new Uint8Array(b)) },
};

/** The values of a constant: its buffer must have exactly the bytes that shape and type ask for. */
export function decode(t: TfliteTensor, stored: Uint8Array): TypedArray {
  dtypeOf(t);
  if (t.refusal) fail(t, `it ${t.refusal}, expected plain data`, "Export the model without that option.");
  const count = sizeOf(checkedShape(t));
  const { bits, decode: read } = decoders[t.type]!;
  const wanted = Math.ceil((count * bits) / 8);
  if (stored.length !== wanted) fail(t, `its buffer has ${stored.length} bytes, expected ${wanted} for ${t.type} ${show(t.shape)}`, damaged);
  return read(new Uint8Array(stored).buffer).subarray(0, count);
}

/** IEEE 754 binary16 → number. */
function half(h: number): number {
  const sign = h & 0x8000 ? -1 : 1, exponent = (h >> 10) & 31, fraction = h & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

/** Two signed 4-bit integers per byte, the low one first. */
function nibbles(bytes: Uint8Array): Int8Array {
  return Int8Array.from({ length: bytes.length * 2 }, (_, i) => ((bytes[i >> 1]! >> (i % 2 ? 4 : 0)) << 28) >> 28);
}

/** y[i0, i1, …] = x[…] with axis `a` of y being axis perm[a] of x. */
export function transposed(x: TypedArray, shape: readonly number[], perm: readonly number[]): TypedArray {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const y = x.slice();
  let next = 0;
  const walk = (axis: number, from: number): void => {
    if (axis === perm.length) y[next++] = x[from]!;
    else for (let i = 0; i < shape[perm[axis]!]!; i++) walk(axis + 1, from + i * strides[perm[axis]!]!);
  };
  walk(0, 0);
  return y;
}
