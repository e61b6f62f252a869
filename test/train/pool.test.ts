/** Gradients of pools: the evaluator, central differences, ties, overlapping windows. */
import { describe, expect, test } from "vitest";
import { evaluate } from "../../converter/ir/eval.ts";
import { noClamp, type Attributes } from "../../converter/ir/ops.ts";
import { expectNoHarm } from "../kernels/hostile.ts";
import { random } from "../kernels/random.ts";
import { asFunction, builds, expectDirections, expectLikeEvaluator, oneNode } from "./run.ts";

type Pool = Omit<Attributes<"averagePool2d">, "clamp" | "countIncludePad">;
const pool = (a: Partial<Pool> = {}): Pool => ({ kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pad: [0, 0, 0, 0], ...a });

const cases: [number[], Pool][] = [
  [[2, 6, 6, 4], pool()],
  [[1, 7, 5, 3], pool({ kernel: [3, 3], stride: [2, 1], pad: [1, 1, 1, 1] })],
  [[1, 8, 9, 17], pool({ kernel: [3, 2], stride: [1, 1], dilation: [2, 3], pad: [1, 2, 2, 1] })],
  [[2, 7, 7, 33], pool({ kernel: [7, 7], stride: [1, 1] })],
  [[1, 1, 10, 6], pool({ kernel: [1, 4], stride: [1, 3], pad: [0, 2, 0, 1] })],
];

/** maxPool2d of x, all of whose values are different by more than the differences taken. */
function maxCase(shape: number[], a: Pool) {
  const size = shape.reduce((n, d) => n * d, 1), r = random(size), order = r.floats(size), ranks = [...order.keys()].sort((i, j) => order[i]! - order[j]!);
  const x = new Float32Array(size);
  ranks.forEach((i, rank) => { x[i] = rank / size; });
  const forward = oneNode("maxPool2d", [{ shape, data: x }], { ...a, clamp: noClamp }), y = evaluate(forward.graph, forward.inputs).get("y0") as Float32Array, windows = forward.graph.tensors.get("y0")!.shape;
  return { x, forward, grad: oneNode("maxPool2dGrad", [{ shape, data: x }, { shape: windows, data: y }, { shape: windows }], a) };
}

describe.each(cases)("pools %j %j", (shape, a) => {
  test("maxPool2dGrad", async () => {
    const { x, forward, grad } = maxCase(shape, a), dx = (await expectLikeEvaluator(grad.graph, grad.inputs, 1e-6)).get("y0")!;
    expectDirections(asFunction(forward.graph, forward.inputs, "x0", "y0"), x, grad.inputs.get("x2")!, dx, { h: 0.2 / x.length });
  });

  test.each([true, false])("averagePool2dGrad, padding counts: %s", async (countIncludePad) => {
    const forward = oneNode("averagePool2d", [{ shape }], { ...a, countIncludePad, clamp: noClamp }), windows = forward.graph.tensors.get("y0")!.shape;
    const { graph, inputs } = oneNode("averagePool2dGrad", [{ shape: windows }], { ...a, countIncludePad, size: shape.slice(1, 3) });
    const dx = (await expectLikeEvaluator(graph, inputs, 1e-6)).get("y0")!;
    expectDirections(asFunction(forward.graph, forward.inputs, "x0", "y0"), forward.inputs.get("x0") as Float32Array, inputs.get("x0")!, dx, { h: 0.25 });
  });
});

test("the first of equal maxima gets all, a clamped maximum and a NaN nothing", async () => {
  const x = Float32Array.of(3, 1, 7, NaN, 3, 3, 8, 0), shape = [1, 2, 4, 1], y = Float32Array.of(3, 6), dy = Float32Array.of(5, 9);
  const { graph, inputs } = oneNode("maxPool2dGrad", [{ shape, data: x }, { shape: [1, 1, 2, 1], data: y }, { shape: [1, 1, 2, 1], data: dy }], pool());
  expect([...(await expectLikeEvaluator(graph, inputs, 0)).get("y0")!]).toEqual([5, 0, 0, 0, 0, 0, 0, 0]);
});

describe.each(builds.map((b) => [b.name, b] as const))("hostile structs, %s", (_, build) => {
  test("maxPool2dGrad", async () => {
    const { graph, inputs } = maxCase(...cases[1]!).grad;
    await expectNoHarm(graph, inputs, build, 21);
  });
  test("averagePool2dGrad", async () => {
    const { graph, inputs } = oneNode("averagePool2dGrad", [{ shape: [1, 3, 3, 6] }], { ...pool(), countIncludePad: true, size: [7, 6] });
    await expectNoHarm(graph, inputs, build, 22);
  });
});
