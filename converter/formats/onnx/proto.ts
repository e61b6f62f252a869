/** The messages of onnx.proto3 (ONNX 1.22, IR version 13), fields that inference needs. */
import type { Message } from "../wire/protobuf.ts";

export interface TensorProto {
  dims?: ArrayLike<number>;
  dataType?: number;
  floatData?: ArrayLike<number>;
  int32Data?: ArrayLike<number>;
  int64Data?: ArrayLike<number>;
  doubleData?: ArrayLike<number>;
  uint64Data?: ArrayLike<number>;
  stringData?: Uint8Array[];
  rawData?: Uint8Array;
  name?: string;
  externalData?: EntryProto[];
  dataLocation?: number;
}
export interface EntryProto { key?: string; value?: string }
export interface SparseTensorProto { values?: TensorProto; indices?: TensorProto; dims?: ArrayLike<number> }

export interface AttributeProto {
  name?: string;
  f?: number;
  i?: number;
  s?: Uint8Array;
  t?: TensorProto;
  g?: GraphProto;
  sparseTensor?: SparseTensorProto;
  floats?: ArrayLike<number>;
  ints?: ArrayLike<number>;
  strings?: Uint8Array[];
  type?: number;
  refAttrName?: string;
}

export interface NodeProto {
  input?: string[];
  output?: string[];
  name?: string;
  opType?: string;
  domain?: string;
  overload?: string;
  attribute?: AttributeProto[];
}

export interface DimensionProto { dimValue?: number; dimParam?: string }
export interface TypeProto {
  tensorType?: { elemType?: number; shape?: { dim?: DimensionProto[] } };
  sequenceType?: unknown;
  mapType?: unknown;
  optionalType?: unknown;
}
export interface ValueInfoProto { name?: string; type?: TypeProto }

export interface GraphProto {
  node?: NodeProto[];
  name?: string;
  initializer?: TensorProto[];
  sparseInitializer?: SparseTensorProto[];
  input?: ValueInfoProto[];
  output?: ValueInfoProto[];
  /** Types of tensors in between. */
  valueInfo?: ValueInfoProto[];
}

export interface OperatorSetProto { domain?: string; version?: number }
export interface FunctionProto {
  name?: string;
  domain?: string;
  overload?: string;
  input?: string[];
  output?: string[];
  attribute?: string[];
  attributeProto?: AttributeProto[];
  node?: NodeProto[];
  opsetImport?: OperatorSetProto[];
}

export interface ModelProto {
  irVersion?: number;
  producerName?: string;
  graph?: GraphProto;
  opsetImport?: OperatorSetProto[];
  functions?: FunctionProto[];
  metadataProps?: EntryProto[];
}

const entry: Message = { 1: ["key", "string"], 2: ["value", "string"] };

const tensor: Message = {
  1: ["dims", "int64", "many"], 2: ["dataType", "int32"], 4: ["floatData", "float", "many"], 5: ["int32Data", "int32", "many"],
  6: ["stringData", "bytes", "many"], 7: ["int64Data", "int64", "many"], 8: ["name", "string"], 9: ["rawData", "bytes"],
  10: ["doubleData", "double", "many"], 11: ["uint64Data", "int64", "many"], 13: ["externalData", () => entry, "many"], 14: ["dataLocation", "int32"],
};

const sparseTensor: Message = { 1: ["values", () => tensor], 2: ["indices", () => tensor], 3: ["dims", "int64", "many"] };

const attribute: Message = {
  1: ["name", "string"], 2: ["f", "float"], 3: ["i", "int64"], 4: ["s", "bytes"], 5: ["t", () => tensor], 6: ["g", () => graph],
  7: ["floats", "float", "many"], 8: ["ints", "int64", "many"], 9: ["strings", "bytes", "many"],
  20: ["type", "int32"], 21: ["refAttrName", "string"], 22: ["sparseTensor", () => sparseTensor],
};

const node: Message = {
  1: ["input", "string", "many"], 2: ["output", "string", "many"], 3: ["name", "string"], 4: ["opType", "string"],
  5: ["attribute", () => attribute, "many"], 7: ["domain", "string"], 8: ["overload", "string"],
};

const dimension: Message = { 1: ["dimValue", "int64"], 2: ["dimParam", "string"] };
const shape: Message = { 1: ["dim", () => dimension, "many"] };
const tensorType: Message = { 1: ["elemType", "int32"], 2: ["shape", () => shape] };
const type: Message = { 1: ["tensorType", () => tensorType], 4: ["sequenceType", "bytes"], 5: ["mapType", "bytes"], 9: ["optionalType", "bytes"] };
const valueInfo: Message = { 1: ["name", "string"], 2: ["type", () => type] };

const graph: Message = {
  1: ["node", () => node, "many"], 2: ["name", "string"], 5: ["initializer", () => tensor, "many"],
  11: ["input", () => valueInfo, "many"], 12: ["output", () => valueInfo, "many"], 13: ["valueInfo", () => valueInfo, "many"],
  15: ["sparseInitializer", () => sparseTensor, "many"],
};

const operatorSet: Message = { 1: ["domain", "string"], 2: ["version", "int64"] };

const functionProto: Message = {
  1: ["name", "string"], 4: ["input", "string", "many"], 5: ["output", "string", "many"], 6: ["attribute", "string", "many"],
  7: ["node", () => node, "many"], 9: ["opsetImport", () => operatorSet, "many"], 10: ["domain", "string"],
  11: ["attributeProto", () => attribute, "many"], 13: ["overload", "string"],
};

/** The message types that stand alone in files: a model, and a tensor (`.pb` files of test data). */
export const messages = {
  model: {
    1: ["irVersion", "int64"], 2: ["producerName", "string"], 7: ["graph", () => graph], 8: ["opsetImport", () => operatorSet, "many"],
    14: ["metadataProps", () => entry, "many"], 25: ["functions", () => functionProto, "many"],
  } satisfies Message,
  tensor,
};

