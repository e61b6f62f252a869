/** TensorProto → dtype, shape, values. Types that the graph does not have become the next wider one (float16 → float32, uint32 → int64). */
import { modelError } from "../../ir/error.ts";
import { allocate, sizeOf, type DType, type TypedArray } from "../../ir/graph.ts";
import type { SparseTensorProto, TensorProto } from "./proto.ts";

export interface Value { dtype: DType; shape: number[]; data: TypedArray }

/** No tensor of a graph has more elements; hostile shapes end here, before anything is allocated. */
export const MAX_ELEMENTS = 2 ** 28;
/** A sparse tensor is larger than its bytes in the file. */
const MAX_SPARSE = 2 ** 24;

interface ElementType {
  name: string;
  /** Undefined: refused. */
  dtype?: DType;
  bits: number;
  /** Reads all elements of little-endian bytes; absent where a view of the bytes is the value. */
  read?: (bytes: DataView, count: number) => TypedArray;
}

/** TensorProto.DataType */
export const elementTypes: Record<number, ElementType> = {
  1: { name: "float32", dtype: "float32", bits: 32 },
  2: { name: "uint8", dtype: "uint8", bits: 8 },
  3: { name: "int8", dtype: "int8", bits: 8 },
  4: { name: "uint16", dtype: "uint16", bits: 16 },
  5: { name: "int16", dtype: "int16", bits: 16 },
  6: { name: "int32", dtype: "int32", bits: 32 },
  7: { name: "int64", dtype: "int64", bits: 64, read: (v, n) => fill("int64", n, (i) => v.getInt32(i * 8 + 4, true) * 2 ** 32 + v.getUint32(i * 8, true)) },
  8: { name: "string", bits: 0 },
  9: { name: "bool", dtype: "bool", bits: 8 },
  10: { name: "float16", dtype: "float32", bits: 16, read: (v, n) => fill("float32", n, (i) => halfToFloat(v.getUint16(i * 2, true))) },
  11: { name: "float64", dtype: "float32", bits: 64, read: (v, n) => fill("float32", n, (i) => v.getFloat64(i * 8, true)) },
  12: { name: "uint32", dtype: "int64", bits: 32, read: (v, n) => fill("int64", n, (i) => v.getUint32(i * 4, true)) },
  13: { name: "uint64", dtype: "int64", bits: 64, read: (v, n) => fill("int64", n, (i) => v.getUint32(i * 8 + 4, true) * 2 ** 32 + v.getUint32(i * 8, true)) },
  14: { name: "complex64", bits: 64 },
  15: { name: "complex128", bits: 128 },
  16: { name: "bfloat16", dtype: "float32", bits: 16, read: (v, n) => fill("float32", n, (i) => brainToFloat(v.getUint16(i * 2, true))) },
  17: { name: "float8e4m3fn", bits: 8 },
  18: { name: "float8e4m3fnuz", bits: 8 },
  19: { name: "float8e5m2", bits: 8 },
  20: { name: "float8e5m2fnuz", bits: 8 },
  21: { name: "uint4", dtype: "uint8", bits: 4, read: (v, n) => fill("uint8", n, (i) => narrow(v, i, 4)) },
  22: { name: "int4", dtype: "int8", bits: 4, read: (v, n) => fill("int8", n, (i) => signed(narrow(v, i, 4), 4)) },
  23: { name: "float4e2m1", bits: 4 },
  24: { name: "float8e8m0", bits: 8 },
  25: { name: "uint2", dtype: "uint8", bits: 2, read: (v, n) => fill("uint8", n, (i) => narrow(v, i, 2)) },
  26: { name: "int2", dtype: "int8", bits: 2, read: (v, n) => fill("int8", n, (i) => signed(narrow(v, i, 2), 2)) },
};

/** Smallest and largest stored value of an integer TensorProto.DataType. */
export function integerRange(type: number): [number, number] | undefined {
  const e = elementTypes[type];
  if (!e?.dtype || e.dtype === "float32" || e.dtype === "bool") return undefined;
  return e.name.startsWith("u") ? [0, 2 ** e.bits - 1] : [-(2 ** (e.bits - 1)), 2 ** (e.bits - 1) - 1];
}

function fill(dtype: DType, count: number, at: (i: number) => number): TypedArray {
  const data = allocate(dtype, count);
  for (let i = 0; i < count; i++) data[i] = at(i);
  return data;
}

/** IEEE binary16. */
export function halfToFloat(h: number): number {
  const sign = h & 0x8000 ? -1 : 1, exponent = (h >> 10) & 31, fraction = h & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

const word = new DataView(new ArrayBuffer(4));
function brainToFloat(b: number): number {
  word.setUint32(0, b << 16);
  return word.getFloat32(0);
}

/** Element `i` of a run of 2- or 4-bit values, lowest bits first. */
function narrow(v: DataView, i: number, bits: number): number {
  const perByte = 8 / bits;
  return (v.getUint8(Math.floor(i / perByte)) >> ((i % perByte) * bits)) & (2 ** bits - 1);
}
const signed = (x: number, bits: number) => (x >= 2 ** (bits - 1) ? x - 2 ** bits : x);

const fail = (where: string, problem: string, remedy = ""): never => {
  throw modelError("ERR_OCTAVO_FORMAT", "onnx", where, problem, remedy);
};

/** The dtype that a TensorProto.DataType gets in the graph. */
export function dtypeOf(type: number | undefined, where: string): DType {
  const element = elementTypes[type ?? 0];
  if (element?.dtype) return element.dtype;
  throw modelError("ERR_OCTAVO_DTYPE", "onnx", where, `element type is ${element?.name ?? `number ${type}`}, expected a float, integer or boolean type`,
    "Cast it to one of these before export.");
}

/** A shape from the file: non-negative, and of a bounded product. */
export function checkedShape(dims: ArrayLike<number>, where: string): number[] {
  const shape = Array.from(dims, Number);
  if (shape.some((d) => !Number.isInteger(d) || d < 0)) fail(where, `shape is [${shape.join(",")}], expected sizes of 0 or more`);
  if (shape.length > 32) fail(where, `rank is ${shape.length}, expected 32 or less`);
  if (sizeOf(shape.map((d) => Math.max(d, 1))) > MAX_ELEMENTS) fail(where, `shape is [${shape.join(",")}], more than ${MAX_ELEMENTS} elements`);
  return shape;
}

/** What was read already: bodies that are written out many times share their constants. */
const known = new WeakMap<TensorProto, Value>();

/** @throws OctavoError when type, shape and number of values do not fit together */
export function readTensor(t: TensorProto, where: string): Value {
  const value = known.get(t) ?? unpack(t, where);
  known.set(t, value);
  return { ...value, shape: [...value.shape] };
}

function unpack(t: TensorProto, where: string): Value {
  const dtype = dtypeOf(t.dataType, where), shape = checkedShape(t.dims ?? [], where), count = sizeOf(shape);
  const element = elementTypes[t.dataType!]!;
  if (t.rawData) return { dtype, shape, data: fromBytes(t.rawData, element, count, where) };
  const values = t.floatData ?? t.doubleData ?? t.int32Data ?? t.int64Data ?? t.uint64Data ?? [];
  if (element.bits < 8) return { dtype, shape, data: fromBytes(Uint8Array.from(values), element, count, where) };
  if (values.length !== count)
    fail(where, `holds ${values.length} values, its shape [${shape.join(",")}] expects ${count}`, "The file is damaged: export it again.");
  return { dtype, shape, data: typedValues(values, element, dtype) };
}

/** float16 and bfloat16 are stored as their bits; everything else as the numbers themselves. */
function typedValues(values: ArrayLike<number>, element: ElementType, dtype: DType): TypedArray {
  if (element.name === "float16") return fill(dtype, values.length, (i) => halfToFloat(values[i]! & 0xffff));
  if (element.name === "bfloat16") return fill(dtype, values.length, (i) => brainToFloat(values[i]! & 0xffff));
  if (element.name === "uint64") return fill(dtype, values.length, (i) => (values[i]! < 0 ? values[i]! + 2 ** 64 : values[i]!));
  if (dtype === "bool") return fill(dtype, values.length, (i) => (values[i] ? 1 : 0));
  return values instanceof Float32Array && dtype === "float32" ? values : fill(dtype, values.length, (i) => values[i]!);
}

function fromBytes(bytes: Uint8Array, element: ElementType, count: number, where: string): TypedArray {
  const expected = Math.ceil((count * element.bits) / 8);
  if (bytes.length !== expected)
    fail(where, `holds ${bytes.length} bytes, ${count} elements of ${element.name} need ${expected}`, "The file is damaged: export it again.");
  if (element.read) return element.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), count);
  if (element.name === "bool") return fill("bool", count, (i) => (bytes[i] ? 1 : 0));
  const view = allocate(element.dtype!, 0).constructor as new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArray;
  const aligned = bytes.byteOffset % (element.bits / 8) === 0 ? bytes : bytes.slice();
  return new view(aligned.buffer, aligned.byteOffset, count);
}

/** COO: `indices` are flat [K] or one row per value [K,rank]. */
export function readSparse(t: SparseTensorProto, where: string): Value {
  const values = readTensor(t.values ?? {}, where), indices = readTensor(t.indices ?? {}, where), shape = checkedShape(t.dims ?? [], where);
  if (sizeOf(shape) > MAX_SPARSE) fail(where, `shape is [${shape.join(",")}], sparse tensors may have ${MAX_SPARSE} elements`);
  const count = sizeOf(values.shape), rank = indices.shape.length === 2 ? indices.shape[1]! : 1;
  if (indices.data.length !== count * rank || (rank !== 1 && rank !== shape.length))
    fail(where, `has ${indices.data.length} indices for ${count} values`);
  const data = allocate(values.dtype, sizeOf(shape));
  for (let k = 0; k < count; k++) {
    let at = 0;
    for (let r = 0; r < rank; r++) at = at * (rank === 1 ? 1 : shape[r]!) + indices.data[k * rank + r]!;
    if (!(at >= 0 && at < data.length)) fail(where, `index ${at} is outside of the shape [${shape.join(",")}]`);
    data[at] = values.data[k]!;
  }
  return { dtype: values.dtype, shape, data };
}
