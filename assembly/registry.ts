/**
 * Every kernel of this module, its check and the size of its struct. The position in `kernels` plus one is the kernel's
 * number in a model file: append only, in the order of converter/write/layout.ts; a test compares them.
 */
import { Cast, checkCast, cast } from "./kernels/cast";
import { Copy, checkCopy, copy } from "./kernels/copy";
import { DenseF32, checkDenseF32, denseF32 } from "./kernels/dense.f32";
import { Fill, checkFill, fill } from "./kernels/fill";
import { GatesI8, checkGatesI8, gatesI8 } from "./kernels/gates.i8";
import { GruF32, GruI8, checkGruF32, checkGruI8, gruF32, gruI8 } from "./kernels/gru";
import { LstmF32, LstmI8, checkLstmF32, checkLstmI8, lstmF32, lstmI8 } from "./kernels/lstm";
import { MapF32, checkMapF32, mapF32 } from "./kernels/map.f32";
import { RnnF32, RnnI8, checkRnnF32, checkRnnI8, rnnF32, rnnI8 } from "./kernels/rnn";

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
];
