/** gather(x, i) with one constant index → slice and reshape; with evenly spaced indices → slice. */
import type { Node } from "../ir/graph.ts";
import type { Rewriter } from "./rewriter.ts";

export function gatherToSlice(rw: Rewriter, node: Node): void {
  if (node.op !== "gather") return;
  const [x, indices] = node.inputs as [string, string], { axis } = node.attributes, shape = rw.shape(x);
  const data = rw.constant(indices)?.data, size = shape[axis]!;
  if (!data?.length || rw.shape(indices).length > 1 || (rw.tensor(x).quantization?.scale.length ?? 1) > 1) return;
  const places = Array.from(data, (i) => (i < 0 ? i + size : i)), step = places.length > 1 ? places[1]! - places[0]! : 1;
  if (step === 0 || !places.every((p, i) => p >= 0 && p < size && p === places[0]! + i * step)) return;
  const all = (axisValue: number, others: (k: number) => number) => shape.map((_, k) => (k === axis ? axisValue : others(k)));
  const attributes = { starts: all(places[0]!, () => 0), steps: all(step, () => 1), sizes: all(places.length, (k) => shape[k]!) };
  if (rw.shape(indices).length === 1) return rw.become(node, "slice", [x], attributes);
  const part = rw.add("slice", [x], attributes, { stem: node.name, like: rw.tensor(node.outputs[0]!) });
  rw.become(node, "reshape", [part], { shape: [...rw.shape(node.outputs[0]!)] });
}
