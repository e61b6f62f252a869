/** Tensors of a file: element types by PyTorch's names, storages with strides → contiguous arrays. */
import { modelError } from "../../ir/error.ts";
import { allocate, sizeOf, type DType, type TypedArray } from "../../ir/graph.ts";
import { halfToFloat } from "../wire/half.ts";

export const format = "pytorch";

export interface Parameter { shape: number[]; dtype: DType; data: TypedArray }

interface ElementType { bytes: number; dtype: DType; read: (v: DataView, at: number) => number }

const bfloat16 = (v: DataView, at: number): number => {
  const word = new DataView(new ArrayBuffer(4));
  word.setUint16(0, v.getUint16(at, true));
  return word.getFloat32(0);
};

/** All floating types become float32. */
export const elementTypes: Record<string, ElementType> = {
  Double: { bytes: 8, dtype: "float32", read: (v, at) => v.getFloat64(at, true) },
  Float: { bytes: 4, dtype: "float32", read: (v, at) => v.getFloat32(at, true) },
  Half: { bytes: 2, dtype: "float32", read: (v, at) => halfToFloat(v.getUint16(at, true)) }, BFloat16: { bytes: 2, dtype: "float32", read: bfloat16 },
  Long: { bytes: 8, dtype: "int64", read: (v, at) => Number(v.getBigInt64(at, true)) },
  Int: { bytes: 4, dtype: "int32", read: (v, at) => v.getInt32(at, true) },
  Short: { bytes: 2, dtype: "int16", read: (v, at) => v.getInt16(at, true) }, Char: { bytes: 1, dtype: "int8", read: (v, at) => v.getInt8(at) },
  Byte: { bytes: 1, dtype: "uint8", read: (v, at) => v.getUint8(at) }, Bool: { bytes: 1, dtype: "bool", read: (v, at) => (v.getUint8(at) ? 1 : 0) },
};

/** safetensors' names of them. */
export const safetensorsTypes: Record<string,
string> = { F64: "Double", F32: "Float", F16: "Half", BF16: "BFloat16", I64: "Long", I32: "Int", I16: "Short", I8: "Char", U8: "Byte", BOOL: "Bool" };
/** torch.export's numbers of them (ScalarType). */
export const scalarTypes: Record<number,
string> = { 1: "Byte", 2: "Char", 3: "Short", 4: "Int", 5: "Long", 6: "Half", 7: "Float", 8: "Double", 12: "Bool", 13: "BFloat16" };

export interface Placement { shape: number[]; stride: number[]; offset: number }

/** Bytes that the tensors of one file may still take: strides of 0 repeat elements, and storages may be shared. */
export interface Budget { left: number }
export const budgetOf = (file: Uint8Array): Budget => ({ left: 2 ** 24 + 4 * file.length });

/** Elements of a strided view into `storage`. */
export function readStrided(name: string, type: string, storage: Uint8Array, { shape, stride, offset }: Placement, budget: Budget): Parameter {
  const fail = (problem: string): never => { throw modelError("ERR_OCTAVO_FORMAT", format, `tensor "${name}"`, problem, "Save the model again."); };
  const element = Object.hasOwn(elementTypes, type) ? elementTypes[type]! : fail(`its type is ${type}, expected a real number`);
  const whole = (v: number) => Number.isSafeInteger(v) && v >= 0;
  if (![...shape, ...stride, offset].every(whole) || stride.length !== shape.length) {
    fail(`its shape is [${shape.join(",")}], its strides [${stride.join(",")}]`);
  }
  const count = sizeOf(shape), last = count ? offset + shape.reduce((at, d, i) => at + (d - 1) * stride[i]!, 0) : 0;
  if (count && !((last + 1) * element.bytes <= storage.length)) {
    fail(`it reaches to element ${last} of a storage of ${Math.floor(storage.length / element.bytes)}`);
  }
  budget.left -= 8 * count;
  if (!(budget.left >= 0)) fail(`it has ${count} elements of [${shape.join(",")}], more than the file can hold`);
  const view = new DataView(storage.buffer, storage.byteOffset, storage.byteLength), data = allocate(element.dtype, count);
  const index = shape.map(() => 0);
  for (let i = 0, at = offset; i < count; i++) {
    data[i] = element.read(view, at * element.bytes);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += stride[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= stride[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { shape, dtype: element.dtype, data };
}

export const contiguous = (shape: readonly number[]): number[] => shape.map((_, i) => sizeOf(shape.slice(i + 1)));
