/** fakeQuant and fakeQuantRows. */
import { describe, expect, test } from "vitest";
import { expectNoHarm } from "../kernels/hostile.ts";
import { builds, expectLikeEvaluator, oneNode } from "./run.ts";

const grid = { scale: 0.1, zeroPoint: -3, lo: -128, hi: 100 };

test.each([1, 3, 4, 17, 1000])("fakeQuant %i", async (n) => {
  const { graph, inputs } = oneNode("fakeQuant", [{ shape: [n] }], grid, { scale: 12 });
  await expectLikeEvaluator(graph, inputs, 0);
});

test("fakeQuant rounds halves to even, clamps, and takes NaN for zero", async () => {
  const data = Float32Array.of(0.5, 1.5, 2.5, -0.5, 1e9, -1e9, NaN, Infinity);
  const { graph, inputs } = oneNode("fakeQuant", [{ shape: [8], data }], { scale: 1, zeroPoint: 5, lo: -128, hi: 127 });
  expect([...(await expectLikeEvaluator(graph, inputs, 0)).get("y0")!].map((v) => v + 0)).toEqual([0, 2, 2, 0, 122, -133, 0, 122]);
});

describe.each([[127, [5, 3, 3, 2]], [63, [8, 40]], [127, [1, 7]]] as const)("fakeQuantRows, limit %i, %j", (limit, shape) => {
  test("like the evaluator; a row grows only where it must", async () => {
    const scale = Float32Array.from({ length: shape[0] }, (_, o) => (o % 2 ? 0.001 : 1));
    const { graph, inputs } = oneNode("fakeQuantRows", [{ shape: [...shape] }, { shape: [shape[0]], data: scale }], { limit });
    const y = (await expectLikeEvaluator(graph, inputs, 0)).get("y0")! as Float32Array, w = inputs.get("x0") as Float32Array, K = w.length / shape[0];
    const peak = (v: Float32Array, o: number) => Math.max(...v.subarray(o * K, (o + 1) * K).map(Math.abs));
    if (shape[0] > 1) expect(peak(y, 1)).toBeCloseTo(peak(w, 1), 5);
    expect(y.subarray(0, K).every((v) => Number.isInteger(v))).toBe(true);
  });
});

test("fakeQuantRows takes a NaN for zero and leaves it out of its row's scale", async () => {
  const data = Float32Array.of(NaN, 3, -2, 0.2, 0, 1, 0.6, NaN, 5, -4), { graph, inputs } = oneNode("fakeQuantRows", [{ shape: [1, 10], data }, { shape: [1], data: Float32Array.of(0.01) }], { limit: 127 });
  const y = (await expectLikeEvaluator(graph, inputs, 0)).get("y0")!;
  expect([y[0], y[7], y[8]]).toEqual([0, 0, 5]);
});

describe.each(builds.map((b) => [b.name, b] as const))("hostile structs, %s", (_, build) => {
  test("fakeQuant", async () => {
    const { graph, inputs } = oneNode("fakeQuant", [{ shape: [50] }], grid);
    await expectNoHarm(graph, inputs, build, 5);
  });
  test("fakeQuantRows", async () => {
    const { graph, inputs } = oneNode("fakeQuantRows", [{ shape: [5, 10] }, { shape: [5] }], { limit: 127 });
    await expectNoHarm(graph, inputs, build, 6);
  });
});

test("fakeQuant of −0 where 0 is the least: the same bytes in whole vectors and behind them", async () => {
  const data = Float32Array.of(-0, -0, -0, -0, -0, -0, -1e-9);
  const { graph, inputs } = oneNode("fakeQuant", [{ shape: [7], data }], { scale: 0.1, zeroPoint: -128, lo: -128, hi: 127 });
  await expectLikeEvaluator(graph, inputs, 0);
});
