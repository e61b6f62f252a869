/** matmul of int8 activations → matmulI8. */
import { broadcastStrides } from "../ir/eval/strides.ts";
import { sizeOf, type Node } from "../ir/graph.ts";
import { noClamp } from "../ir/ops.ts";
import type { LoweringContext } from "./context.ts";
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
  c.call(rounded(c, "matmulI8"), {
    a: c.at(a), b: c.at(b), y: c.at(y), t: c.scratch(128 + 8 * (K + 8) + (2 * (K + 1) + 4) * padded), M, K, N, za: qa.zeroPoint, zb: qb.zeroPoint,
    ...stridedFields(batch, { a: strides(a), b: strides(b) }), ...outputParams(c, new Array<number>(padded).fill((Math.fround(qa.scale * qb.scale)) / qy.scale), c.tensor(y), noClamp),
  }, ["y", "t"], sizeOf(batch) * M * K * N);
}

type Scale = ReturnType<typeof perTensorOf>;
