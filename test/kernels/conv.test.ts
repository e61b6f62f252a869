/** conv2d, convTranspose2d, dense, matmul and pools in float32 against the evaluator: odd sizes, tails, padding, dilation, groups. */
import { describe, expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { noClamp, type Attributes, type Clamp } from "../../converter/ir/ops.ts";
import { expectLikeEvaluator, oneNode, type Operand } from "./run.ts";
import { random } from "./random.ts";

const relu6: Clamp = [0, 6];
type Conv = Attributes<"conv2d">;
const conv = (a: Partial<Conv> = {}): Conv => ({ stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1, clamp: noClamp, ...a });

interface Case { x: number[]; w: number[]; a?: Partial<Conv>; bias?: boolean; kernel?: string }
const convs: Case[] = [
  { x: [1, 5, 5, 3], w: [8, 3, 3, 3], a: { pad: [1, 1, 1, 1] }, bias: true },
  { x: [1, 9, 7, 1], w: [13, 3, 2, 1], a: { stride: [2, 3], pad: [1, 0, 2, 1], clamp: relu6 }, bias: true },
  { x: [2, 6, 6, 5], w: [7, 1, 1, 5], bias: true },
  { x: [1, 8, 8, 6], w: [9, 3, 3, 2], a: { groups: 3, pad: [1, 1, 1, 1] }, bias: true },
  { x: [1, 11, 10, 4], w: [3, 3, 3, 4], a: { dilation: [2, 3], pad: [2, 3, 2, 3] } },
  { x: [1, 1, 20, 8], w: [17, 1, 5, 8], a: { pad: [0, 2, 0, 2] }, bias: true },
  { x: [1, 3, 3, 2], w: [4, 3, 3, 2], a: { pad: [6, 6, 6, 6], dilation: [2, 2] } },
  { x: [1, 6, 6, 2], w: [4, 3, 3, 1], a: { groups: 2, stride: [2, 2] }, bias: true },
  { x: [1, 7, 6, 8], w: [8, 3, 3, 1], a: { groups: 8, pad: [1, 1, 1, 1] }, bias: true, kernel: "depthwiseF32" },
  { x: [1, 12, 13, 5], w: [5, 3, 3, 1], a: { groups: 5, pad: [1, 1, 1, 1], stride: [2, 2], clamp: relu6 }, bias: true, kernel: "depthwiseF32" },
  { x: [2, 4, 19, 3], w: [3, 2, 5, 1], a: { groups: 3, pad: [0, 4, 1, 3], dilation: [1, 2] }, kernel: "depthwiseF32" },
  { x: [1, 4, 30, 18], w: [18, 1, 3, 1], a: { groups: 18, pad: [0, 1, 0, 1] }, bias: true, kernel: "depthwiseF32" },
];

describe.each(convs.map((k, i) => [JSON.stringify(k), k, i] as const))("conv2d %s", (_, { x, w, a, bias, kernel = "conv2dF32" }, seed) => {
  test.each([true, false])("constant weights: %s", async (constant) => {
    const operands: Operand[] = [{ shape: x }, { shape: w, constant }, ...(bias ? [{ shape: [w[0]!], constant }] : [])];
    const { graph, inputs } = oneNode("conv2d", operands, conv(a), { seed: seed + 1 });
    await expectLikeEvaluator(graph, inputs);
    expect((await compile(graph)).program.calls.map((c) => c.kernel)).toContain(kernel);
  });
});

test("conv2d of random geometries", async () => {
  const r = random(77);
  for (let i = 0; i < 60; i++) {
    const groups = r.whole(1, 3), C = groups * r.whole(1, 5), O = groups * r.whole(1, 11), [KH, KW] = [r.whole(1, 4), r.whole(1, 4)], dilation = [r.whole(1, 2), r.whole(1, 2)];
    const H = r.whole(1, 9) + dilation[0]! * KH, W = r.whole(1, 9) + dilation[1]! * KW, pad = Array.from({ length: 4 }, () => r.whole(0, 3));
    const { graph, inputs } = oneNode("conv2d", [{ shape: [r.whole(1, 2), H, W, C] }, { shape: [O, KH, KW, C / groups], constant: i % 3 > 0 }, { shape: [O], constant: true }],
      conv({ stride: [r.whole(1, 3), r.whole(1, 3)], dilation, pad, groups, clamp: i % 2 ? noClamp : relu6 }), { seed: i });
    await expectLikeEvaluator(graph, inputs);
  }
});

test("depthwise convolution of random geometries", async () => {
  const r = random(78);
  for (let i = 0; i < 60; i++) {
    const C = r.whole(1, 21), [KH, KW] = [r.whole(1, 4), r.whole(2, 4)], dilation = [r.whole(1, 2), i % 3 ? 1 : 2], stride = [r.whole(1, 3), r.whole(1, 3)];
    const H = r.whole(1, 9) + dilation[0]! * KH, W = r.whole(1, 19) + dilation[1]! * KW, pad = Array.from({ length: 4 }, () => r.whole(0, 3));
    const { graph, inputs } = oneNode("conv2d", [{ shape: [r.whole(1, 2), H, W, C] }, { shape: [C, KH, KW, 1], constant: i % 3 > 0 }, { shape: [C], constant: true }],
      conv({ stride, dilation, pad, groups: C, clamp: i % 2 ? noClamp : relu6 }), { seed: i });
    await expectLikeEvaluator(graph, inputs);
  }
});

const transposed: { x: number[]; w: number[]; a?: Partial<Attributes<"convTranspose2d">> }[] = [
  { x: [1, 4, 5, 3], w: [6, 3, 3, 3], a: { stride: [2, 2], pad: [1, 1, 1, 1], outputPadding: [1, 1] } },
  { x: [1, 3, 3, 2], w: [9, 2, 2, 2], a: { stride: [2, 2] } },
  { x: [2, 3, 4, 4], w: [6, 3, 4, 2], a: { stride: [3, 2], groups: 2, pad: [0, 1, 1, 0] } },
  { x: [1, 3, 3, 1], w: [2, 1, 1, 1], a: { stride: [3, 3], outputPadding: [2, 1] } },
  { x: [1, 5, 4, 3], w: [2, 3, 3, 3], a: { stride: [2, 3], dilation: [2, 2], clamp: relu6 } },
  { x: [1, 4, 4, 3], w: [5, 3, 3, 3], a: { stride: [2, 2], dilation: [3, 1], pad: [2, 1, 0, 1] } },
  { x: [1, 1, 9, 4], w: [3, 1, 4, 4], a: { stride: [1, 2], pad: [0, 1, 0, 1] } },
];

describe.each(transposed.map((k, i) => [JSON.stringify(k), k, i] as const))("convTranspose2d %s", (_, { x, w, a }, seed) => {
  test.each([true, false])("constant weights: %s", async (constant) => {
    const attributes = { ...conv(), outputPadding: [0, 0], ...a };
    const { graph, inputs } = oneNode("convTranspose2d", [{ shape: x }, { shape: w, constant }, { shape: [w[0]!], constant }], attributes, { seed: seed + 1 });
    await expectLikeEvaluator(graph, inputs);
  });
});

test.each([[[1, 7], 5], [[3, 33], 40], [[5, 16], 8], [[2, 3, 10], 67], [[64], 1], [[1, 130], 33]])("dense %j → %i", async (x, O) => {
  for (const constant of [true, false]) {
    const { graph, inputs } = oneNode("dense", [{ shape: x }, { shape: [O, x.at(-1)!], constant }, { shape: [O], constant }], { clamp: [-1, Infinity] });
    await expectLikeEvaluator(graph, inputs);
  }
});

test.each([[[4, 6], [6, 9]], [[1, 5], [5, 1]], [[2, 3, 7, 4], [4, 8]], [[3, 1, 6, 5], [2, 5, 11]], [[2, 1, 1, 2, 3], [5, 1, 3, 13]], [[17, 20], [20, 16]]])("matmul %j · %j", async (a, b) => {
  const { graph, inputs } = oneNode("matmul", [{ shape: a }, { shape: b }], {});
  await expectLikeEvaluator(graph, inputs);
});

type Pool = Attributes<"averagePool2d">;
const pool = (a: Partial<Pool>): Pool => ({ kernel: [2, 2], stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], countIncludePad: false, clamp: noClamp, ...a });
const pools: [number[], Partial<Pool>][] = [
  [[1, 6, 6, 4], { stride: [2, 2] }],
  [[2, 7, 5, 3], { kernel: [3, 3], pad: [1, 1, 1, 1], stride: [2, 1], clamp: [-0.5, 0.5] }],
  [[1, 8, 9, 17], { kernel: [3, 2], dilation: [2, 3], pad: [1, 2, 2, 1] }],
  [[1, 7, 7, 33], { kernel: [7, 7] }],
  [[1, 1, 10, 6], { kernel: [1, 4], stride: [1, 3], pad: [0, 2, 0, 1] }],
];
describe.each(pools)("pools %j %j", (x, a) => {
  test("maxPool2d", async () => {
    const { graph, inputs } = oneNode("maxPool2d", [{ shape: x }], pool(a));
    await expectLikeEvaluator(graph, inputs, 0);
  });
  test.each([true, false])("averagePool2d, padding counts: %s", async (countIncludePad) => {
    const { graph, inputs } = oneNode("averagePool2d", [{ shape: x }], pool({ ...a, countIncludePad }));
    await expectLikeEvaluator(graph, inputs, 1e-6);
  });
});

test("NaN and infinities reach the result", async () => {
  const data = Float32Array.from([1, NaN, -Infinity, 2, 3, Infinity, 4, 5, 6]);
  const { graph, inputs } = oneNode("maxPool2d", [{ shape: [1, 3, 3, 1], data }], pool({}));
  const y = (await expectLikeEvaluator(graph, inputs)).get("y0")!;
  expect([...y]).toEqual([NaN, NaN, 5, Infinity]);
});
