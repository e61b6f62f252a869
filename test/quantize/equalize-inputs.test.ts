/** Features of different range get scales of their own where that is worth a pass over the input. */
import { expect, test } from "vitest";
import { evaluate } from "../../converter/ir/eval.ts";
import { tensorOf, type Graph } from "../../converter/ir/graph.ts";
import { calibrate, type Sample } from "../../converter/quantize/calibrate.ts";
import { compareGraphs } from "../../converter/quantize/compare.ts";
import { equalizeInputs } from "../../converter/quantize/equalize-inputs.ts";
import { nameHiddenStates } from "../../converter/quantize/copy.ts";
import { quantize } from "../../converter/quantize/quantize.ts";
import { Net, normals, random, window } from "./nets.ts";

function forecast(): Graph {
  const net = new Net(), g = net.g, x = g.input("x", "float32", [1, 5, 6]);
  const y = net.lstm(g.add("transpose", [x], { perm: [1, 0, 2] }), 8), last = g.add("slice", [y], { starts: [4, 0, 0, 0], steps: [1, 1, 1, 1], sizes: [1, 1, 1, 8] });
  return net.finish(net.dense(g.add("reshape", [last], { shape: [1, 8] }), 1));
}

/** Feature 5 is usually small, and rarely forty times as large as the others. */
const rain = (count: number, seed: number): Sample[] => {
  const next = random(seed);
  return Array.from({ length: count }, () => new Map([["x", normals(next, 30).map((v, i) => (i % 6 === 5 ? (next() < 0.02 ? 40 : 0.01 * v) : v))]]));
};
const even = (count: number, seed: number): Sample[] => Array.from({ length: count }, (_, i) => new Map([["x", normals(random(seed + i), 30)]]));

test("the scaled graph computes the same, with weights that carry the scale", async () => {
  const float = forecast(), graph = nameHiddenStates(float), ranges = await calibrate(float, rain(40, 1)), [sample] = rain(1, 2);
  equalizeInputs(graph, ranges, "int8", 8);
  expect(graph.nodes.map((n) => n.op)).toEqual(["transpose", "mul", "lstm", "slice", "reshape", "dense"]);
  const [before, after] = [float, graph].map((g) => evaluate(g, sample!).get(g.outputs[0]!)!) as [Float32Array, Float32Array];
  expect(after[0]).toBeCloseTo(before[0]!, 5);
});

test("a feature of rare extremes costs the others nothing: the output comes much closer", async () => {
  const float = forecast(), samples = rain(100, 1), ranges = await calibrate(float, samples), plain = quantize(float, withoutChannels(ranges)), scaled = quantize(float, ranges);
  const error = async (graph: Graph) => (await compareGraphs(float, graph, rain(60, 7))).at(-1)!.sqnr;
  expect(await error(scaled)).toBeGreaterThan((await error(plain)) + 3);
  expect(scaled.nodes.map((n) => n.op)).toEqual(["transpose", "mul", "quantize", "lstm", "slice", "reshape", "dense"]);
});

const withoutChannels = (ranges: Awaited<ReturnType<typeof calibrate>>) => new Map([...ranges].map(([name, { low, high, histogram }]) => [name, { low, high, histogram }]));

test("even features are left alone, and the input stays integers to the core", async () => {
  const float = forecast(), q = quantize(float, await calibrate(float, even(100, 1)));
  expect(q.nodes.map((n) => n.op)).toEqual(["transpose", "lstm", "slice", "reshape", "dense"]);
  expect(tensorOf(q, "x").dtype).toBe("int8");
});

test("grouped convolutions scale the channels of their own group", async () => {
  const net = new Net(), x = net.g.input("x", "float32", [1, 4, 4, 6]), w = net.weights("w", [4, 3, 3, 3], 27);
  const float = net.finish(net.g.add("conv2d", [x, w], { ...window, groups: 2, clamp: [-Infinity, Infinity] }));
  const next = random(3), samples = Array.from({ length: 30 }, () => new Map([["x", normals(next, 96).map((v, i) => (i % 6 === 4 ? (next() < 0.02 ? 60 : 0) : v))]]));
  const graph = nameHiddenStates(float);
  equalizeInputs(graph, await calibrate(float, samples), "int8", 8);
  expect(graph.nodes.map((n) => n.op)).toEqual(["mul", "conv2d"]);
  const [a, b] = [float, graph].map((g) => evaluate(g, samples[0]!).get(g.outputs[0]!)!) as [Float32Array, Float32Array];
  a.forEach((v, i) => expect(b[i]).toBeCloseTo(v, 4));
});
