/** matmul of activations → matmulI8; of int16, with TFLite's rounding, matmulI16Tflite. */
import { broadcastStrides } from "../ir/eval/strides.ts";
import { sizeOf, type Node } from "../ir/graph.ts";
import { noClamp } from "../ir/ops.ts";
import type { LoweringContext } from "./context.ts";
import { wideFactor } from "./conv.i16.ts";
import { outputParams, perTensorOf, rounded } from "./multipliers.ts";
import { stridedFields } from "./strided.ts";

export function matmul(node: Node<"matmul">, c: LoweringContext): void {
  const [a, b] = node.inputs as [string, string], y = node.outputs[0]!, shape = c.tensor(y).shape, batch = shape.slice(0, -2);
  const [M, N] = shape.slice(-2) as [number, number], K = c.tensor(a).shape.at(-1)!, padded = Math.ceil(N / 8) * 8;
  const [qa, qb, qy] = [a, b, y].map((name) => perTensorOf(c.tensor(name))) as [Scale, Scale, Scale];
  const strides = (name: string) => {
    const own = c.tensor(name).shape;
    return broadcastStrides(own.slice(0, -2), batch).map((s) => s * sizeOf(own.slice(-2)));
  };
  const place = { M, K, N, ...stridedFields(batch, { a: strides(a), b: strides(b) }) }, real = Math.fround(qa.scale * qb.scale) / qy.scale, macs = sizeOf(batch) * M * K * N;
  if (c.tensor(y).dtype === "int16") {
    const [m, shift] = wideFactor(real);
    return c.call("matmulI16Tflite", { a: c.at(a), b: c.at(b), y: c.at(y), ...place, m, shift }, ["y"], macs);
  }
  c.call(rounded(c, "matmulI8"), {
    a: c.at(a), b: c.at(b), y: c.at(y), t: c.scratch(128 + 8 * (K + 8) + (2 * (K + 1) + 4) * padded), ...place, za: qa.zeroPoint, zb: qb.zeroPoint,
    ...outputParams(c, new Array<number>(padded).fill(real), c.tensor(y), noClamp),
  }, ["y", "t"], macs);
}

type Scale = ReturnType<typeof perTensorOf>;
