/**
 * x / ‖x‖ of 8-bit integers as TFLite computes it: v · M / 2^31 in steps of 2^−L, then of 1, where M / 2^31 · 2^−e is 1 / √(Σ v²)
 * after five steps of Newton and Raphson in fixed point. Their result is interpolated, but for the rounding within them, which no element of 9 million showed.
 * Source: TFLite l2normalization.h, common.h GetInvSqrtQuantizedMultiplierExp.
 */
import { consumersOf, tensorOf, type Graph, type Node, type Tensor } from "../ir/graph.ts";
import { plain, Writer } from "./writer.ts";

/** Integers of the output: 1/128 about 0. */
const STEPS = 128;
/** M = high · 2^15 + low, so that products with v are exact in float32. */
const LOW = 2 ** 15;
/** So many squares of 8-bit differences add up exactly. */
const MOST_SQUARES = 258;

/** Rewrites dequantize → ‖·‖, clip, div → quantize. */
export function exactL2(graph: Graph): void {
  const reader = (node: Node | undefined): Node | undefined => (node ? consumersOf(graph, node.outputs[0]!)[0] : undefined);
  for (const norm of graph.nodes.filter((n): n is Node<"reduceL2"> => n.op === "reduceL2")) {
    const from = graph.nodes.find((n) => n.outputs[0] === norm.inputs[0]), clip = reader(norm), div = reader(clip), to = reader(div);
    if (from?.op !== "dequantize" || clip?.op !== "clip" || div?.op !== "div" || div.inputs[0] !== norm.inputs[0] || to?.op !== "quantize") continue;
    const [x, y] = [tensorOf(graph, from.inputs[0]!), tensorOf(graph, to.outputs[0]!)];
    if (!isOfBytes(x) || !isOfBytes(y) || x.data || !isUnit(y) || norm.attributes.axes.join() !== String(x.shape.length - 1)) continue;
    const written = normalized(graph, x.name, y.name);
    graph.nodes = graph.nodes.flatMap((n) => (n === to ? written : [n]));
  }
}

const isOfBytes = ({ dtype, quantization }: Tensor): boolean => dtype === "int8" && quantization?.scale.length === 1;
const isUnit = ({ quantization }: Tensor): boolean => quantization!.scale[0] === 1 / STEPS && quantization!.zeroPoint[0] === 0;

function normalized(graph: Graph, x: string, y: string): Node[] {
  const w = new Writer(graph, "l2"), { zeroPoint: [zero], unsigned } = tensorOf(graph, x).quantization!, steps = w.add("lut", [x, identity(w)], {}, w.shape(x), "int8", plain(-zero!));
  const v = w.add("dequantize", [steps], {}, w.shape(x)), sum = squares(w, v), power = powerOf(w, sum), { high, low } = inverseRoot(w, sum, power), root = w.unary("sqrt", power);
  const whole = w.binary("add", w.binary("mul", v, high), w.unary("floor", w.unary("affine", w.binary("mul", v, low), 1 / LOW, 0)));
  const first = w.unary("affine", unsigned ? w.number(1) : w.unary("clip", root, 0, STEPS), 512, 0), second = unsigned ? w.unary("affine", root, STEPS, 0) : w.unary("clip", root, STEPS, Infinity);
  const rounded = w.unary("floor", w.unary("affine", w.binary("div", whole, first), 1, 0.5));
  w.add("quantize", [w.binary("div", rounded, second)], {}, w.shape(x), "int8", plain());
  return w.finish(y);
}

const identity = (w: Writer): string => w.constant(Int8Array.from({ length: 256 }, (_, i) => i - 128), [256], "int8");

/** Σ v² over the last axis, of many in two parts. */
function squares(w: Writer, v: string): string {
  const shape = w.shape(v), axis = shape.length - 1, square = w.binary("mul", v, v), sum = (x: string) => w.reduce("reduceSum", x, [axis]);
  if (shape[axis]! <= MOST_SQUARES) return sum(square);
  const upper = w.unary("floor", w.unary("affine", square, 1 / 256, 0)), lower = w.binary("sub", square, w.unary("affine", upper, 256, 0));
  return w.binary("add", w.unary("affine", sum(upper), 256, 0), sum(lower));
}

/** 4^e, e the least from 0 for which the sum is below 2^(7 + 2e). */
function powerOf(w: Writer, sum: string): string {
  const limits = w.constant(Float32Array.from({ length: 12 }, (_, e) => 2 ** (7 + 2 * e)), [12]);
  return w.reduce("reduceProd", w.where(w.binary("greaterOrEqual", sum, limits), w.number(4), w.number(1)), [w.shape(sum).length - 1]);
}

/** M of u = 4 · sum / 4^e, by parabolas between whole u. */
function inverseRoot(w: Writer, sum: string, power: string): { high: string; low: string } {
  const u = w.binary("div", w.unary("affine", sum, 4, 0), power), at = w.unary("floor", u), d = w.binary("sub", u, at);
  const look = (of: (j: number) => number) => w.add("gather", [w.constant(Float32Array.from({ length: 512 }, (_, j) => of(j)), [512]), at], { axis: 0 }, w.shape(at));
  const rise = w.binary("mul", d, w.binary("add", look((j) => parabola(j)[1]), w.binary("mul", d, look((j) => parabola(j)[2]))));
  const lower = w.binary("add", look((j) => Math.round(parabola(j)[0]) % LOW), w.unary("floor", w.unary("affine", rise, 1, 0.5))), carry = w.unary("floor", w.unary("affine", lower, 1 / LOW, 0));
  return { high: w.binary("add", look((j) => Math.floor(Math.round(parabola(j)[0]) / LOW)), carry), low: w.binary("sub", lower, w.unary("affine", carry, LOW, 0)) };
}

/** Coefficients of M between j and j + 1. Below 128, u is a whole number. */
function parabola(j: number): [number, number, number] {
  if (j < 128) return [j === 0 ? 0 : newton(j), 0, 0];
  const [a, b, c] = [converged(j), converged(j + 0.5), converged(j + 1)], bend = 2 * (c - 2 * b + a);
  return [a, c - a - bend, bend];
}

/** Of sums below 32, which leave no right shift. */
const newton = (u: number): number => (u < 128 ? 2 * newton(4 * u) : converged(u));

/** 2^28 · √½ · y, y after five steps towards 1 / √(u / 512). */
function converged(u: number): number {
  let y = 1;
  for (let i = 0; i < 5; i++) y *= 1.5 - (u / 1024) * y * y;
  return 2 ** 28 * Math.SQRT1_2 * y;
}
