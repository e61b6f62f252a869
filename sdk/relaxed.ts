/** Does this engine run the relaxed build? Apart from build.ts, so that bundles without that build do not hold it. */
import { probe } from "./build.ts";

const I32 = 127;
/** i32x4.relaxed_dot_i8x16_i7x16_add_s of two bytes in every lane and 0: its first lane. */
const relaxedProbe = () => probe([2, I32, I32, 1, I32], 32, 0, 253, 15, 32, 1, 253, 15, 65, 0, 253, 17, 253, 0x93, 2, 253, 27, 0);

/** Not where sums of two products saturate (assembly/kernels/dot.relaxed.ts): such hosts are faster with the simd build. */
export function hasExactDots(): boolean {
  const bytes = relaxedProbe();
  if (!WebAssembly.validate(bytes)) return false;
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as { f(a: number, b: number): number };
  return [4 * 127 * -1, 4 * 127 * 255].includes(f(127, -1));
}
