/** loss → its kernel. */
import { sizeOf, type Node } from "../ir/graph.ts";
import { lossKinds } from "../ir/ops.train.ts";
import type { LoweringContext } from "./context.ts";

export function loss(node: Node<"loss">, c: LoweringContext): void {
  const [prediction, labels, weights] = node.inputs as [string, string, string], [total, d] = node.outputs, { kind, parameter } = node.attributes;
  const shape = c.tensor(prediction).shape, samples = shape[0]!, C = shape.at(-1)!, size = sizeOf(shape);
  c.call("loss", {
    prediction: c.at(prediction), labels: c.at(labels), weights: c.at(weights), loss: total ? c.at(total) : c.scratch(4), d: d ? c.at(d) : c.scratch(4 * size), t: c.scratch(12 * (C + 3)),
    samples, rows: size / samples / C, C, kind: lossKinds.indexOf(kind), index: Number(node.attributes.labels === "index"), parameter,
  }, ["loss", "d"]);
}
