/** accumulate and clampGrad. */
import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { expectNoHarm } from "../kernels/hostile.ts";
import { asFunction, builds, expectDirections, expectLikeEvaluator, oneNode } from "./run.ts";

const lengths = [1, 3, 4, 5, 17, 64, 1000];

test.each(lengths)("accumulate %i", async (n) => {
  const { graph, inputs } = oneNode("accumulate", [{ shape: [n] }, { shape: [n] }], {});
  await expectLikeEvaluator(graph, inputs, 0);
});

test("accumulate leaves what is constant or read again", async () => {
  const constant = oneNode("accumulate", [{ shape: [5], constant: true }, { shape: [5] }], {});
  await expectLikeEvaluator(constant.graph, constant.inputs, 0);
  const b = new GraphBuilder("test", "twice"), [acc, g] = [b.input("acc", "float32", [6]), b.input("g", "float32", [6])];
  const first = b.add("accumulate", [acc, g], {}, ["first"]), second = b.add("accumulate", [acc, first], {}, ["second"]);
  [first, second].forEach((y) => b.output(y));
  await expectLikeEvaluator(b.graph, new Map([["acc", Float32Array.of(1, 2, 3, 4, 5, 6)], ["g", Float32Array.of(6, 5, 4, 3, 2, 1)]]), 0);
});

test.each(lengths)("clampGrad %i", async (n) => {
  const { graph, inputs } = oneNode("clampGrad", [{ shape: [n] }, { shape: [n] }], { min: -0.5, max: 1 });
  const dx = (await expectLikeEvaluator(graph, inputs, 0)).get("y0")!, x = inputs.get("x0") as Float32Array;
  const forward = oneNode("clip", [{ shape: [n] }], { alpha: -0.5, beta: 1 });
  expectDirections(asFunction(forward.graph, forward.inputs, "x0", "y0"), x, inputs.get("x1")!, dx, { h: 1e-4 });
});

test("clampGrad at the bounds, at infinity and for NaN", async () => {
  const data = Float32Array.of(0, 6, -0, 1e-30, 5.9999, NaN, Infinity, -Infinity);
  const { graph, inputs } = oneNode("clampGrad", [{ shape: [8], data }, { shape: [8], data: new Float32Array(8).fill(2) }], { min: 0, max: 6 });
  expect([...(await expectLikeEvaluator(graph, inputs, 0)).get("y0")!]).toEqual([0, 0, 0, 2, 2, 0, 0, 0]);
});

describe.each(builds.map((b) => [b.name, b] as const))("hostile structs, %s", (_, build) => {
  test("accumulate", async () => {
    const { graph, inputs } = oneNode("accumulate", [{ shape: [50] }, { shape: [50] }], {});
    await expectNoHarm(graph, inputs, build, 3);
  });
  test("clampGrad", async () => {
    const { graph, inputs } = oneNode("clampGrad", [{ shape: [50] }, { shape: [50] }], { min: 0, max: 6 });
    await expectNoHarm(graph, inputs, build, 4);
  });
});
