/** Writes .tflite files table by table, lies included: what no converter would write. Field numbers are the schema's. */
import { Builder } from "flatbuffers";

/** A table: field number → value. Numbers are int32; `i8`, `u32` … and `numbers` say otherwise. */
export type Fields = Record<number, Value>;
type Value = number | string | Scalar | Numbers | number[] | Uint8Array | Fields | Fields[] | undefined;
interface Scalar { kind: "int8" | "uint8" | "uint32" | "float32" | "uint64"; value: number }

/** A vector of numbers that are not int32. */
interface Numbers { of: "float32" | "int64"; values: number[] }
export const numbers = (of: Numbers["of"], ...values: number[]): Numbers => ({ of, values });

export const i8 = (value: number): Scalar => ({ kind: "int8", value });
export const u32 = (value: number): Scalar => ({ kind: "uint32", value });
export const f32 = (value: number): Scalar => ({ kind: "float32", value });
export const u64 = (value: number): Scalar => ({ kind: "uint64", value });

const isScalar = (v: Value): v is Scalar => typeof v === "object" && v !== null && "kind" in v;

/** Offset of whatever lies outside of its table, 0 for what lies inside. */
function outside(b: Builder, v: Value): number {
  if (typeof v === "string") return b.createString(v);
  if (v instanceof Uint8Array) return b.createByteVector(v);
  if (Array.isArray(v)) return vector(b, v);
  if (typeof v !== "object" || isScalar(v)) return 0;
  return "of" in v ? otherNumbers(b, v as Numbers) : write(b, v as Fields);
}

function otherNumbers(b: Builder, { of, values }: Numbers): number {
  const size = of === "int64" ? 8 : 4;
  b.startVector(size, values.length, size);
  for (const v of values.toReversed()) {
    if (of === "int64") b.addInt64(BigInt(v));
    else b.addFloat32(v);
  }
  return b.endVector();
}

function vector(b: Builder, values: number[] | Fields[]): number {
  const offsets = values.map((v) => (typeof v === "number" ? v : write(b, v)));
  b.startVector(4, values.length, 4);
  for (let i = values.length - 1; i >= 0; i--) {
    if (typeof values[i] === "number") b.addInt32(offsets[i]!);
    else b.addOffset(offsets[i]!);
  }
  return b.endVector();
}

function write(b: Builder, fields: Fields): number {
  const entries = Object.entries(fields).map(([field, value]) => ({ field: Number(field), value, at: outside(b, value) }));
  b.startObject(16);
  for (const { field, value, at } of entries) {
    if (at) b.addFieldOffset(field, at, 0);
    else if (typeof value === "number") b.addFieldInt32(field, value, NaN);
    else if (isScalar(value)) scalar(b, field, value);
  }
  return b.endObject();
}

function scalar(b: Builder, field: number, { kind, value }: Scalar): void {
  if (kind === "float32") b.addFieldFloat32(field, value, NaN);
  else if (kind === "uint64") b.addFieldInt64(field, BigInt(value), -1n);
  else if (kind === "uint32") b.addFieldInt32(field, value, NaN);
  else b.addFieldInt8(field, value, NaN);
}

export function flatbuffer(root: Fields, identifier = "TFL3"): Uint8Array {
  const b = new Builder(1024);
  b.finish(write(b, root), identifier);
  return b.asUint8Array().slice();
}

/** TensorType */
export const type = { float32: 0, int32: 2, uint8: 3, string: 5, bool: 6, int8: 9 };
export interface TensorLike { shape: number[]; type?: number; data?: Uint8Array; name?: string; more?: Fields }
export interface OperatorLike { code: number; custom?: string; inputs: number[]; outputs: number[]; optionsType?: number; options?: Fields; more?: Fields }
export interface GraphLike { tensors: TensorLike[]; operators: OperatorLike[]; inputs: number[]; outputs: number[] }

export const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
export const ints = (...values: number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);

/** A whole model; `more` are further fields of the root. */
export function model(graphs: GraphLike[], more: Fields = {}): Uint8Array {
  const buffers: Fields[] = [{}], codes: Fields[] = [];
  const tensor = (t: TensorLike, i: number): Fields => {
    if (t.data) buffers.push({ 0: t.data });
    return { 0: t.shape, 1: i8(t.type ?? 0), 2: u32(t.data ? buffers.length - 1 : 0), 3: t.name ?? `t${i}`, ...t.more };
  };
  const operator = (o: OperatorLike): Fields => {
    codes.push({ 0: i8(Math.min(o.code, 127)), ...(o.custom !== undefined && { 1: o.custom }), 3: o.code });
    return { 0: u32(codes.length - 1), 1: o.inputs, 2: o.outputs, ...(o.optionsType && { 3: i8(o.optionsType), 4: o.options ?? {} }), ...o.more };
  };
  const subgraphs = graphs.map((g): Fields => ({ 0: g.tensors.map(tensor), 1: g.inputs, 2: g.outputs, 3: g.operators.map(operator), 4: "main" }));
  return flatbuffer({ 0: u32(3), 1: codes, 2: subgraphs, 4: buffers, ...more });
}
