/** Zeros of both signs, infinities, NaN and subnormal numbers through every operator of training: the same bytes from both builds. */
import { expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { sizeOf } from "../../converter/ir/graph.ts";
import type { Attributes, OpName } from "../../converter/ir/ops.ts";
import { lossKinds } from "../../converter/ir/ops.train.ts";
import { recurrentSignatures, sizedBy } from "../../converter/ir/ops.recurrent.grad.ts";
import { load, type Values } from "../../targets/node/index.ts";
import { random } from "../kernels/random.ts";
import { builds, oneNode } from "./run.ts";

const special = [0, -0, -0, 1, -1, 1e-40, -1e-40, 1e-20, 3e38, -3e38, Infinity, -Infinity, NaN, 0.5, -0.5, 88, -104], plain = { stride: [1, 1], dilation: [1, 1], pad: [1, 1, 1, 1] };
type Case = [string, OpName, number[][], object, number?];
const recurrent = Object.entries(recurrentSignatures).flatMap(([op, { inputs }]) => [{}, { quantization: { scale: 0.01, zeroPoint: -128 } }].flatMap((more) => [true, false].map((first): Case =>
  [`${op} ${first} ${Object.keys(more).join("")}`, op as OpName, inputs.map((o) => sizedBy({ T: 3, N: 6, H: 7 }, o)), { hidden: 7, linearBeforeReset: first, activation: first ? "relu" : "tanh", ...more }, 1])));
const losses = lossKinds.map((kind): Case => [`loss ${kind}`, "loss", [[3, 7], [3, 7], [3]], { kind, labels: "values", parameter: 1.5 }, 2]);
const cases: Case[] = [
  ["fakeQuant", "fakeQuant", [[15]], { scale: 0.1, zeroPoint: -128, lo: -128, hi: 127 }], ["fakeQuantRows", "fakeQuantRows", [[5, 7], [5]], { limit: 127 }],
  ["clampGrad", "clampGrad", [[15], [15]], { min: 0, max: 6 }], ["accumulate", "accumulate", [[15], [15]], {}], ["biasGrad", "biasGrad", [[7], [5, 7]], {}],
  ["conv2dWeightGrad", "conv2dWeightGrad", [[7, 3, 3, 3], [1, 5, 6, 3], [1, 5, 6, 7]], { ...plain, groups: 1 }], ["conv2dInputGrad", "conv2dInputGrad", [[1, 5, 6, 7], [7, 3, 3, 3]], { ...plain, groups: 1, size: [5, 6] }],
  ["maxPool2dGrad", "maxPool2dGrad", [[1, 5, 6, 7], [1, 5, 6, 7], [1, 5, 6, 7]], { ...plain, kernel: [3, 3] }], ["averagePool2dGrad", "averagePool2dGrad", [[1, 5, 6, 7]], { ...plain, kernel: [3, 3], countIncludePad: true, size: [5, 6] }],
  ...losses, ...recurrent,
];

test.each(cases)("%s", async (_, op, shapes, attributes, outputs = 1) => {
  for (let seed = 1; seed <= 20; seed++) {
    const r = random(seed), draw = (n: number) => Float32Array.from({ length: n }, () => (r.whole(0, 2) ? r.floats(1, 2)[0]! : special[r.whole(0, special.length - 1)]!));
    const { graph, inputs } = oneNode(op, shapes.map((shape) => ({ shape, data: draw(sizeOf(shape)) })), attributes as Attributes<typeof op>, { outputs });
    const { model } = await compile(graph), [a, b] = await Promise.all(builds.map(async (build) => (await load(model, { builds: [build] })).run(Object.fromEntries(inputs) as Record<string, Values>) as unknown as Record<string, Float32Array> | Float32Array));
    for (const y of graph.outputs) expect(bitsOf(a!, y)).toEqual(bitsOf(b!, y));
  }
});

/** NaN counts as one. */
function bitsOf(results: Record<string, Float32Array> | Float32Array, name: string): number[] {
  const values = results instanceof Float32Array ? results : results[name]!, bits = new Int32Array(values.slice().buffer);
  return Array.from(values, (v, i) => (Number.isNaN(v) ? NaN : bits[i]!));
}
