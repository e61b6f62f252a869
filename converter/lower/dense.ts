/** dense → denseF32. */
import { sizeOf, type Node } from "../ir/graph.ts";
import type { LoweringContext } from "./context.ts";
import { packF32, pad8 } from "./pack.ts";

export function dense(node: Node<"dense">, c: LoweringContext): void {
  const [x, w, b] = node.inputs as [string, string, string?];
  const [O, I] = c.tensor(w).shape as [number, number], N = sizeOf(c.tensor(x).shape) / I;
  const [lo, hi] = node.attributes.clamp;
  c.call("denseF32", {
    x: c.at(x), w: c.constant(packF32(c.tensor(w).data!, O, I)), b: c.constant(Float32Array.from(pad8(b ? c.tensor(b).data! : new Float32Array(O)))), y: c.at(node.outputs[0]!),
    N, I, O, lo, hi,
  }, ["y"], N * I * O);
}
