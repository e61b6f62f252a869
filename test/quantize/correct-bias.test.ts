/** Bias correction: it takes systematic errors out, and leaves alone what only chance explains. */
import { expect, test } from "vitest";
import { tensorOf, type Graph } from "../../converter/ir/graph.ts";
import { calibrate, type Sample } from "../../converter/quantize/calibrate.ts";
import { compareGraphs } from "../../converter/quantize/compare.ts";
import { correctBiases, samplesWorth } from "../../converter/quantize/correct-bias.ts";
import { quantize } from "../../converter/quantize/quantize.ts";
import { convNet, Net, normals, random, relu, samplesFor } from "./nets.ts";

/** Activations of one sign make the rounding errors of weights add up. */
function shiftedNet(): Graph {
  const net = new Net(), x = net.g.input("x", "float32", [1, 10, 10, 4]);
  const wide = net.conv(x, 24, { clamp: relu }), deep = net.conv(wide, 24, { depthwise: true, clamp: relu }), narrow = net.conv(deep, 16, { stride: 2, clamp: relu });
  return net.finish(net.conv(narrow, 8, { kernel: 1 }));
}

const positive = (count: number, seed: number): Sample[] => {
  const next = random(seed);
  return Array.from({ length: count }, () => new Map([["x", normals(next, 400).map((v) => 2 + 0.5 * v)]]));
};
const outputError = async (float: Graph, graph: Graph, samples: Sample[]) => (await compareGraphs(float, graph, samples)).at(-1)!.sqnr;

test.each([8, 7] as const)("with %i-bit weights the output comes closer on samples not seen", async (weightBits) => {
  const float = shiftedNet(), samples = positive(24, 1), quantized = quantize(float, await calibrate(float, samples), { weightBits });
  const plain = quantize(float, withoutMeans(await calibrate(float, samples)), { weightBits });
  const corrected = await correctBiases(float, quantized, samples), unseen = positive(12, 2);
  expect(await outputError(float, corrected, unseen)).toBeGreaterThan((await outputError(float, plain, unseen)) + 1);
});

const withoutMeans = (ranges: Awaited<ReturnType<typeof calibrate>>) => new Map([...ranges].map(([name, { low, high, histogram }]) => [name, { low, high, histogram }]));

test("a network without systematic errors is not made worse", async () => {
  const float = convNet(), samples = samplesFor(float, 20), quantized = quantize(float, await calibrate(float, samples));
  const corrected = await correctBiases(float, quantized, samples), unseen = samplesFor(float, 20, 2);
  expect(await outputError(float, corrected, unseen)).toBeGreaterThan((await outputError(float, quantized, unseen)) - 0.5);
});

test("only biases change, and the given graph does not", async () => {
  const float = shiftedNet(), samples = positive(8, 1), quantized = quantize(float, await calibrate(float, samples));
  const before = new Map([...quantized.tensors].map(([name, t]) => [name, t.data?.slice()]));
  const corrected = await correctBiases(float, quantized, samples), biases = new Set(quantized.nodes.map((n) => n.inputs[2]!));
  for (const [name, data] of before) {
    expect(tensorOf(quantized, name).data).toEqual(data);
    if (!biases.has(name)) expect(tensorOf(corrected, name)).toEqual(tensorOf(quantized, name));
  }
  expect([...biases].some((name) => tensorOf(corrected, name).data!.some((v, i) => v !== before.get(name)![i]))).toBe(true);
});

test("the number of samples is bounded by their cost", () => {
  expect(samplesWorth(convNet())).toBe(32);
  const net = new Net(), large = net.finish(net.conv(net.g.input("x", "float32", [1, 128, 128, 16]), 64));
  expect(samplesWorth(large)).toBe(8);
});
