import { expect, test } from "vitest";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { noClamp } from "../../converter/ir/ops.ts";
import { withLayout } from "../../converter/layout.ts";

/** y = x + x over [1,2,3,4] in NCHW. */
function doubled(layout: string) {
  const g = new GraphBuilder("onnx", "double");
  g.input("x", "float32", [1, 2, 3, 4], layout);
  g.add("add", ["x", "x"], { clamp: noClamp }, ["y"]);
  g.output("y", layout);
  return g.graph;
}
const x = Float32Array.from({ length: 24 }, (_, i) => i);
/** [1,H,W,C] → [1,C,H,W] of C = 2, H = 3, W = 4 */
const toNchw = (v: ArrayLike<number>) => Float32Array.from({ length: 24 }, (_, i) => v[(i % 12) * 2 + Math.floor(i / 12)]!);

test("an NCHW model takes and gives NHWC", () => {
  const source = doubled("nchw"), graph = withLayout(source, "nhwc");
  expect([graph.tensors.get("x")!.shape, graph.tensors.get("y")!.shape, graph.layouts]).toEqual([[1, 3, 4, 2], [1, 3, 4, 2], { x: "nhwc", y: "nhwc" }]);
  const y = evaluate(graph, new Map([["x", x]])).get("y")!, before = evaluate(source, new Map([["x", toNchw(x)]])).get("y")!;
  expect(toNchw(y)).toEqual(before);
});
test("the source graph is left alone", () => {
  const source = doubled("nchw");
  withLayout(source, "nhwc");
  expect([source.nodes.length, source.tensors.get("x")!.shape]).toEqual([1, [1, 2, 3, 4]]);
});
test("there and back is the identity", () => {
  const graph = withLayout(withLayout(doubled("nchw"), "nhwc"), "nchw");
  expect(evaluate(graph, new Map([["x", x]])).get("y")).toEqual(x.map((v) => 2 * v));
});
test("what has the layout already, or none, stays", () => {
  expect(withLayout(doubled("nhwc"), "nhwc").nodes).toHaveLength(1);
  expect(withLayout(doubled(""), "nhwc").nodes).toHaveLength(1);
});
