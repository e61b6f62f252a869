/**
 * The TFLite schema, version 3 (tensorflow/lite/schema/schema.fbs): field numbers, enum values, tables as plain objects.
 * The only file that knows them; option tables stay unread until an operator asks for its own.
 */
import { modelError } from "../../ir/error.ts";
import { identifierOf, openFlatbuffer, type FlatTable } from "../wire/flatbuffer.ts";

/** BuiltinOperator, by number. */
const operatorNames = `
  ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED
  HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU
  RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM
  EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV
  SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE
  BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE
  SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT
  REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE
  ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL
  REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
  NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
  PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND
  HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS
  RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD
  UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC
  STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
  STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS
  STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE
  STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH
  STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD
  STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER
  STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT
  STABLEHLO_CASE`.trim().split(/\s+/);

/** TensorType, by number. */
const typeNames = ("float32 float16 int32 uint8 int64 string bool int16 complex64 int8 float64 complex128 uint64 resource variant " +
  "uint32 uint16 int4 bfloat16 int2 uint4").split(" ");

export interface TfliteQuantization { scale: number[]; zeroPoint: number[]; axis: number; custom: boolean }

export interface TfliteTensor {
  name: string;
  type: string;
  /** As stored, a free axis with the size it had at export. */
  shape: number[];
  /** The same with -1 where an axis is free; empty when none is. */
  signature: number[];
  buffer: number;
  quantization: TfliteQuantization | undefined;
  isVariable: boolean;
  /** Why its data cannot be read, "" when it can. */
  refusal: string;
}

export interface TfliteOperator {
  /** `CONV_2D`, or `custom operator "TFLite_Detection_PostProcess"`, or `TensorFlow operator "FlexErf"`. */
  type: string;
  /** Tensor numbers of the subgraph; -1 is an optional one that is absent. */
  inputs: number[];
  outputs: number[];
  intermediates: number[];
  optionsType: number;
  options: FlatTable | undefined;
  /** BuiltinOptions2, of composites. */
  options2: FlatTable | undefined;
  /** Of custom operators, in a form of their own. */
  customOptions: Uint8Array;
}

export interface TfliteSubgraph { name: string; tensors: TfliteTensor[]; inputs: number[]; outputs: number[]; operators: TfliteOperator[] }

/** Names that a caller uses, by tensor number of the subgraph. */
export interface TfliteSignature { key: string; subgraph: number; inputs: Map<number, string>; outputs: Map<number, string> }

export interface TfliteModel {
  description: string;
  subgraphs: TfliteSubgraph[];
  buffers: Uint8Array[];
  signatures: TfliteSignature[];
  metadata: Map<string, Uint8Array>;
}

export const isTflite = (bytes: Uint8Array): boolean => identifierOf(bytes) === "TFL3";

/** The file's tables, offsets checked, tensor numbers not yet. */
export function readSchema(bytes: Uint8Array): TfliteModel {
  if (!isTflite(bytes)) refuse("byte 4", `found ${JSON.stringify(identifierOf(bytes))}, expected "TFL3"`);
  const model = openFlatbuffer(bytes, "tflite");
  if (model.uint32(0) !== 3) refuse("model", `schema version is ${model.uint32(0)}, expected 3`);
  const codes = model.tables(1).map(operatorType);
  const buffers = model.tables(4).map((b) => bufferOf(b, bytes));
  return {
    description: model.string(3),
    subgraphs: model.tables(2).map((s) => subgraph(s, codes)),
    buffers,
    signatures: model.tables(7).map((s) => ({ key: s.string(2), subgraph: s.uint32(4), inputs: tensorMap(s.tables(0)), outputs: tensorMap(s.tables(1)) })),
    metadata: new Map(model.tables(6).map((m) => [m.string(0), buffers[m.uint32(1)] ?? new Uint8Array()])),
  };
}

const refuse = (where: string, problem: string): never => {
  throw modelError("ERR_OCTAVO_FORMAT", "tflite", where, problem, "Export the model again with a current converter.");
};

/** Codes above 127 have their own field, and 127 in the old one. */
function operatorType(code: FlatTable): string {
  const number = Math.max(code.int8(0), code.int32(3));
  const name = operatorNames[number] ?? `operator ${number}`;
  if (name !== "CUSTOM") return name;
  const custom = code.string(1);
  return `${custom.startsWith("Flex") ? "TensorFlow" : "custom"} operator "${custom}"`;
}

/** Data inside the table, or, in files over 2 GB, at an offset behind the tables. */
function bufferOf(buffer: FlatTable, bytes: Uint8Array): Uint8Array {
  const [offset, size] = [buffer.uint64(1), buffer.uint64(2)];
  if (offset < 2) return buffer.bytes(0);
  if (offset + size > bytes.length) refuse(`byte ${offset}`, `a buffer of ${size} bytes should be here, expected it inside the ${bytes.length} bytes of the file`);
  return bytes.subarray(offset, offset + size);
}

const subgraph = (s: FlatTable, codes: string[]): TfliteSubgraph => ({
  name: s.string(4),
  tensors: s.tables(0).map(tensor),
  inputs: s.int32s(1),
  outputs: s.int32s(2),
  operators: s.tables(3).map((o) => operator(o, codes)),
});

function tensor(t: FlatTable): TfliteTensor {
  const type = t.int8(1);
  return {
    name: t.string(3),
    type: typeNames[type] ?? `type ${type}`,
    shape: t.int32s(0),
    signature: t.int32s(7),
    buffer: t.uint32(2),
    quantization: quantization(t.table(4)),
    isVariable: t.bool(5),
    refusal: t.has(6) ? "is stored sparse" : t.uint32(10) ? "lies in an external buffer" : "",
  };
}

function quantization(q: FlatTable | undefined): TfliteQuantization | undefined {
  if (!q) return undefined;
  const scale = q.float32s(2);
  return scale.length || q.uint8(4) ? { scale, zeroPoint: q.int64s(3), axis: q.int32(6), custom: q.uint8(4) !== 0 } : undefined;
}

const operator = (o: FlatTable, codes: string[]): TfliteOperator => ({
  type: codes[o.uint32(0)] ?? refuse("operator", `its code has number ${o.uint32(0)}, expected one of ${codes.length}`),
  inputs: o.int32s(1),
  outputs: o.int32s(2),
  intermediates: o.int32s(8),
  optionsType: o.uint8(3),
  options: o.table(4),
  options2: o.table(12),
  customOptions: o.bytes(5),
});

const tensorMap = (entries: FlatTable[]) => new Map(entries.map((e) => [e.uint32(1), e.string(0)]));

/** A field of an option table: how to read it, and its value where the table lacks it. */
interface Field<T> { read: (t: FlatTable) => T; missing: T }
const int8 = (field: number, missing = 0): Field<number> => ({ read: (t) => t.int8(field, missing), missing });
const int32 = (field: number, missing = 0): Field<number> => ({ read: (t) => t.int32(field, missing), missing });
const float32 = (field: number, missing = 0): Field<number> => ({ read: (t) => t.float32(field, missing), missing });
const bool = (field: number, missing = false): Field<boolean> => ({ read: (t) => t.bool(field, missing), missing });
const int32s = (field: number): Field<number[]> => ({ read: (t) => t.int32s(field), missing: [] });
const string = (field: number): Field<string> => ({ read: (t) => t.string(field), missing: "" });

type Options<F> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** One option table by its number in the union; an operator that carries another one has the defaults, as in TFLite. */
const table = <F extends Record<string, Field<unknown>>>(type: number, fields: F) => (op: TfliteOperator): Options<F> => {
  const t = op.optionsType === type ? op.options : undefined;
  return Object.fromEntries(Object.entries(fields).map(([name, f]) => [name, t ? f.read(t) : f.missing])) as Options<F>;
};

const window = { padding: int8(0), strideW: int32(1), strideH: int32(2) };
const activation = { activation: int8(0) };
/** powerOfTwo: of int16, whose scales are powers of two. */
const sum = { ...activation, powerOfTwo: bool(1, true) };

export const options = {
  conv2d: table(1, { ...window, activation: int8(3), dilationW: int32(4, 1), dilationH: int32(5, 1) }),
  depthwiseConv2d: table(2, { ...window, multiplier: int32(3), activation: int8(4), dilationW: int32(5, 1), dilationH: int32(6, 1) }),
  pool2d: table(5, { ...window, filterW: int32(3), filterH: int32(4), activation: int8(5) }),
  svdf: table(6, { rank: int32(0), activation: int8(1), asymmetric: bool(2) }),
  rnn: table(7, activation),
  fullyConnected: table(8, { ...activation, weightsFormat: int8(1), keepNumDims: bool(2), asymmetric: bool(3) }),
  softmax: table(9, { beta: float32(0) }),
  concatenation: table(10, { axis: int32(0), activation: int8(1) }),
  add: table(11, sum),
  l2Norm: table(12, activation),
  localResponseNormalization: table(13, { radius: int32(0), bias: float32(1), alpha: float32(2), beta: float32(3) }),
  lstm: table(14, { ...activation, cellClip: float32(1), projectionClip: float32(2), kernel: int8(3) }),
  resizeBilinear: table(15, { alignCorners: bool(2), halfPixelCenters: bool(3) }),
  reshape: table(17, { shape: int32s(0) }),
  spaceToDepth: table(19, { block: int32(0) }),
  mul: table(21, activation),
  gather: table(23, { axis: int32(0), batchDims: int32(1) }),
  reducer: table(27, { keepDims: bool(0) }),
  sub: table(28, sum),
  div: table(29, activation),
  squeeze: table(30, { axes: int32s(0) }),
  sequenceRnn: table(31, { timeMajor: bool(0), activation: int8(1) }),
  stridedSlice: table(32, { beginMask: int32(0), endMask: int32(1), ellipsisMask: int32(2), newAxisMask: int32(3), shrinkAxisMask: int32(4), offset: bool(5) }),
  split: table(35, { parts: int32(0) }),
  transposeConv: table(49, { ...window, activation: int8(3) }),
  fakeQuant: table(58, { min: float32(0), max: float32(1), bits: int32(2), narrow: bool(3) }),
  pack: table(59, { count: int32(0), axis: int32(1) }),
  oneHot: table(61, { axis: int32(0) }),
  unpack: table(64, { count: int32(0), axis: int32(1) }),
  bidirectionalLstm: table(69, { ...activation, cellClip: float32(1), projectionClip: float32(2), mergeOutputs: bool(3), timeMajor: bool(4, true) }),
  bidirectionalRnn: table(70, { timeMajor: bool(0), activation: int8(1), mergeOutputs: bool(2) }),
  unidirectionalLstm: table(71, { ...activation, cellClip: float32(1), projectionClip: float32(2), timeMajor: bool(3), diagonalRecurrent: bool(5) }),
  resizeNearest: table(74, { alignCorners: bool(0), halfPixelCenters: bool(1) }),
  leakyRelu: table(75, { alpha: float32(0) }),
  mirrorPad: table(77, { mode: int8(0) }),
  reverseSequence: table(87, { sequenceAxis: int32(0), batchAxis: int32(1) }),
  if: table(92, { then: int32(0), else: int32(1) }),
  while: table(93, { condition: int32(0), body: int32(1) }),
  depthToSpace: table(94, { block: int32(0) }),
  batchMatMul: table(101, { transposeX: bool(0), transposeY: bool(1), asymmetric: bool(2) }),
  cumsum: table(102, { exclusive: bool(0), reverse: bool(1) }),
  callOnce: table(103, { subgraph: int32(0) }),
  varHandle: table(111, { container: string(0), name: string(1) }),
  gelu: table(116, { approximate: bool(0) }),
};

/** ActivationFunctionType, by number. */
export const activationNames = ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"];
/** Padding */
export const same = 0;
/** FullyConnectedOptionsWeightsFormat */
export const shuffledWeights = 1;
/** LSTMKernelType */
export const basicLstm = 1;
/** MirrorPadMode */
export const reflect = 0;

/** Field 1 of StableHLOCompositeOptions: the subgraph that a composite stands for. */
export const decompositionOf = (op: TfliteOperator): number => op.options2?.int32(1) ?? -1;
