/**
 * The product of int8 along axes as TFLite computes it, each factor less its zero point, rescaled after each by the n-th part of the whole scale.
 * States are int16 here, int32 there: beyond 15 bits they saturate. Source: TFLite reference/reduce.h QuantizedReduceProd.
 */
import { sizeOf, type Node } from "../ir/graph.ts";
import { noClamp } from "../ir/ops.ts";
import type { LoweringContext, Operand } from "./context.ts";
import { wideFactor } from "./conv.i16.ts";
import { integerBounds, perTensorOf } from "./multipliers.ts";
import { axesInFront } from "./pool.i8.ts";
import { stridedFields } from "./strided.ts";

/** 1 as a factor of rescale. */
const one = { m1: 2 ** 30, r1: 2 ** 30, g1: 2, m2: 2 ** 30, r2: 2 ** 30, g2: 2 };

export function product(node: Node<"reduceProd">, c: LoweringContext): void {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!], { shape } = c.tensor(x), to = c.tensor(y), count = sizeOf(to.shape), n = sizeOf(shape) / count;
  const [sx, sy] = [x, y].map((name) => perTensorOf(c.tensor(name)).scale) as [number, number];
  const factors = c.scratch(2 * sizeOf(shape)), states = [c.scratch(2 * count), c.scratch(2 * count)], [m, shift] = wideFactor(sx / sy ** (1 / n));
  c.call("rescale", { x: axesInFront(c, x, node.attributes.axes), y: factors, n: sizeOf(shape), from: 1, to: 2, zx: perTensorOf(c.tensor(x)).zeroPoint, zy: 0, lo: -32768, hi: 32767, ...one }, ["y"]);
  const times = (a: Operand, b: Operand, step: number, to: Operand) =>
    c.call("matmulI16Tflite", { a, b, y: to, M: 1, K: 1, N: 1, m, shift, ...stridedFields([count], { a: [1], b: [step] }) }, ["y"], count);
  let state: Operand = factors;
  for (let k = 1; k < n; k++) {
    times(state, { ...factors, offset: 2 * k * count }, 1, states[k % 2]!);
    state = states[k % 2]!;
  }
  times(state, c.constant(Int16Array.of(1)), 0, states[n % 2]!);
  c.call("rescale", { x: states[n % 2]!, y: c.at(y), n: count, from: 2, to: 1, zx: 0, zy: perTensorOf(to).zeroPoint, ...integerBounds(to, noClamp), ...one }, ["y"]);
}
