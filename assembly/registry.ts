/**
 * Every kernel of this module, its check and the size of its struct. The position in `kernels` plus one is the kernel's
 * number in a model file: append only, in the order of converter/write/layout.ts; a test compares them.
 */
import { Cast, checkCast, cast } from "./kernels/cast";
import { Conv2dF32, checkConv2dF32, conv2dF32 } from "./kernels/conv2d.f32";
import { Conv2dI8, checkConv2dI8, checkConv2dI8Tflite, conv2dI8, conv2dI8Tflite } from "./kernels/conv2d.i8";
import { Conv2dI16, checkConv2dI16, conv2dI16 } from "./kernels/conv2d.i16";
import { Rescale, checkRescale, rescale } from "./kernels/rescale";
import { Copy, checkCopy, copy } from "./kernels/copy";
import { DenseF32, checkDenseF32, denseF32 } from "./kernels/dense.f32";
import { DenseI8, checkDenseI8, checkDenseI8Tflite, denseI8, denseI8Tflite } from "./kernels/dense.i8";
import { DepthwiseF32, checkDepthwiseF32, depthwiseF32 } from "./kernels/depthwise.f32";
import { DepthwiseI8, checkDepthwiseI8, checkDepthwiseI8Tflite, depthwiseI8, depthwiseI8Tflite } from "./kernels/depthwise.i8";
import { Fill, checkFill, fill } from "./kernels/fill";
import { GatesI8, checkGatesI8, gatesI8 } from "./kernels/gates.i8";
import { GruF32, GruI8, checkGruF32, checkGruI8, gruF32, gruI8 } from "./kernels/gru";
import { LstmF32, LstmI8, checkLstmF32, checkLstmI8, lstmF32, lstmI8 } from "./kernels/lstm";
import { MapF32, checkMapF32, mapF32 } from "./kernels/map.f32";
import { MatmulF32, checkMatmulF32, matmulF32 } from "./kernels/matmul.f32";
import { PoolF32, averagePool2dF32, checkPoolF32, maxPool2dF32 } from "./kernels/pool.f32";
import { RnnF32, RnnI8, checkRnnF32, checkRnnI8, rnnF32, rnnI8 } from "./kernels/rnn";
import { Gather, GatherElementsF32, GatherNdF32, ScatterElementsF32, checkGather, checkGatherElementsF32, checkGatherNdF32, checkScatterElementsF32, gather, gatherElementsF32, gatherNdF32, scatterElementsF32 } from "./kernels/gather";
import { ArgF32, CumSumF32, TopKF32, argF32, checkArgF32, checkCumSumF32, checkTopKF32, cumSumF32, topKF32 } from "./kernels/lines.f32";
import { NormalizeF32, checkNormalizeF32, normalizeF32 } from "./kernels/normalize.f32";
import { ReduceF32, checkReduceF32, reduceF32 } from "./kernels/reduce.f32";
import { ResampleF32, checkResampleF32, resampleF32 } from "./kernels/resample.f32";
import { SoftmaxF32, checkSoftmaxF32, softmaxF32 } from "./kernels/softmax.f32";
import { BinaryI8, binaryI16, binaryI8, binaryI8Tflite, checkBinaryI16, checkBinaryI8 } from "./kernels/binary.i8";
import { LutI8, checkLutI8, lutI8 } from "./kernels/lut.i8";
import { PoolI8, averagePool2dI16, averagePool2dI8, averagePool2dI8Tflite, checkPoolI16, checkPoolI8, maxPool2dI16, maxPool2dI8, meanI8Tflite } from "./kernels/pool.i8";
import { Quantize, checkDequantize, checkQuantize, dequantize, quantize, quantizeTflite } from "./kernels/quantize";
import { SoftmaxI8, checkSoftmaxI8, logSoftmaxI8, softmaxI8, softmaxI8Tflite } from "./kernels/softmax.i8";
import { MatmulI8, checkMatmulI8, checkMatmulI8Tflite, matmulI8, matmulI8Tflite } from "./kernels/matmul.i8";

/** Runs rows part, part + parts, … of one layer. */
export type Kernel = (p: usize, part: i32, parts: i32) => void;
/** Multiply-accumulates of one call, or REFUSED. */
export type Check = (p: usize) => f64;

export const kernels: StaticArray<Kernel> = [
  changetype<Kernel>(denseF32),
  changetype<Kernel>(mapF32),
  changetype<Kernel>(copy),
  changetype<Kernel>(fill),
  changetype<Kernel>(gatesI8),
  changetype<Kernel>(lstmF32),
  changetype<Kernel>(lstmI8),
  changetype<Kernel>(gruF32),
  changetype<Kernel>(gruI8),
  changetype<Kernel>(rnnF32),
  changetype<Kernel>(rnnI8),
  changetype<Kernel>(cast),
  changetype<Kernel>(conv2dI8),
  changetype<Kernel>(conv2dI8Tflite),
  changetype<Kernel>(depthwiseI8),
  changetype<Kernel>(depthwiseI8Tflite),
  changetype<Kernel>(denseI8),
  changetype<Kernel>(denseI8Tflite),
  changetype<Kernel>(quantize),
  changetype<Kernel>(quantizeTflite),
  changetype<Kernel>(dequantize),
  changetype<Kernel>(lutI8),
  changetype<Kernel>(maxPool2dI8),
  changetype<Kernel>(averagePool2dI8),
  changetype<Kernel>(averagePool2dI8Tflite),
  changetype<Kernel>(binaryI8),
  changetype<Kernel>(binaryI8Tflite),
  changetype<Kernel>(softmaxI8),
  changetype<Kernel>(logSoftmaxI8),
  changetype<Kernel>(softmaxI8Tflite),
  changetype<Kernel>(conv2dF32),
  changetype<Kernel>(depthwiseF32),
  changetype<Kernel>(matmulF32),
  changetype<Kernel>(maxPool2dF32),
  changetype<Kernel>(averagePool2dF32),
  changetype<Kernel>(softmaxF32),
  changetype<Kernel>(reduceF32),
  changetype<Kernel>(normalizeF32),
  changetype<Kernel>(argF32),
  changetype<Kernel>(cumSumF32),
  changetype<Kernel>(topKF32),
  changetype<Kernel>(gather),
  changetype<Kernel>(gatherElementsF32),
  changetype<Kernel>(scatterElementsF32),
  changetype<Kernel>(gatherNdF32),
  changetype<Kernel>(resampleF32),
  changetype<Kernel>(matmulI8),
  changetype<Kernel>(matmulI8Tflite),
  changetype<Kernel>(meanI8Tflite),
  changetype<Kernel>(conv2dI16),
  changetype<Kernel>(rescale),
  changetype<Kernel>(binaryI16),
  changetype<Kernel>(maxPool2dI16),
  changetype<Kernel>(averagePool2dI16),
];

export const checks: StaticArray<Check> = [
  changetype<Check>(checkDenseF32),
  changetype<Check>(checkMapF32),
  changetype<Check>(checkCopy),
  changetype<Check>(checkFill),
  changetype<Check>(checkGatesI8),
  changetype<Check>(checkLstmF32),
  changetype<Check>(checkLstmI8),
  changetype<Check>(checkGruF32),
  changetype<Check>(checkGruI8),
  changetype<Check>(checkRnnF32),
  changetype<Check>(checkRnnI8),
  changetype<Check>(checkCast),
  changetype<Check>(checkConv2dI8),
  changetype<Check>(checkConv2dI8Tflite),
  changetype<Check>(checkDepthwiseI8),
  changetype<Check>(checkDepthwiseI8Tflite),
  changetype<Check>(checkDenseI8),
  changetype<Check>(checkDenseI8Tflite),
  changetype<Check>(checkQuantize),
  changetype<Check>(checkQuantize),
  changetype<Check>(checkDequantize),
  changetype<Check>(checkLutI8),
  changetype<Check>(checkPoolI8),
  changetype<Check>(checkPoolI8),
  changetype<Check>(checkPoolI8),
  changetype<Check>(checkBinaryI8),
  changetype<Check>(checkBinaryI8),
  changetype<Check>(checkSoftmaxI8),
  changetype<Check>(checkSoftmaxI8),
  changetype<Check>(checkSoftmaxI8),
  changetype<Check>(checkConv2dF32),
  changetype<Check>(checkDepthwiseF32),
  changetype<Check>(checkMatmulF32),
  changetype<Check>(checkPoolF32),
  changetype<Check>(checkPoolF32),
  changetype<Check>(checkSoftmaxF32),
  changetype<Check>(checkReduceF32),
  changetype<Check>(checkNormalizeF32),
  changetype<Check>(checkArgF32),
  changetype<Check>(checkCumSumF32),
  changetype<Check>(checkTopKF32),
  changetype<Check>(checkGather),
  changetype<Check>(checkGatherElementsF32),
  changetype<Check>(checkScatterElementsF32),
  changetype<Check>(checkGatherNdF32),
  changetype<Check>(checkResampleF32),
  changetype<Check>(checkMatmulI8),
  changetype<Check>(checkMatmulI8Tflite),
  changetype<Check>(checkPoolI8),
  changetype<Check>(checkConv2dI16),
  changetype<Check>(checkRescale),
  changetype<Check>(checkBinaryI16),
  changetype<Check>(checkPoolI16),
  changetype<Check>(checkPoolI16),
];

export const structSizes: StaticArray<i32> = [
  offsetof<DenseF32>(),
  offsetof<MapF32>(),
  offsetof<Copy>(),
  offsetof<Fill>(),
  offsetof<GatesI8>(),
  offsetof<LstmF32>(),
  offsetof<LstmI8>(),
  offsetof<GruF32>(),
  offsetof<GruI8>(),
  offsetof<RnnF32>(),
  offsetof<RnnI8>(),
  offsetof<Cast>(),
  offsetof<Conv2dI8>(),
  offsetof<Conv2dI8>(),
  offsetof<DepthwiseI8>(),
  offsetof<DepthwiseI8>(),
  offsetof<DenseI8>(),
  offsetof<DenseI8>(),
  offsetof<Quantize>(),
  offsetof<Quantize>(),
  offsetof<Quantize>(),
  offsetof<LutI8>(),
  offsetof<PoolI8>(),
  offsetof<PoolI8>(),
  offsetof<PoolI8>(),
  offsetof<BinaryI8>(),
  offsetof<BinaryI8>(),
  offsetof<SoftmaxI8>(),
  offsetof<SoftmaxI8>(),
  offsetof<SoftmaxI8>(),
  offsetof<Conv2dF32>(),
  offsetof<DepthwiseF32>(),
  offsetof<MatmulF32>(),
  offsetof<PoolF32>(),
  offsetof<PoolF32>(),
  offsetof<SoftmaxF32>(),
  offsetof<ReduceF32>(),
  offsetof<NormalizeF32>(),
  offsetof<ArgF32>(),
  offsetof<CumSumF32>(),
  offsetof<TopKF32>(),
  offsetof<Gather>(),
  offsetof<GatherElementsF32>(),
  offsetof<ScatterElementsF32>(),
  offsetof<GatherNdF32>(),
  offsetof<ResampleF32>(),
  offsetof<MatmulI8>(),
  offsetof<MatmulI8>(),
  offsetof<PoolI8>(),
  offsetof<Conv2dI16>(),
  offsetof<Rescale>(),
  offsetof<BinaryI8>(),
  offsetof<PoolI8>(),
  offsetof<PoolI8>(),
];
