/** Losses: the evaluator, central differences, row weights, sequences, extreme values, labels that are no class. */
import { describe, expect, test } from "vitest";
import { lossKinds, type LossKind } from "../../converter/ir/ops.train.ts";
import fixture from "../fixtures/train/losses.json" with { type: "json" };
import { expectNoHarm } from "../kernels/hostile.ts";
import { random } from "../kernels/random.ts";
import { relativeError } from "../kernels/run.ts";
import { asFunction, builds, expectDirections, expectLikeEvaluator, oneNode } from "./run.ts";

const parameter = (kind: LossKind) => (kind === "huber" ? 0.7 : kind === "distillation" ? 3 : 0);
const shapes = [[4, 10], [1, 1], [3, 5, 7], [2, 1000], [5, 4]];

/** Targets that are distributions, or logits of a teacher. */
function targets(kind: LossKind, shape: number[], seed: number): Float32Array {
  const C = shape.at(-1)!, size = shape.reduce((n, d) => n * d, 1), raw = random(seed).floats(size, 2);
  if (kind !== "softmaxCrossEntropy" && kind !== "sigmoidCrossEntropy" && kind !== "negativeLogLikelihood") return raw;
  const positive = raw.map((v, i) => (i % 3 ? Math.abs(v) : 0)), sums = raw.map((_, i) => positive.subarray(i - (i % C), i - (i % C) + C).reduce((a, b) => a + b, 0) || 1);
  return positive.map((v, i) => v / sums[i]!);
}

function lossCase(kind: LossKind, labels: "index" | "values", shape: number[], seed = 1) {
  const r = random(seed), rows = shape.slice(0, -1), count = rows.reduce((n, d) => n * d, 1), weights = Float32Array.from({ length: shape[0]! }, (_, n) => (n === 1 ? 0 : 0.25 + n / 8));
  const given = labels === "index" ? { shape: rows, data: Float32Array.from({ length: count }, () => r.whole(0, shape.at(-1)! - 1)) } : { shape, data: targets(kind, shape, seed + 1) };
  return oneNode("loss", [{ shape }, given, { shape: [shape[0]!], data: weights }], { kind, labels, parameter: parameter(kind) }, { seed, outputs: 2, scale: 3 });
}

describe.each(lossKinds)("%s", (kind) => {
  test.each(shapes)("targets %j", async (...shape) => {
    const { graph, inputs } = lossCase(kind, "values", shape, shape.length), d = (await expectLikeEvaluator(graph, inputs, 5e-6)).get("y1")!;
    if (kind !== "meanAbsoluteError") expectDirections(asFunction(graph, inputs, "x0", "y0"), inputs.get("x0") as Float32Array, [1], d, { h: 5e-3, tolerance: 5e-3 });
  });
});

describe.each(lossKinds.filter((kind) => kind !== "distillation"))("%s", (kind) => {
  test.each(shapes)("classes %j", async (...shape) => {
    const { graph, inputs } = lossCase(kind, "index", shape, shape.length);
    await expectLikeEvaluator(graph, inputs, 5e-6);
  });
});

test.each(fixture.cases.map((c) => [c.name, c] as const))("PyTorch's %s", async (name, c) => {
  const [kind, labels] = name.split(" ") as [LossKind, "index" | "values"], operand = (shape: number[], data: number[]) => ({ shape, data: Float32Array.from(data) });
  const { graph, inputs } = oneNode("loss", [operand(c.shape, c.x), operand(labels === "index" ? c.shape.slice(0, 1) : c.shape, c.labels), operand(c.shape.slice(0, 1), c.weights)], { kind, labels, parameter: c.parameter }, { outputs: 2 });
  const results = await expectLikeEvaluator(graph, inputs);
  expect(relativeError(results.get("y0")!, [c.loss])).toBeLessThan(2e-6);
  expect(relativeError(results.get("y1")!, c.d)).toBeLessThan(2e-6);
});

const row = (kind: LossKind, x: number[], q: number[], labels: "index" | "values" = "values") =>
  oneNode("loss", [{ shape: [1, x.length], data: Float32Array.from(x) }, { shape: labels === "index" ? [1] : [1, x.length], data: Float32Array.from(q) }, { shape: [1], data: Float32Array.of(1) }],
    { kind, labels, parameter: 1 }, { outputs: 2 });

test("meanAbsoluteError has the sign of each error as gradient", async () => {
  const { graph, inputs } = row("meanAbsoluteError", [1, -2, 3, 0], [2, -3, 3, 0]);
  expect([...(await expectLikeEvaluator(graph, inputs)).get("y1")!]).toEqual([-0.25, 0.25, 0, 0]);
});

test("large logits lose no digits", async () => {
  const soft = row("softmaxCrossEntropy", [1000, 0, -1000, 999], [0], "index"), sigmoid = row("sigmoidCrossEntropy", [80, -80, 20, 0], [1, 0, 1, 1]);
  expect((await expectLikeEvaluator(soft.graph, soft.inputs)).get("y0")![0]).toBeCloseTo(0.313262, 5);
  expect((await expectLikeEvaluator(sigmoid.graph, sigmoid.inputs)).get("y0")![0]).toBeCloseTo(Math.LN2 / 4, 6);
  const impossible = row("softmaxCrossEntropy", [-Infinity, 1, 2], [1], "index");
  expect((await expectLikeEvaluator(impossible.graph, impossible.inputs)).get("y0")![0]).toBeCloseTo(1.313262, 5);
});

test.each([-1, 4, 1.5, NaN, Infinity, 1e20])("class %f of 4 makes the loss NaN", async (label) => {
  const { graph, inputs } = row("softmaxCrossEntropy", [1, 2, 3, 4], [label], "index");
  expect((await expectLikeEvaluator(graph, inputs)).get("y0")![0]).toBeNaN();
});

test("a row of weight 0 is not looked at", async () => {
  const x = Float32Array.of(NaN, Infinity, 0, 1, 2, 3), labels = Float32Array.of(77, 2), weights = Float32Array.of(0, 1);
  const { graph, inputs } = oneNode("loss", [{ shape: [2, 3], data: x }, { shape: [2], data: labels }, { shape: [2], data: weights }], { kind: "softmaxCrossEntropy", labels: "index", parameter: 0 }, { outputs: 2 });
  const results = await expectLikeEvaluator(graph, inputs);
  expect([...results.get("y1")!.slice(0, 3)]).toEqual([0, 0, 0]);
  expect(results.get("y0")![0]).toBeCloseTo(0.407606, 5);
});

describe.each(builds.map((b) => [b.name, b] as const))("hostile structs, %s", (_, build) => {
  test.each(["index", "values"] as const)("loss, %s", async (labels) => {
    const { graph, inputs } = lossCase("softmaxCrossEntropy", labels, [3, 5, 7]);
    await expectNoHarm(graph, inputs, build, 31);
  });
});
