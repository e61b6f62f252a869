/**
 * The parameter struct of every kernel: one field after another, four bytes each, little-endian. The order of the kernels
 * is their number in a model file, counted from 1, of those of training from 128. Append only: numbers and fields are the `abi`, pinned by a test, and
 * equal the @unmanaged classes in assembly/kernels.
 */
import type { BinaryOp, UnaryOp } from "../ir/ops.ts";

/** ptr: absolute address · fn: position in a table of elementwise functions (assembly/functions.ts) */
export type FieldType = "ptr" | "i32" | "f32" | "fn";
export type Field = readonly [name: string, type: FieldType];

const of = (type: FieldType) => (...names: string[]): Field[] => names.map((name) => [name, type] as const);
const ptr = of("ptr"), i32 = of("i32"), f32 = of("f32"), fn = of("fn");
/** x0 … x5: one number per axis. */
const axes = (name: string): Field[] => i32(...Array.from({ length: 6 }, (_, axis) => `${name}${axis}`));

const recurrent = [...ptr("gates", "r", "h0", "y", "hn", "lengths", "h"), ...i32("T", "N", "H", "yStep", "reverse"), ...f32("clip")];
const lstm = [...recurrent, ...ptr("c0", "cn", "c", "peephole"), ...fn("gateFn", "cellFn", "hiddenFn"), ...i32("inputForget"),
  ...f32("gateAlpha", "gateBeta", "cellAlpha", "cellBeta", "hiddenAlpha", "hiddenBeta", "cellClip")];
const lstmI8 = [...lstm, ...ptr("m", "q"), ...f32("inverseScale"), ...i32("zeroPoint")];
const gru = [...recurrent, ...ptr("rb", "sums", "reset"), ...fn("gateFn", "candidateFn"), ...i32("linearBeforeReset"),
  ...f32("gateAlpha", "gateBeta", "candidateAlpha", "candidateBeta")];
const rnn = [...recurrent, ...fn("hiddenFn"), ...f32("hiddenAlpha", "hiddenBeta")];


const image = i32("N", "H", "W", "C", "OH", "OW", "KH", "KW", "strideH", "strideW", "dilationH", "dilationW", "padTop", "padLeft");
const poolI8 = [...image, ...ptr("x", "y"), ...i32("padBottom", "padRight", "countIncludePad", "zx", "zy", "lo", "hi"), ...f32("scale"), ...i32("m", "r")];
const binaryI8 = [...ptr("a", "b", "y"), ...axes("n"), ...axes("a"), ...axes("b"), ...i32("op", "za", "zb", "zy", "lo", "hi"), ...f32("ma", "mb"),
  ...i32("m1", "r1", "g1", "m2", "r2", "g2", "m3", "r3", "g3")];
const softmaxI8 = [...ptr("x", "e", "y"), ...i32("outer", "n", "inner", "zy"), ...f32("scale", "step")];
const matmulI8 = [...ptr("m", "grow"), ...i32("zy", "lo", "hi"), ...ptr("a", "b", "y", "t"), ...i32("M", "K", "N", "za", "zb"), ...axes("n"), ...axes("a"), ...axes("b")];
const quantize = [...ptr("x", "y"), ...i32("n", "bytes", "flip", "zero"), ...f32("scale")];
/** Output of assembly/quant/output.ts. */
const output = [...ptr("m", "grow"), ...i32("zy", "lo", "hi")];
const conv2dI8 = [...image, ...output, ...ptr("x", "w", "b", "y", "t"), ...i32("O", "groups", "yBatch", "yRow", "yPixel", "zx", "zw")];
const conv2dI16 = [...image, ...ptr("x", "w", "b", "m", "y"), ...i32("O", "groups", "yBatch", "yRow", "yPixel", "wide", "lo", "hi")];
const depthwiseI8 = [...image, ...output, ...ptr("x", "w", "b", "y", "t"), ...i32("multiplier", "zx", "strip")];
const denseI8 = [...output, ...ptr("x", "w", "b", "y", "t"), ...i32("N", "I", "O", "zw")];
const gatesI8 = [...ptr("x", "w", "m", "b", "y"), ...i32("N", "I", "O")];
const pool = [...image, ...ptr("x", "y"), ...i32("padBottom", "padRight", "countIncludePad"), ...f32("lo", "hi")];

const inferLayouts = {
  denseF32: [...ptr("x", "w", "b", "y"), ...i32("N", "I", "O"), ...f32("lo", "hi")],
  mapF32: [...ptr("a", "b", "c", "y", "t"), ...fn("fn"), ...axes("n"), ...axes("a"), ...axes("b"), ...axes("c"), ...f32("alpha", "beta")],
  copy: [...ptr("x", "y"), ...i32("bytes"), ...axes("n"), ...axes("x"), ...axes("y")],
  fill: [...ptr("y"), ...i32("n", "bytes", "bits")],
  gatesI8,
  lstmF32: lstm,
  lstmI8,
  gruF32: gru,
  gruI8: [...gru, ...ptr("m", "q", "resetQ"), ...f32("inverseScale"), ...i32("zeroPoint")],
  rnnF32: rnn,
  rnnI8: [...rnn, ...ptr("m", "q"), ...f32("inverseScale"), ...i32("zeroPoint")],
  cast: [...ptr("x", "y"), ...i32("n", "from", "to")],
  conv2dI8,
  conv2dI8Tflite: conv2dI8,
  depthwiseI8,
  depthwiseI8Tflite: depthwiseI8,
  denseI8,
  denseI8Tflite: denseI8,
  quantize,
  quantizeTflite: quantize,
  dequantize: quantize,
  lutI8: [...ptr("x", "table", "y"), ...i32("n")],
  maxPool2dI8: poolI8,
  averagePool2dI8: poolI8,
  averagePool2dI8Tflite: poolI8,
  binaryI8,
  binaryI8Tflite: binaryI8,
  softmaxI8,
  logSoftmaxI8: softmaxI8,
  softmaxI8Tflite: softmaxI8,
  conv2dF32: [...image, ...ptr("x", "w", "b", "y", "t"), ...i32("O", "groups", "yBatch", "yRow", "yPixel"), ...f32("lo", "hi")],
  depthwiseF32: [...image, ...ptr("x", "w", "b", "y"), ...f32("lo", "hi")],
  matmulF32: [...ptr("a", "b", "y", "t"), ...i32("M", "K", "N"), ...axes("n"), ...axes("a"), ...axes("b")],
  maxPool2dF32: pool,
  averagePool2dF32: pool,
  softmaxF32: [...ptr("x", "y"), ...i32("outer", "n", "inner", "log")],
  reduceF32: [...ptr("x", "y"), ...i32("how"), ...axes("n"), ...axes("x"), ...axes("m"), ...axes("r")],
  normalizeF32: [...ptr("x", "y"), ...i32("rows", "n"), ...f32("epsilon")],
  argF32: [...ptr("x", "y"), ...i32("outer", "n", "inner", "largest", "last")],
  cumSumF32: [...ptr("x", "y"), ...i32("outer", "n", "inner", "exclusive", "reverse")],
  topKF32: [...ptr("x", "values", "indices"), ...i32("outer", "n", "inner", "k", "largest")],
  gather: [...ptr("x", "i", "y"), ...i32("outer", "n", "count", "bytes")],
  gatherElementsF32: [...ptr("x", "i", "y"), ...i32("size", "step"), ...axes("n"), ...axes("s")],
  scatterElementsF32: [...ptr("u", "i", "y"), ...i32("size", "step"), ...axes("n"), ...axes("s"), ...i32("reduction")],
  gatherNdF32: [...ptr("x", "i", "y"), ...i32("batches", "batchStep", "rows", "k", "block"), ...axes("n"), ...axes("s")],
  resampleF32: [...ptr("x", "i", "w", "y"), ...i32("outer", "n", "out", "inner", "taps")],
  matmulI8,
  matmulI8Tflite: matmulI8,
  meanI8Tflite: poolI8,
  conv2dI16,
  rescale: [...ptr("x", "y"), ...i32("n", "from", "to", "zx", "zy", "lo", "hi", "m1", "r1", "g1", "m2", "r2", "g2")],
  binaryI16: binaryI8,
  maxPool2dI16: poolI8,
  averagePool2dI16: poolI8,
  lstmI8Tflite: [...ptr("x", "w", "r", "b", "m", "h0", "c0", "y", "hn", "cn", "s", "c", "q"), ...i32("T", "N", "I", "H", "yStep", "reverse", "cellBits", "clip", "zh")],
  lutI16: [...ptr("x", "table", "y"), ...i32("n")],
  sigmoidI16: [...ptr("x", "table", "y"), ...i32("n", "m", "shift", "tanh")],
  softmaxI16: [...ptr("x", "exp", "reciprocal", "y"), ...i32("rows", "n", "m", "r", "g")],
  resampleTflite: [...ptr("x", "i", "w", "y"), ...i32("outer", "n", "out", "inner", "taps", "from", "to", "shift")],
  svdfTflite: [...ptr("x", "w", "b", "y"), ...i32("N", "M", "U", "R", "m", "r", "g", "zy", "lo", "hi")],
  meanI16Tflite: poolI8,
  denseI16Tflite: conv2dI16,
  matmulI16Tflite: [...ptr("a", "b", "y"), ...i32("M", "K", "N", "m", "shift"), ...axes("n"), ...axes("a"), ...axes("b")],
  gatesPanelI8: [...gatesI8, ...ptr("t")],
  lstmWideI8: [...lstmI8, ...ptr("t")],
} satisfies Record<string, Field[]>;

/** Recurrent layers in training; scale 0: the hidden state is not quantized. */
const unrolled = [...i32("T", "N", "H", "zeroPoint"), ...f32("scale", "inverseScale")];

const commitRows: Field[] = [...ptr("w", "b", "scale", "q", "m", "folded"), ...i32("O", "K", "limit", "zx", "integers"), ...f32("sx", "sy")];

/** Kernels that only the training module has. */
const trainLayouts = {
  accumulate: [...ptr("acc", "g"), ...i32("n")],
  clampGrad: [...ptr("v", "dy", "dx"), ...i32("n"), ...f32("min", "max")],
  conv2dWeightGrad: [...image, ...ptr("x", "dy", "dw", "t"), ...i32("O", "groups", "chunk")],
  biasGrad: [...ptr("dy", "db"), ...i32("rows", "O")],
  maxPool2dGrad: [...image, ...ptr("x", "y", "dy", "dx")],
  averagePool2dGrad: [...image, ...ptr("dy", "dx"), ...i32("padBottom", "padRight", "countIncludePad")],
  fakeQuant: [...ptr("x", "y"), ...i32("n", "lo", "hi"), ...f32("scale")],
  fakeQuantRows: [...ptr("w", "scale", "y"), ...i32("O", "K", "limit")],
  commitRows,
  dequantizeRows: [...ptr("q", "scale", "w"), ...i32("O", "K")],
  loss: [...ptr("prediction", "labels", "weights", "loss", "d", "t"), ...i32("samples", "rows", "C", "kind", "index"), ...f32("parameter")],
  gatherGrad: [...ptr("acc", "i", "dy"), ...i32("V", "count", "E")],
  lstmForward: [...unrolled, ...ptr("gates", "r", "h0", "c0", "y", "act", "c", "hn", "t")],
  lstmGrad: [...unrolled, ...ptr("r", "act", "c", "h0", "c0", "dy", "dhn", "dcn", "dgates", "dh0", "dc0", "t")],
  gruForward: [...unrolled, ...ptr("gates", "r", "rb", "h0", "y", "act", "inner", "h", "hn", "t"), ...i32("linearBeforeReset")],
  gruGrad: [...unrolled, ...ptr("r", "act", "inner", "h", "h0", "dy", "dhn", "dgates", "dsums", "dh0", "t"), ...i32("linearBeforeReset")],
  rnnForward: [...unrolled, ...ptr("gates", "r", "h0", "y", "h", "hn", "t"), ...i32("relu")],
  rnnGrad: [...unrolled, ...ptr("r", "h", "h0", "dy", "dhn", "dgates", "dh0", "t"), ...i32("relu")],
  optimize: [...ptr("hyper", "w", "g", "m", "v"), ...i32("n")],
  depthwiseWeightGrad: [...image, ...ptr("x", "dy", "dw", "t")],
  depthwiseInputGrad: [...image, ...ptr("dy", "w", "dx")],
  observe: [...ptr("x", "peak"), ...i32("n", "lo", "hi")],
  follow: [...ptr("hyper", "s", "peak"), ...i32("n")],
  fakeQuantBy: [...ptr("x", "y", "s"), ...i32("n", "lo", "hi")],
  commitRowsBy: [...commitRows, ...ptr("px", "py")],
} satisfies Record<string, Field[]>;

export const layouts = { ...inferLayouts, ...trainLayouts };

export type KernelName = keyof typeof layouts;

/** In the order of their numbers, from 1. */
export const kernelNames = Object.keys(inferLayouts) as KernelName[];
/** In the order of their numbers, from FIRST_TRAIN. */
export const trainKernelNames = Object.keys(trainLayouts) as KernelName[];

/** Number of the first kernel of training, as in assembly/registry.train.ts. */
export const FIRST_TRAIN = 128;

/** Number of a kernel in a program. */
export function kernelNumber(name: KernelName): number {
  const train = trainKernelNames.indexOf(name);
  return train >= 0 ? FIRST_TRAIN + train : kernelNames.indexOf(name) + 1;
}

/** Elementwise functions, in the order of assembly/functions.ts. Append only. */
export const functionNames = [
  "clip", "leakyRelu", "elu", "selu", "celu", "sigmoid", "tanh", "hardSigmoid", "hardSwish", "swish", "gelu",
  "geluTanh", "mish", "softplus", "softsign", "thresholdedRelu", "exp", "log", "sqrt", "abs", "neg", "reciprocal",
  "erf", "ceil", "floor", "round", "sign", "not", "sin", "cos", "isNan", "isInf", "affine", "truncate", "add", "sub",
  "mul", "div", "pow", "min", "max", "prelu", "equal", "greater", "greaterOrEqual", "less", "lessOrEqual", "and",
  "or", "xor", "mod", "fmod", "atan2", "where",
] as const satisfies readonly (UnaryOp | BinaryOp | "where")[];

export const functionNumber = (name: (typeof functionNames)[number]): number => functionNames.indexOf(name);

/** Version of kernel numbers, structs and exports that a model file needs. */
export const ABI = 1;
/** Address of the model file in linear memory; assembly/memory.ts holds the same. */
export const BASE = 32768;
