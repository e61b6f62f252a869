/** Small ONNX models, written field by field. */
import { messages, type AttributeProto, type FunctionProto, type GraphProto, type ModelProto, type NodeProto, type TensorProto, type ValueInfoProto } from "../../converter/formats/onnx/proto.ts";
import type { Decoded } from "../../converter/formats/wire/protobuf.ts";
import { encode } from "./protobuf-write.ts";

const text = new TextEncoder();

/** FLOAT 1, INT8 3, INT64 7, BOOL 9 … */
export const value = (name: string, dims: (number | string)[], elemType = 1): ValueInfoProto => ({
  name, type: { tensorType: { elemType, shape: { dim: dims.map((d) => (typeof d === "string" ? { dimParam: d } : { dimValue: d })) } } },
});

export const floats = (name: string, dims: number[], values: number[]): TensorProto => ({ name, dims, dataType: 1, rawData: new Uint8Array(Float32Array.from(values).buffer) });
export const ints = (name: string, dims: number[], values: number[]): TensorProto => ({ name, dims, dataType: 7, int64Data: values });
export const bytes = (name: string, dims: number[], values: number[], dataType = 3): TensorProto => ({ name, dims, dataType, int32Data: values });

type Plain = number | number[] | string | TensorProto | GraphProto;

function attribute(name: string, v: Plain): AttributeProto {
  if (typeof v === "string") return { name, s: text.encode(v), type: 3 };
  if (typeof v === "number") return Number.isInteger(v) ? { name, i: v, type: 2 } : { name, f: v, type: 1 };
  if (Array.isArray(v)) return v.every(Number.isInteger) ? { name, ints: v, type: 7 } : { name, floats: v, type: 6 };
  return "dataType" in v ? { name, t: v, type: 4 } : { name, g: v as GraphProto, type: 5 };
}

/** Floats are given with `float`, so that 1 is not taken for an integer. */
export const float = (name: string, f: number): AttributeProto => ({ name, f, type: 1 });

export const node = (opType: string, input: string[], output: string[], attributes: Record<string, Plain> = {}, rest: Partial<NodeProto> = {}): NodeProto =>
  ({ opType, input, output, attribute: Object.entries(attributes).map(([k, v]) => attribute(k, v)), ...rest });

export interface Description extends GraphProto { opset?: number; functions?: FunctionProto[]; domains?: Record<string, number> }

export function modelOf({ opset = 17, functions, domains = {}, ...graph }: Description): Uint8Array {
  const opsetImport = [{ domain: "", version: opset }, ...Object.entries(domains).map(([domain, version]) => ({ domain, version }))];
  const model: ModelProto = { irVersion: 9, graph: { name: "test", ...graph }, opsetImport, ...(functions && { functions }) };
  return encode(model as Decoded, messages.model);
}
