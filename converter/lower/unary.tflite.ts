/** Functions of one 8-bit tensor as TFLite's reference kernels compute them, one stored integer at a time. */
import { bytesOf, type Node, type Tensor } from "../ir/graph.ts";
import type { UnaryOp } from "../ir/ops.ts";
import { divideByPower, inverseRoot, multiplied, roundedHigh16, saturated16 } from "./gemmlowp.ts";
import { integerBounds, perTensorOf, quantizeMultiplier, roundAway, type FixedPoint } from "./multipliers.ts";

/** Stored integer → stored integer, not yet clamped. */
type IntegerFunction = (q: number) => number;
interface Scales { sx: number; zx: number; sy: number; zy: number }

/** The function of that node, clamped to the integers of y; undefined where TFLite has none of its own. */
export function tfliteFunction(node: Node<UnaryOp | "requantize">, x: Tensor, y: Tensor): IntegerFunction | undefined {
  const from = perTensorOf(x), to = perTensorOf(y), s = { sx: from.scale, zx: from.zeroPoint, sy: to.scale, zy: to.zeroPoint };
  const f = integerFunction(node, s), limit = 2 ** (8 * bytesOf(y.dtype) - 1), least = y.dtype.startsWith("u") ? 0 : -limit, most = least + 2 * limit - 1;
  const { lo, hi } = node.op === "clip" ? integerBounds(y, [node.attributes.alpha, node.attributes.beta]) : { lo: least, hi: most };
  return f && ((q) => Math.max(lo, Math.min(hi, f(q))));
}

function integerFunction(node: Node<UnaryOp | "requantize">, s: Scales): IntegerFunction | undefined {
  const real = reals[node.op];
  if (real) return tabulated(s, real);
  if (node.op === "hardSwish") return hardSwish(s);
  if (node.op === "leakyRelu") return leakyRelu(s, node.attributes.alpha);
  if (node.op === "neg") return (q) => (q === -128 ? q : -q); // whatever the zero point. Source: TFLite reference/neg.h
  if (node.op === "sqrt") return root(s);
  if (node.op === "rsqrt") return reciprocalRoot(s);
  if (node.op === "abs") return rescaled(s, Math.fround(s.sx / s.sy), Math.abs);
  if (node.op === "clip") return rescaled(s, Math.fround(s.sx / s.sy));
  return node.op === "requantize" ? rescaled(s, s.sx / s.sy) : undefined;
}

/** Through float32 and back. Source: TFLite common.h LUTPopulateInt8. */
const reals: Record<string, (v: number) => number> = {
  sigmoid: (v) => Math.fround(1 / Math.fround(1 + Math.fround(Math.exp(-v)))), tanh: Math.tanh, exp: Math.exp, elu: (v) => (v < 0 ? Math.expm1(v) : v),
};

function tabulated({ sx, zx, sy, zy }: Scales, f: (v: number) => number): IntegerFunction {
  const inverse = Math.fround(1 / sy);
  return (q) => roundAway(Math.fround(Math.fround(f(Math.fround(sx * (q - zx)))) * inverse)) + zy;
}

/** Source: TFLite activations.h QuantizeReluX, reference/requantize.h, elementwise.cc. */
function rescaled({ zx, zy }: Scales, factor: number, f = (v: number) => v): IntegerFunction {
  const by = quantizeMultiplier(factor);
  return (q) => multiplied(f(q - zx), by) + zy;
}

/** Cut off, not rounded. Source: TFLite elementwise.cc SqrtEvalQuantized. */
function root({ sx, zx, sy, zy }: Scales): IntegerFunction {
  return (q) => Math.trunc(Math.fround(Math.fround(Math.sqrt(Math.fround(sx * Math.max(0, q - zx)))) / sy)) + zy;
}

/** With 20 more bits between the two factors; 0 gives the largest value. Source: TFLite elementwise.cc RsqrtEvalQuantizedInt8. */
function reciprocalRoot({ sx, zx, sy, zy }: Scales): IntegerFunction {
  const f = Math.fround, { multiplier, shift } = quantizeMultiplier(1 / f(f(Math.sqrt(sx)) * sy));
  return (q) => {
    if (q <= zx) return Infinity;
    const root = inverseRoot(q - zx), data = multiplied(1, { ...root, shift: root.shift + 20 });
    return multiplied(data, { multiplier, shift: shift - 20 }) + zy;
  };
}

/** Source: TFLite reference/leaky_relu.h. */
function leakyRelu({ sx, zx, sy, zy }: Scales, alpha: number): IntegerFunction {
  const by = quantizeMultiplier(Math.fround(sx / sy)), below = quantizeMultiplier(Math.fround(Math.fround(sx * Math.fround(alpha)) / sy));
  return (q) => multiplied(q - zx, q >= zx ? by : below) + zy;
}

/** Source: TFLite reference/hard_swish.h, activations.cc HardSwishPrepare. */
function hardSwish({ sx, zx, sy, zy }: Scales): IntegerFunction {
  const hires = Math.fround(sx / 128), out = narrowed(quantizeMultiplier(Math.fround(hires / sy))), relu = narrowed(quantizeMultiplier(Math.fround(hires / Math.fround(3 / 32768))));
  return (q) => {
    const x = (q - zx) * 128;
    let gate = relu.shift > 0 ? saturated16(x * 2 ** (relu.shift - 1)) : x;
    gate = roundedHigh16(gate, relu.multiplier);
    if (relu.shift > 0) gate = saturated16(gate * 2);
    if (relu.shift < 0) gate = divideByPower(gate, -relu.shift);
    const product = Math.trunc((((gate + 32768) >> 1) * roundedHigh16(x, out.multiplier)) / 32768);
    return divideByPower(product, -out.shift) + zy;
  };
}

const narrowed = ({ multiplier, shift }: FixedPoint): FixedPoint => ({ multiplier: Math.min(32767, Math.floor((multiplier + 32768) / 65536)), shift });
