/** Gradients of convolutions and dense layers: the evaluator, central differences, odd sizes, padding, dilation, groups. */
import { describe, test } from "vitest";
import { noClamp, type Attributes } from "../../converter/ir/ops.ts";
import { expectNoHarm } from "../kernels/hostile.ts";
import { random } from "../kernels/random.ts";
import { windowsIn } from "../../converter/ir/shapes.ts";
import { asFunction, builds, expectDirections, expectLikeEvaluator, oneNode } from "./run.ts";

type Geometry = Omit<Attributes<"conv2d">, "clamp">;
interface Case { x: number[]; w: number[]; a: Geometry }

const geometry = (a: Partial<Geometry> = {}): Geometry => ({ stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1, ...a });
const outputOf = ({ x, w, a }: Case) => [x[0]!, ...[0, 1].map((k) => windowsIn(x[1 + k]!, w[1 + k]!, a.stride[k]!, a.dilation[k]!, a.pad[k]!, a.pad[2 + k]!)), w[0]!];

const cases: Case[] = [
  { x: [1, 5, 5, 3], w: [8, 3, 3, 3], a: geometry({ pad: [1, 1, 1, 1] }) },
  { x: [2, 9, 7, 1], w: [13, 3, 2, 1], a: geometry({ stride: [2, 3], pad: [1, 0, 2, 1] }) },
  { x: [2, 6, 6, 5], w: [7, 1, 1, 5], a: geometry() },
  { x: [1, 1, 33, 130], w: [11, 1, 1, 130], a: geometry() },
  { x: [3, 8, 8, 6], w: [9, 3, 3, 2], a: geometry({ groups: 3, pad: [1, 1, 1, 1] }) },
  { x: [1, 11, 10, 4], w: [3, 3, 3, 4], a: geometry({ dilation: [2, 3], pad: [2, 3, 2, 3] }) },
  { x: [1, 1, 20, 8], w: [17, 1, 5, 8], a: geometry({ pad: [0, 2, 0, 2] }) },
  { x: [1, 3, 3, 2], w: [4, 3, 3, 2], a: geometry({ pad: [6, 6, 6, 6], dilation: [2, 2] }) },
  { x: [2, 5, 5, 4], w: [3, 1, 1, 4], a: geometry({ stride: [2, 2] }) },
  { x: [4, 14, 14, 72], w: [6, 3, 3, 72], a: geometry({ pad: [1, 1, 1, 1] }) },
  { x: [2, 7, 6, 8], w: [8, 3, 3, 1], a: geometry({ groups: 8, pad: [1, 1, 1, 1] }) },
  { x: [1, 12, 13, 5], w: [5, 3, 3, 1], a: geometry({ groups: 5, pad: [0, 1, 1, 0], stride: [2, 2] }) },
  { x: [2, 9, 19, 19], w: [19, 2, 5, 1], a: geometry({ groups: 19, pad: [2, 4, 1, 3], dilation: [3, 2] }) },
  { x: [1, 4, 30, 40], w: [40, 1, 3, 1], a: geometry({ groups: 40, pad: [0, 5, 0, 1], stride: [1, 3], dilation: [1, 2] }) },
  { x: [1, 6, 6, 2], w: [6, 3, 3, 1], a: geometry({ groups: 2, pad: [1, 1, 1, 1] }) },
];

function randomCase(r: ReturnType<typeof random>): Case {
  const isDepthwise = r.whole(1, 4) === 1, groups = r.whole(1, isDepthwise ? 21 : 3), [KH, KW] = [r.whole(1, 4), r.whole(1, 4)], dilation = [r.whole(1, 2), r.whole(1, 2)], Cg = isDepthwise ? 1 : r.whole(1, 9);
  const [H, W] = [r.whole(1, 9) + dilation[0]! * KH, r.whole(1, 9) + dilation[1]! * KW], pad = Array.from({ length: 4 }, () => r.whole(0, 3));
  return { x: [r.whole(1, 3), H, W, groups * Cg], w: [groups * (isDepthwise ? 1 : r.whole(1, 11)), KH, KW, Cg], a: geometry({ stride: [r.whole(1, 3), r.whole(1, 3)], dilation, pad, groups }) };
}

const weightGrad = (k: Case, seed: number) => oneNode("conv2dWeightGrad", [{ shape: k.w }, { shape: k.x }, { shape: outputOf(k) }], k.a, { seed });

describe("conv2dWeightGrad", () => {
  test.each(cases.map((k, i) => [JSON.stringify(k), k, i] as const))("%s", async (_, k, seed) => {
    const { graph, inputs } = weightGrad(k, seed + 1), dw = (await expectLikeEvaluator(graph, inputs)).get("y0")!;
    const [w, x, dy] = ["x0", "x1", "x2"].map((name) => inputs.get(name) as Float32Array) as [Float32Array, Float32Array, Float32Array];
    const forward = oneNode("conv2d", [{ shape: k.x, data: x }, { shape: k.w }], { ...k.a, clamp: noClamp });
    expectDirections(asFunction(forward.graph, forward.inputs, "x1", "y0"), w, dy, dw.map((v, i) => v - w[i]!), { h: 0.25 });
  });

  test("of random geometries", async () => {
    const r = random(77);
    for (let i = 0; i < 80; i++) {
      const { graph, inputs } = weightGrad(randomCase(r), i);
      await expectLikeEvaluator(graph, inputs);
    }
  });
});

const inputGrad = (k: Case, seed: number) => oneNode("conv2dInputGrad", [{ shape: outputOf(k) }, { shape: k.w }], { ...k.a, size: k.x.slice(1, 3) }, { seed });

describe("conv2dInputGrad", () => {
  test.each(cases.map((k, i) => [JSON.stringify(k), k, i] as const))("%s", async (_, k, seed) => {
    const { graph, inputs } = inputGrad(k, seed + 1), dx = (await expectLikeEvaluator(graph, inputs)).get("y0")!;
    const forward = oneNode("conv2d", [{ shape: k.x }, { shape: k.w, data: inputs.get("x1") as Float32Array }], { ...k.a, clamp: noClamp });
    expectDirections(asFunction(forward.graph, forward.inputs, "x0", "y0"), forward.inputs.get("x0") as Float32Array, inputs.get("x0")!, dx, { h: 0.25 });
  });

  test("of random geometries", async () => {
    const r = random(78);
    for (let i = 0; i < 80; i++) {
      const { graph, inputs } = inputGrad(randomCase(r), i);
      await expectLikeEvaluator(graph, inputs);
    }
  });

  test("constant weights", async () => {
    const { graph, inputs } = oneNode("conv2dInputGrad", [{ shape: [1, 4, 4, 6] }, { shape: [6, 3, 3, 10], constant: true }], { ...geometry({ stride: [2, 2], pad: [1, 1, 1, 1] }), size: [8, 8] });
    await expectLikeEvaluator(graph, inputs);
  });
});

test.each([[[4, 1]], [[7, 3]], [[2, 5, 5, 10]], [[3, 1, 1, 64]], [[33, 85]], [[6]]])("biasGrad %j", async (dy) => {
  const { graph, inputs } = oneNode("biasGrad", [{ shape: dy.slice(-1) }, { shape: dy }], {});
  const db = (await expectLikeEvaluator(graph, inputs, 1e-6)).get("y0")!, b = inputs.get("x0") as Float32Array;
  const forward = oneNode("add", [{ shape: dy }, { shape: dy.slice(-1) }], { clamp: noClamp });
  expectDirections(asFunction(forward.graph, forward.inputs, "x1", "y0"), b, inputs.get("x1")!, db.map((v, i) => v - b[i]!), { h: 0.25 });
});

describe.each(builds.map((b) => [b.name, b] as const))("hostile structs, %s", (_, build) => {
  test.each([0, 2, 4, 11])("conv2dWeightGrad %i", async (i) => {
    const { graph, inputs } = weightGrad(cases[i]!, 1);
    await expectNoHarm(graph, inputs, build, i + 11);
  });
  test.each([4, 11])("conv2dInputGrad %i", async (i) => {
    const { graph, inputs } = inputGrad(cases[i]!, 1);
    await expectNoHarm(graph, inputs, build, i + 13);
  });
  test("biasGrad", async () => {
    const { graph, inputs } = oneNode("biasGrad", [{ shape: [21] }, { shape: [9, 21] }], {});
    await expectNoHarm(graph, inputs, build, 5);
  });
});
