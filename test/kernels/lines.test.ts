/** Reductions, softmax, normalization and what else goes along axes, against the evaluator. */
import { describe, expect, test } from "vitest";
import { reduceOps } from "../../converter/ir/ops.ts";
import { random } from "./random.ts";
import { expectLikeEvaluator, oneNode } from "./run.ts";

describe.each(reduceOps)("%s", (op) => {
  test.each([[[7], [0]], [[3, 130], [1]], [[5, 4, 19], [1]], [[2, 7, 7, 33], [1, 2]], [[2, 3, 4, 5, 6], [0, 2, 4]], [[3, 4, 5], [0, 1, 2]], [[1, 1, 9], [0, 1]]])("%j over %j", async (shape, axes) => {
    for (const keepDims of [true, false]) {
      const { graph, inputs } = oneNode(op, [{ shape }], { axes, keepDims }, { scale: 1.5 });
      await expectLikeEvaluator(graph, inputs, 1e-5);
    }
  });
});

test("reductions of infinities", async () => {
  const data = Float32Array.from([-Infinity, -Infinity, Infinity, 1, -Infinity, 2]);
  for (const op of ["reduceMax", "reduceMin", "reduceLogSumExp", "reduceSum"] as const) {
    const { graph, inputs } = oneNode(op, [{ shape: [3, 2], data }], { axes: [1], keepDims: false });
    await expectLikeEvaluator(graph, inputs, 1e-6);
  }
});

describe.each(["softmax", "logSoftmax"] as const)("%s", (op) => {
  test.each([[[10], 0], [[3, 1000], 1], [[2, 5, 7], 1], [[4, 3, 3], 0], [[1, 1], 1], [[6, 33], 1]])("%j along %i", async (shape, axis) => {
    const { graph, inputs } = oneNode(op, [{ shape }], { axis }, { scale: 8 });
    await expectLikeEvaluator(graph, inputs, 1e-6);
  });

  test("large and infinite arguments", async () => {
    const { graph, inputs } = oneNode(op, [{ shape: [3, 4], data: Float32Array.from([1000, 999, -1000, 0, -Infinity, 0, 1, -Infinity, 3e38, -3e38, 0, 0]) }], { axis: 1 });
    await expectLikeEvaluator(graph, inputs, 1e-6);
  });
});

test.each([[[6, 40], [1]], [[2, 5, 6, 3], [1, 2]], [[2, 5, 6, 3], [3]], [[3, 4, 5], [0, 2]], [[1, 7], [1]]])("normalize %j over %j", async (shape, axes) => {
  const { graph, inputs } = oneNode("normalize", [{ shape }], { axes, epsilon: 1e-5 });
  await expectLikeEvaluator(graph, inputs, 1e-5);
});

test.each(["argMax", "argMin"] as const)("%s", async (op) => {
  for (const axis of [0, 1, 2]) for (const selectLast of [true, false]) {
    const { graph, inputs } = oneNode(op, [{ shape: [3, 5, 4], data: random(axis).floats(60, 3).map(Math.round) }], { axis, keepDims: axis === 1, selectLast });
    await expectLikeEvaluator(graph, inputs, 0);
  }
});

test("cumSum", async () => {
  for (const exclusive of [true, false]) for (const reverse of [true, false]) for (const axis of [0, 1]) {
    const { graph, inputs } = oneNode("cumSum", [{ shape: [4, 6] }], { axis, exclusive, reverse });
    await expectLikeEvaluator(graph, inputs, 1e-6);
  }
});

test("topK", async () => {
  for (const largest of [true, false]) for (const [axis, k] of [[0, 2], [1, 5], [1, 1]] as const) {
    const data = random(k).floats(4 * 5 * 3, 3).map(Math.round), { graph, inputs } = oneNode("topK", [{ shape: [4, 5, 3], data }], { axis, k, largest }, { outputs: 2 });
    await expectLikeEvaluator(graph, inputs, 0);
  }
});

test("batch normalization with parameters known at run time", async () => {
  for (const axis of [1, 2]) for (const constant of [1, 2, 3, 4]) {
    const C = [2, 5, 7][axis]!, positive = random(8).floats(C).map((v) => Math.abs(v) + 0.1);
    const operands = [{ shape: [2, 5, 7] }, { shape: [C] }, { shape: [C] }, { shape: [C] }, { shape: [C], data: positive }].map((o, i) => ({ ...o, constant: i === constant }));
    const { graph, inputs } = oneNode("batchNorm", operands, { axis, epsilon: 1e-3 });
    const y = (await expectLikeEvaluator(graph, inputs, 1e-5)).get("y0")!;
    expect(y.length).toBe(70);
  }
});
