/** Functions of int16 as TFLite computes them: sigmoid, tanh and softmax by its tables, exp, log and gelu by one of 513 entries each, sqrt. */
import { sizeOf, type Node } from "../ir/graph.ts";
import { unaryScalar } from "../ir/eval/math.ts";
import type { UnaryOp } from "../ir/ops.ts";
import type { LoweringContext, Params } from "./context.ts";
import { map } from "./elementwise.ts";
import { perTensorOf, quantizeMultiplier, roundAway } from "./multipliers.ts";

const f = Math.fround;

/** True if the operator is computed here. */
export const isFunction16 = (op: string): boolean => op === "sigmoid" || op === "tanh" || op === "sqrt" || tables.has(op);

export function function16(node: Node<UnaryOp>, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], n = sizeOf(c.tensor(y).shape);
  if (node.op === "sqrt") return root(c, x, y, n);
  if (!tables.has(node.op)) return sigmoid(node, c, n);
  c.inherit(y, x);
  c.call("lutI16", { x: c.at(x), table: c.constant(table16(node, perTensorOf(c.tensor(x)).scale, perTensorOf(c.tensor(y)).scale)), y: c.at(y), n }, ["y"]);
}

function sigmoid(node: Node<UnaryOp>, c: LoweringContext, n: number): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], tanh = node.op === "tanh";
  c.inherit(y, x);
  c.call("sigmoidI16", { x: c.at(x), table: c.constant(logisticTable()), y: c.at(y), n, ...toThirds(perTensorOf(c.tensor(x)).scale, tanh ? 1 : 0), tanh: Number(tanh) }, ["y"]);
}

/** Factor and shift from steps of `scale` to steps of 1/(3 · 4096), exact for scales 2^−12 … 2^−12 · 2^most. Source: TFLite activations.cc TanhPrepare, SigmoidPrepare. */
function toThirds(scale: number, most: number): Params {
  const left = Math.log2(scale) + 12;
  if (Number.isInteger(left) && left >= 0 && left <= most) return { m: 3 * 2 ** left, shift: 0 };
  let m = scale * 4096 * 3, shift = 0;
  for (; m <= 32767 / 2 && shift <= 30; shift++) m *= 2;
  return { m: Math.trunc(m), shift };
}

/** sqrt in float, cut off instead of rounded. Source: TFLite elementwise.cc SqrtEvalQuantized. */
function root(c: LoweringContext, x: string, y: string, n: number): void {
  const real = c.temporary(c.tensor(x).shape), step = c.temporary([1]), integers = { n, bytes: 2, flip: 0, zero: 0 };
  c.tensor(step).data = Float32Array.of(perTensorOf(c.tensor(y)).scale);
  c.call("dequantize", { x: c.at(x), y: c.at(real), ...integers, scale: perTensorOf(c.tensor(x)).scale }, ["y"]);
  map(c, "sqrt", [real], real);
  map(c, "div", [real, step], real, -Infinity, Infinity);
  map(c, "truncate", [real], real);
  c.call("quantizeTflite", { x: c.at(real), y: c.at(y), ...integers, scale: 1 }, ["y"]);
}

/** logistic(i / 24) in 0.16, each less half of what a straight line to the next is too high in the middle. Source: TFLite common.h sigmoid_table_uint16. */
function logisticTable(): Uint16Array {
  const at = (i: number) => 65536 / (1 + Math.exp(-i / 24));
  return Uint16Array.from({ length: 256 }, (_, i) => (i === 255 ? 65535 : Math.round(at(i) - ((at(i) + at(i + 1)) / 2 - at(i + 0.5)) / 2)));
}

/** log 0 is the least of the output, 1 / √0 its largest. */
const tables = new Map<string, (v: number, sy: number) => number>([
  ["exp", (v) => Math.exp(v)], ["log", (v, sy) => (v <= 0 ? f(-32768 * sy) : Math.log(v))], ["rsqrt", (v, sy) => (v <= 0 ? f(32767 * sy) : 1 / f(Math.sqrt(v)))],
  ["gelu", (v) => f(f(0.5 * v) * f(1 + f(unaryScalar.erf(f(v * f(Math.SQRT1_2)), 0, 0))))],
  ["geluTanh", (v) => f(f(0.5 * v) * f(1 + f(Math.tanh(f(f(Math.sqrt(2 / Math.PI)) * f(v + f(f(f(f(0.044715) * v) * v) * v)))))))],
]);

function table16(node: Node<UnaryOp>, sx: number, sy: number): Int16Array {
  const of = tables.get(node.op)!;
  return interpolated({ min: f(sx * -32768), max: f(sx * 32767) }, { min: f(sy * -32768), max: f(sy * 32767) }, (v) => f(of(v, sy)), f);
}

interface Range { min: number; max: number }

/** Entries at 512 steps of x and at its end, bent towards the function's middle. Source: TFLite common.h LUTPopulateInt16. */
function interpolated(x: Range, y: Range, of: (v: number) => number, real: (v: number) => number): Int16Array {
  const step = real(real(x.max - x.min) / 512), half = real(step / 2), inverse = real(65536 / real(y.max - y.min)), scaled = (v: number) => real(of(v) * inverse);
  const clamped = (v: number) => Math.max(-32768, Math.min(32767, v));
  return Int16Array.from({ length: 513 }, (_, i) => {
    if (i === 512) return clamped(roundAway(scaled(x.max)));
    const at = real(x.min + real(i * step)), value = roundAway(scaled(at)), next = scaled(real(x.min + real((i + 1) * step)));
    const error = roundAway(real(real(next + value) / 2)) - roundAway(scaled(real(at + half)));
    return clamped(value - roundAway(error / 2));
  });
}

/** softmax over the last axis. Source: TFLite activations.cc SoftmaxPrepare, reference/softmax.h SoftmaxInt16. */
export function softmax16(node: Node<"softmax">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], { shape } = c.tensor(x), n = shape.at(-1)!, double = (v: number) => v, range = 65535;
  const table = (from: number, to: number, of: (v: number) => number) => c.constant(interpolated({ min: from, max: to }, { min: (2 / range) * -32768, max: (2 / range) * 32767 }, of, double));
  const { multiplier, shift } = quantizeMultiplier(perTensorOf(c.tensor(x)).scale / (10 / range));
  c.call("softmaxI16", {
    x: c.at(x), exp: table((10 / range) * -range, 0, Math.exp), reciprocal: table(0, (1 / range) * range, (v) => 1 / (1 + v)), y: c.at(y),
    rows: sizeOf(shape) / n, n, m: multiplier, r: 2 ** (30 + Math.min(0, shift)), g: 2 ** Math.max(0, shift),
  }, ["y"]);
}
