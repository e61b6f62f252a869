/** Scales and zero points as TFLite's quantization specification wants them. */
import { expect, test } from "vitest";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { tensorOf } from "../../converter/ir/graph.ts";
import { noClamp } from "../../converter/ir/ops.ts";
import { calibrate } from "../../converter/quantize/calibrate.ts";
import { quantizationOf, quantizeValues } from "../../converter/quantize/integers.ts";
import { quantize } from "../../converter/quantize/quantize.ts";
import { channelPeaks, leastScaleFor, quantizeBias, quantizeWeights, weightScales } from "../../converter/quantize/weights.ts";
import { convNet, lstmNet, Net, normals, random, samplesFor } from "./nets.ts";

test.each([[-3, 5], [0, 6], [-7, 0], [1000, 1016], [-1e-3, 8], [-5, -2], [-1, 1], [-1e-30, 1]])("range %f … %f: zero is exact, no end is clipped, less than one step is lost", (low, high) => {
  const { scale, zeroPoint } = quantizationOf([low, high], "int8"), s = scale[0]!, z = zeroPoint[0]!;
  const from = Math.min(0, low), to = Math.max(0, high), [least, greatest] = [(-128 - z) * s, (127 - z) * s];
  expect(Number.isInteger(z) && z >= -128 && z <= 127).toBe(true);
  expect(least).toBeLessThanOrEqual(from + s * 0.02);
  expect(greatest).toBeGreaterThanOrEqual(to * (1 - 1e-6) - s * 0.02);
  expect(greatest - least).toBeLessThanOrEqual((to - from) * (1 + 1.5 / 254));
});

test("what is negative alone has its zero at the end, whatever its range rounds to", () => {
  const next = random(3);
  for (let i = 0; i < 1000; i++) expect(quantizationOf([-next() * 10 ** (3 * next()), 0], "int8").zeroPoint[0]).toBe(127);
});

test("degenerate ranges have usable scales", () => {
  for (const range of [[0, 0], [0, 1e-45], [-1e-40, 0]] as [number, number][]) {
    const { scale, zeroPoint } = quantizationOf(range, "int8");
    expect(scale[0]).toBeGreaterThan(2 ** -126);
    expect(Number.isInteger(zeroPoint[0])).toBe(true);
  }
});

test("int16 is symmetric", () => {
  expect(quantizationOf([-2, 6], "int16")).toEqual({ scale: Float32Array.of(6 / 32767), zeroPoint: Int32Array.of(0), axis: 0 });
});

test("values round to even, clamp, and NaN is the zero point", () => {
  const q = { scale: Float32Array.of(0.5), zeroPoint: Int32Array.of(3), axis: 0 };
  expect([...quantizeValues([0, 0.25, 0.75, -0.25, 1e9, -Infinity, NaN], q, "int8")]).toEqual([3, 3, 5, 3, 127, -128, 3]);
});

const weightsOf = (shape: number[], data: Float32Array) => {
  const g = new GraphBuilder("test", "weights");
  g.constant("w", "float32", shape, data);
  return g.graph;
};

test.each([8, 7] as const)("%i-bit weights use the whole symmetric range, per channel", (bits) => {
  const data = normals(random(1), 24), graph = weightsOf([3, 8], data), limit = bits === 8 ? 127 : 63;
  const scale = weightScales(channelPeaks(graph, "w", 0), bits, () => 0), q = quantizeWeights(data, scale, bits);
  for (let c = 0; c < 3; c++) {
    const row = [...q.subarray(c * 8, c * 8 + 8)];
    expect(Math.max(...row.map(Math.abs))).toBe(limit);
    row.forEach((v, i) => expect(Math.abs(v * scale[c]! - data[c * 8 + i]!)).toBeLessThanOrEqual(scale[c]! * 0.5000001));
  }
});

test("rows of both directions of recurrent weights have scales of their own", () => {
  const graph = weightsOf([2, 3, 2], Float32Array.from({ length: 12 }, (_, i) => i + 1));
  expect([...channelPeaks(graph, "w", 1)]).toEqual([2, 4, 6, 8, 10, 12]);
});

test("a large bias over small weights widens the weights' scale until it fits", () => {
  const bias = Float32Array.of(1e6, 1), graph = weightsOf([2, 1], Float32Array.of(1e-6, 1)), sx = 0.01;
  const scale = weightScales(channelPeaks(graph, "w", 0), 8, leastScaleFor(bias, sx)), b = quantizeBias(bias, sx, scale, "int8");
  b.data!.forEach((q, c) => {
    expect(Math.abs(q)).toBeLessThan(2 ** 29);
    expect(Math.abs(q * scale[c]! * sx - bias[c]!)).toBeLessThanOrEqual(scale[c]! * sx + 1e-7 * bias[c]!);
  });
});

test("weights that are not finite are refused by name", () => {
  expect(() => channelPeaks(weightsOf([1, 2], Float32Array.of(1, NaN)), "w", 0)).toThrow(/weights "w": element 1 is NaN/);
});

test("operators that move values share one scale; softmax has TFLite's", async () => {
  const net = convNet(), q = quantize(net, await calibrate(net, samplesFor(net, 8)));
  for (const node of q.nodes.filter((n) => ["concat", "maxPool2d", "reshape"].includes(n.op))) {
    for (const input of node.inputs) expect(tensorOf(q, input).quantization).toEqual(tensorOf(q, node.outputs[0]!).quantization);
  }
  expect(tensorOf(q, q.outputs[0]!).quantization).toMatchObject({ scale: Float32Array.of(1 / 256), zeroPoint: Int32Array.of(-128) });
});

test("hidden states of tanh layers have scale 1/128; states and gates stay float", async () => {
  const net = lstmNet(), q = quantize(net, await calibrate(net, samplesFor(net, 8)));
  const layers = q.nodes.filter((n) => n.op === "lstm");
  expect(layers).toHaveLength(2);
  for (const layer of layers) {
    expect(tensorOf(q, layer.outputs[0]!)).toMatchObject({ dtype: "int8", quantization: { scale: Float32Array.of(1 / 128), zeroPoint: Int32Array.of(0) } });
    const [D, rows] = tensorOf(q, layer.inputs[1]!).shape as [number, number];
    expect(tensorOf(q, layer.inputs[1]!).quantization!.scale).toHaveLength(D * rows);
    expect(tensorOf(q, layer.inputs[3]!).dtype).toBe("float32");
  }
});

test("an embedding's table is covered whole, also where calibration saw few tokens", async () => {
  const net = new Net(), g = net.g;
  g.input("token", "int64", [1]);
  const table = g.constant("table", "float32", [3, 2], Float32Array.of(0.1, 0.2, 5, -4, 0.3, 0));
  const graph = net.finish(net.dense(g.add("gather", [table, "token"], { axis: 0 }), 2));
  const q = quantize(graph, await calibrate(graph, [new Map([["token", Float64Array.of(0)]])]));
  const embedded = tensorOf(q, q.nodes.find((n) => n.op === "gather")!.outputs[0]!), { scale, zeroPoint } = embedded.quantization!;
  expect((127 - zeroPoint[0]!) * scale[0]!).toBeGreaterThan(4.98);
  expect(noClamp[0]).toBe(-Infinity);
});
