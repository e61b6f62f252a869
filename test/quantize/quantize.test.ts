/** The integer graph: what is integer, what stays float, and how close it comes. */
import { expect, test } from "vitest";
import { evaluate } from "../../converter/ir/eval.ts";
import { consumersOf, isConstant, tensorOf, type Graph } from "../../converter/ir/graph.ts";
import { readModel } from "../../converter/formats/index.ts";
import { optimise } from "../../converter/optimise/index.ts";
import { bytesOf, madeCases, valuesOf } from "../formats/made.ts";
import { noClamp } from "../../converter/ir/ops.ts";
import { calibrate } from "../../converter/quantize/calibrate.ts";
import { counts } from "../../converter/quantize/counts.ts";
import { compareGraphs, integerInputs, realValues } from "../../converter/quantize/compare.ts";
import { quantize } from "../../converter/quantize/quantize.ts";
import { convNet, lstmNet, Net, samplesFor } from "./nets.ts";

const quantized = async (graph: Graph, options = {}) => quantize(graph, await calibrate(graph, samplesFor(graph, 30)), options);
const opsOf = (graph: Graph) => graph.nodes.map((n) => n.op);

/** Every tensor that a node reads exists, is written once, before it is read. */
function expectSound(graph: Graph): void {
  const known = new Set([...graph.inputs, ...graph.states.map((s) => s.input)]);
  for (const node of graph.nodes) {
    for (const input of node.inputs) expect(!input || known.has(input) || isConstant(graph, input), `${node.name} reads ${input}`).toBe(true);
    for (const output of node.outputs.filter(Boolean)) {
      expect(known.has(output), `${output} is written twice`).toBe(false);
      tensorOf(graph, output);
      known.add(output);
    }
  }
  for (const output of graph.outputs) expect(known.has(output)).toBe(true);
  expect(new Set(graph.nodes.map((n) => n.name)).size).toBe(graph.nodes.length);
}

test.each([["convolutions", convNet, 30], ["recurrent layers", lstmNet, 27]] as const)("%s: the output is close to float", async (_, make, decibels) => {
  const float = make(), q = await quantized(float), errors = await compareGraphs(float, q, samplesFor(float, 20, 2));
  expectSound(q);
  expect(errors.find((e) => e.name === float.outputs[0])!.sqnr).toBeGreaterThan(decibels);
});

test("int16 activations come closer than int8 ones, 7-bit weights less close", async () => {
  const float = convNet(), samples = samplesFor(float, 20, 2), ranges = await calibrate(float, samplesFor(float, 30), { method: "minmax" });
  const logits = async (options: object) => (await compareGraphs(float, quantize(float, ranges, options), samples)).find((e) => e.op === "dense")!.sqnr;
  const [narrow, plain, wide] = await Promise.all([logits({ weightBits: 7 }), logits({}), logits({ type: "int16" })]);
  expect(narrow).toBeLessThan(plain);
  expect(wide).toBeGreaterThan(plain + 3);
  expectSound(quantize(float, ranges, { type: "int16" }));
});

test("the float graph is left as it was", async () => {
  const float = convNet(), before = structuredClone({ ...float, tensors: [...float.tensors] });
  await quantized(float);
  expect({ ...float, tensors: [...float.tensors] }).toEqual(before);
});

test("an operator without an integer kernel is an island between dequantize and quantize", async () => {
  const net = new Net(), g = net.g, x = g.input("x", "float32", [1, 6, 6, 4]);
  const odd = g.add("normalize", [net.conv(x, 4)], { axes: [1, 2], epsilon: 1e-5 }), float = net.finish(net.conv(odd, 4)), q = await quantized(float);
  expect(opsOf(q)).toEqual(["conv2d", "dequantize", "normalize", "quantize", "conv2d"]);
  expect(tensorOf(q, odd).dtype).toBe("float32");
  expectSound(q);
});

test("float operators in a row hand floats on", async () => {
  const net = new Net(), g = net.g, x = g.input("x", "float32", [1, 6, 6, 4]);
  const one = g.add("normalize", [net.conv(x, 4)], { axes: [1, 2], epsilon: 1e-5 }), two = g.add("sigmoid", [g.add("cumSum", [one], { axis: 3, exclusive: false, reverse: false })], { alpha: 0, beta: 0 });
  const float = net.finish(g.add("normalize", [two], { axes: [3], epsilon: 1e-5 })), q = await quantized(float);
  expect(opsOf(q)).toEqual(["conv2d", "dequantize", "normalize", "cumSum", "sigmoid", "normalize"]);
  expectSound(q);
});

test("layers asked to stay float do", async () => {
  const float = convNet(), dense = float.nodes.find((n) => n.op === "dense")!, q = await quantized(float, { keepFloat: new Set([dense.name]) });
  const kept = q.nodes.find((n) => n.name === dense.name)!;
  for (const name of kept.inputs) expect(tensorOf(q, name).dtype).toBe("float32");
  expectSound(q);
});

test("x · sigmoid(x) in pieces is one table, as exact as its rounding", async () => {
  const net = new Net(), g = net.g, x = net.conv(g.input("x", "float32", [1, 6, 6, 4]), 4);
  const swish = g.add("mul", [x, g.add("sigmoid", [x], { alpha: 0, beta: 0 })], { clamp: noClamp }, ["swish"]);
  const float = net.finish(net.conv(swish, 2)), q = await quantized(float);
  expect(opsOf(q)).toEqual(["conv2d", "lut", "conv2d"]);
  const [sample] = samplesFor(float, 1, 5), values = evaluate(q, integerInputs(q, sample!));
  const before = realValues(tensorOf(q, x), values.get(x)!), y = tensorOf(q, "swish"), step = y.quantization!.scale[0]!;
  realValues(y, values.get("swish")!).forEach((v, i) => expect(Math.abs(v - before[i]! / (1 + Math.exp(-before[i]!)))).toBeLessThan(step * 0.51));
});

test("the flat side of an activation takes no integers", async () => {
  const net = new Net(), g = net.g, x = net.conv(g.input("x", "float32", [1, 6, 6, 4]), 4);
  const float = net.finish(net.conv(g.add("hardSwish", [g.add("affine", [x], { alpha: 20, beta: 0 }, ["wide"])], { alpha: 0, beta: 0 }), 2));
  const ranges = await calibrate(float, samplesFor(float, 30), { method: "minmax" }), q = quantize(float, ranges), { scale, zeroPoint } = tensorOf(q, x).quantization!;
  expect(ranges.get(x)!.low * 20).toBeLessThan(-10);
  expect((-128 - zeroPoint[0]!) * scale[0]! * 20).toBeGreaterThan(-4);
});

test("scaling of the input stays float: it is rounded once, after", async () => {
  const net = new Net(), g = net.g, x = g.input("x", "float32", [1, 6, 6, 3]);
  const float = net.finish(net.conv(g.add("affine", [x], { alpha: 1 / 127.5, beta: -1 }), 4));
  expect(opsOf(await quantized(float))).toEqual(["affine", "quantize", "conv2d"]);
});

test("summands that are constant become integers", async () => {
  const net = new Net(), g = net.g, x = net.conv(g.input("x", "float32", [1, 4, 4, 2]), 2);
  const float = net.finish(g.add("add", [x, net.weights("position", [1, 4, 4, 2], 1)], { clamp: noClamp })), q = await quantized(float), sum = q.nodes.at(-1)!;
  expect(sum.op).toBe("add");
  expect(tensorOf(q, sum.inputs[1]!)).toMatchObject({ dtype: "int8", quantization: { axis: 0 } });
  expectSound(q);
});

test("final states of a recurrent layer stay float, their int8 readers get a quantize", async () => {
  const net = new Net(), g = net.g, x = g.input("x", "float32", [3, 1, 4]), y = net.lstm(x, 5);
  const node = g.graph.nodes.at(-1)!;
  node.outputs = ["", "h", "c"];
  g.graph.tensors.delete(y);
  for (const name of ["h", "c"]) g.graph.tensors.set(name, { name, dtype: "float32", shape: [1, 1, 5] });
  const float = net.finish(net.dense(g.add("reshape", ["h"], { shape: [1, 5] }), 3)), q = await quantized(float);
  expect(opsOf(q)).toEqual(["lstm", "quantize", "reshape", "dense"]);
  expect(tensorOf(q, "h").dtype).toBe("float32");
  expect(tensorOf(q, q.nodes[0]!.outputs[0]!)).toMatchObject({ dtype: "int8", shape: [3, 1, 1, 5] });
  expectSound(q);
});

test("states that come and go through slices and concatenations stay float", async () => {
  const net = new Net(), g = net.g, x = g.input("x", "float32", [1, 1, 4]), h = g.input("h", "float32", [2, 1, 5]), c = g.input("c", "float32", [2, 1, 5]);
  const part = (from: string, k: number) => g.add("slice", [from], { starts: [k, 0, 0], steps: [1, 1, 1], sizes: [1, 1, 5] });
  const y = net.lstm(x, 5), node = g.graph.nodes.at(-1)!;
  g.graph.nodes.pop();
  node.inputs.push(part(h, 0), part(c, 1));
  g.graph.nodes.push(node);
  for (const name of ["hn", "cn"]) g.graph.tensors.set(name, { name, dtype: "float32", shape: [1, 1, 5] });
  node.outputs = [y, "hn", "cn"];
  g.output(g.add("concat", ["hn", "cn"], { axis: 0 }, ["states"]));
  const q = await quantized(net.finish(net.dense(g.add("reshape", [y], { shape: [1, 5] }), 3)));
  for (const name of ["h", "c", "hn", "cn", "states"]) expect(tensorOf(q, name).dtype).toBe("float32");
  expect(opsOf(q)).toEqual(["slice", "slice", "lstm", "concat", "reshape", "dense"]);
});

test("a state that integers write and read is carried as integers", async () => {
  const net = new Net(), g = net.g, x = g.input("x", "float32", [1, 4]);
  g.input("s", "float32", [1, 4]);
  const next = g.add("add", [net.dense(x, 4), "s"], { clamp: [-3, 3] }, ["next"]);
  const float = { ...net.finish(net.dense(next, 2)), inputs: ["x"], states: [{ input: "s", output: "next", initial: Float32Array.of(1, 0, -1, 2) }] };
  const q = await quantized(float), state = tensorOf(q, "s");
  expect(state.quantization).toEqual(tensorOf(q, q.states[0]!.output).quantization);
  expect(realValues(state, q.states[0]!.initial)[3]).toBeCloseTo(2, 1);
  expectSound(q);
});

test("operators between float ones only stay float", async () => {
  const net = new Net(), g = net.g, x = g.input("x", "float32", [2, 3]);
  const a = g.add("cumSum", [x], { axis: 1, exclusive: false, reverse: false }), b = g.add("add", [a, g.add("neg", [a], { alpha: 0, beta: 0 })], { clamp: noClamp });
  const q = await quantized(net.finish(g.add("cumSum", [b], { axis: 0, exclusive: false, reverse: false })));
  expect([...q.tensors.values()].every((t) => t.dtype === "float32")).toBe(true);
  expect(consumersOf(q, "x")[0]!.op).toBe("cumSum");
});

test("an initial state larger than a hidden state can be", async () => {
  const net = new Net(), { g } = net, x = g.input("x", "float32", [3, 1, 4]), h0 = g.input("h0", "float32", [1, 1, 4]), gate = { alpha: 0, beta: 0 };
  const inputs = [x, net.weights("w", [1, 12, 4], 4), net.weights("r", [1, 12, 4], 4), net.weights("b", [1, 24], 24), h0];
  const y = g.add("gru", inputs, { direction: "forward", hidden: 4, linearBeforeReset: true, clip: 0, activations: [{ fn: "sigmoid", ...gate }, { fn: "tanh", ...gate }] });
  const float = net.finish(y), samples = samplesFor(float, 30).map((s) => new Map([...s, ["h0", s.get("h0")!.map((v) => 4 * v)]]));
  const errors = await compareGraphs(float, quantize(float, await calibrate(float, samples)), samples);
  expect(errors.find((e) => e.name === y)!.sqnr).toBeGreaterThan(25);
});

/** Masks become places of steps: 1 step beside the right one is another word. */
test.each(madeCases<{ keras: string }>("keras").filter((c) => /mask/.test(c.name)).map((c) => [c.name, c] as const))("%s: places and lengths stay exact", async (_, c) => {
  const graph = optimise(await readModel(bytesOf(c.keras), { name: "made.keras" })), inputs = c.inputs.map(valuesOf);
  const samples = [0, 1, 2].map((n) => new Map(graph.inputs.map((name, i) => [name, inputs[i]!.subarray((n * inputs[i]!.length) / 3, ((n + 1) * inputs[i]!.length) / 3)])));
  const integers = quantize(graph, await calibrate(graph, samples)), whole = [...counts(graph)].map((n) => n.outputs[0]!).filter((y) => integers.tensors.has(y));
  const keep = new Set(whole);
  for (const s of samples) {
    const [wanted, found] = [evaluate(graph, s, { keep }), evaluate(integers, s, { keep })];
    for (const y of whole) expect([...found.get(y)!], y).toEqual([...wanted.get(y)!]);
  }
});
