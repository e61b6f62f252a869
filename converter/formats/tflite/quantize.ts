/** Between integers and real numbers. */
import type { OperatorTable, TfliteNode } from "./node.ts";
import { options } from "./schema.ts";
import { dtypeOf, quantizationOf } from "./tensors.ts";

export const quantizations: OperatorTable = { QUANTIZE: quantize, DEQUANTIZE: dequantize, FAKE_QUANT: fakeQuant, CAST: cast };

/** float → integer, or integer → integer of another scale. */
function quantize(n: TfliteNode): void {
  const x = n.stored(0);
  if (!quantizationOf(n.target())) n.damaged(`output "${n.target().name}" has no scale`);
  n.emit(n.quantization(x) ? "requantize" : "quantize", [x], {});
}

/** Half floats were widened when they were read: their DEQUANTIZE has nothing left to do. */
function dequantize(n: TfliteNode): void {
  const x = n.stored(0);
  if (n.quantization(x)) n.emit("dequantize", [x], {});
  else if (n.dtype(x) === "float32") n.name(x);
  else n.damaged(`input "${n.source(0).name}" has no scale`);
}

/** Rounds to a grid of 2^bits values between min and max, which is first moved so that 0 lies on it. */
function fakeQuant(n: TfliteNode): void {
  const { min, max, bits, narrow } = options.fakeQuant(n.operator);
  if (!(min <= 0 && max >= 0 && max > min && bits >= 2 && bits <= 8)) {
    n.damaged(`its range is ${min} to ${max} in ${bits} bits, expected one around 0 in 2 to 8 bits`);
  }
  const lowest = narrow ? 1 : 0, highest = 2 ** bits - 1;
  const scale = Math.fround((max - min) / (highest - lowest));
  const zero = Math.min(Math.max(Math.round(Math.fround(lowest - Math.fround(min / scale))), lowest), highest);
  const real = n.step("clip", [n.input(0)], { alpha: (lowest - zero) * scale, beta: (highest - zero) * scale });
  const quantization = { scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zero), axis: 0 };
  n.emit("dequantize", [n.graph.add("quantize", [real], {}, [], { dtype: "uint8", quantization })], {});
}

/** Stored numbers, not the real ones they stand for. */
function cast(n: TfliteNode): void {
  const x = n.stored(0), to = dtypeOf(n.target());
  if (n.quantization(x) || quantizationOf(n.target())) n.fail("it casts quantized integers, expected plain ones", "Use QUANTIZE or DEQUANTIZE.");
  n.emit("cast", [x], { to });
}

