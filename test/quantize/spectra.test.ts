/** A front end that computes spectra stays float; what only looks like one does not. */
import { expect, test } from "vitest";
import { evaluate } from "../../converter/ir/eval.ts";
import { dequantize } from "../../converter/ir/eval/quantize.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { tensorOf, type Graph } from "../../converter/ir/graph.ts";
import { noClamp } from "../../converter/ir/ops.ts";
import { calibrate } from "../../converter/quantize/calibrate.ts";
import { quantize } from "../../converter/quantize/quantize.ts";
import { spectra } from "../../converter/quantize/spectra.ts";
import { Net, relu } from "./nets.ts";

const bins = 16, frame = 64, pi = Math.PI;

/** The discrete Fourier transform of frames of 64, as one convolution: [2 · 16,1,64,1]. */
const transform = Float32Array.from({ length: 2 * bins * frame }, (_, i) => {
  const k = Math.floor(i / frame), at = (2 * pi * (k % bins) * (i % frame)) / frame, hann = 0.5 - 0.5 * Math.cos((2 * pi * (i % frame)) / frame);
  return hann * (k < bins ? Math.cos(at) : Math.sin(at));
});

/** Sound [1,1,T,1] → power of 16 bins → its logarithm → a small network. */
function spectrogram(compress: "log" | "none"): Graph {
  const net = new Net(), g: GraphBuilder = net.g, x = g.input("x", "float32", [1, 1, 1024, 1]);
  const y = g.add("conv2d", [x, g.constant("w", "float32", [2 * bins, 1, frame, 1], transform)], { stride: [1, 32], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1, clamp: noClamp }), T = g.shape(y)[2]!;
  const part = (start: number) => g.add("slice", [y], { starts: [0, 0, 0, start], steps: [1, 1, 1, 1], sizes: [1, 1, T, bins] }), squares = [part(0), part(bins)].map((p) => g.add("mul", [p, p], { clamp: noClamp }));
  const power = g.add("add", squares, { clamp: noClamp }), level = compress === "log" ? g.add("log", [g.add("clip", [power], { alpha: 1e-6, beta: Infinity })], { alpha: 0, beta: 0 }) : power;
  return net.finish(net.conv(net.conv(level, 8, { clamp: relu }), 4));
}

/** Three tones, 0, 30 and 60 dB down. */
const tones = (seed: number): Map<string, Float32Array> =>
  new Map([["x", Float32Array.from({ length: 1024 }, (_, t) => [2, 6, 11].reduce((sum, k, i) => sum + 10 ** (-1.5 * i) * Math.sin((2 * pi * (k + 0.1 * seed) * t) / frame + seed), 0))]]);

const opsIn = (graph: Graph): string[] => [...spectra(graph)].map((n) => n.op).sort();

test("from the transform to the logarithm all is float, and the network behind it is not", async () => {
  const graph = spectrogram("log"), ranges = await calibrate(graph, [0, 1, 2, 3].map(tones)), integers = quantize(graph, ranges);
  expect(opsIn(graph)).toEqual(["add", "clip", "conv2d", "log", "mul", "mul", "slice", "slice"]);
  expect(integers.nodes.filter((n) => n.op === "conv2d").map((n) => tensorOf(integers, n.outputs[0]!).dtype)).toEqual(["float32", "int8", "int8"]);
  const y = graph.outputs[0]!, got = dequantize(tensorOf(integers, y), evaluate(integers, tones(1)).get(y)!), wanted = evaluate(graph, tones(1)).get(y)!, mean = wanted.reduce((a, b) => a + b) / wanted.length;
  const power = (values: Iterable<number>) => [...values].reduce((a, v) => a + v * v, 0);
  expect(10 * Math.log10(power(Float64Array.from(wanted, (v) => v - mean)) / power(Float64Array.from(wanted, (v, i) => v - got[i]!)))).toBeGreaterThan(30);
});

test("powers that nothing compresses are quantized", () => expect(opsIn(spectrogram("none"))).toEqual([]));

test("a normalization squares what it divides: no spectrum", () => {
  const net = new Net(), g = net.g, x = net.dense(g.input("x", "float32", [1, 12]), 8), squares = g.add("mul", [x, x], { clamp: noClamp });
  const root = g.add("sqrt", [g.add("reduceMean", [squares], { axes: [1], keepDims: true })], { alpha: 0, beta: 0 });
  expect(opsIn(net.finish(g.add("div", [x, root], { clamp: noClamp })))).toEqual([]);
});

test("nor behind a clamp, and none is compressed behind one", () => {
  const net = new Net(), g = net.g, x = g.input("x", "float32", [1, 8, 8, 2]), square = (y: string) => g.add("mul", [y, y], { clamp: noClamp }), root = (y: string) => g.add("sqrt", [y], { alpha: 0, beta: 0 });
  const late = root(square(net.conv(net.conv(x, 4, { clamp: relu }), 4))), far = root(net.conv(net.conv(square(net.conv(x, 4)), 4, { clamp: relu }), 4));
  expect(opsIn(net.finish(g.add("add", [late, far], { clamp: noClamp })))).toEqual([]);
});

test("behind an activation there is no spectrum", () => {
  const net = new Net(), g = net.g, x = net.dense(g.add("tanh", [net.dense(g.input("x", "float32", [1, 12]), 8)], { alpha: 0, beta: 0 }), 8);
  expect(opsIn(net.finish(g.add("sqrt", [g.add("mul", [x, x], { clamp: noClamp })], { alpha: 0, beta: 0 })))).toEqual([]);
});
