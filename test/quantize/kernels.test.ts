/** Every operator that the quantizer makes integer has a kernel, which comes within a step of what the graph says. */
import { expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { sizeOf, tensorOf, type Graph } from "../../converter/ir/graph.ts";
import { noClamp, unaryOps, type UnaryOp } from "../../converter/ir/ops.ts";
import { calibrate, type Sample } from "../../converter/quantize/calibrate.ts";
import { integerInputs, realValues } from "../../converter/quantize/compare.ts";
import { quantize } from "../../converter/quantize/quantize.ts";
import { load } from "../../targets/node/index.ts";
import { lstmNet, Net, normals, random } from "./nets.ts";

const square = { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pad: [0, 0, 0, 0], clamp: noClamp };
type Build = (net: Net, x: string) => string;
const one = (build: Build): Graph => {
  const net = new Net();
  return net.finish(build(net, net.g.input("x", "float32", [1, 6, 6, 8])));
};
const two = (op: "add" | "sub" | "mul" | "min" | "max"): Graph => one((net, x) => net.g.add(op, [x, net.g.input("b", "float32", [1, 6, 6, 8])], { clamp: noClamp }));
const functions = unaryOps.filter((op) => !["isNan", "isInf", "not", "log", "sqrt", "rsqrt", "reciprocal", "affine", "neg"].includes(op));
const unary = (op: UnaryOp) => one((net, x) => net.g.add(op, [x], op === "clip" ? { alpha: -1, beta: 1 } : { alpha: 0.5, beta: 0.25 }));

const activation = (fn: UnaryOp) => ({ fn, alpha: 0, beta: fn === "clip" ? Infinity : 0 });
const gru = (linearBeforeReset: boolean, direction: "forward" | "reverse" | "bidirectional"): Graph => {
  const net = new Net(), D = direction === "bidirectional" ? 2 : 1, x = net.g.input("x", "float32", [5, 1, 6]);
  const weights = [net.weights("w", [D, 21, 6], 2), net.weights("r", [D, 21, 7], 2), net.weights("b", [D, 42], 4)], each = [activation("sigmoid"), activation("tanh")];
  return net.finish(net.g.add("gru", [x, ...weights], { direction, hidden: 7, activations: D === 2 ? [...each, ...each] : each, clip: 0, linearBeforeReset }));
};
const rnn = (fn: UnaryOp): Graph => {
  const net = new Net(), x = net.g.input("x", "float32", [5, 1, 6]);
  return net.finish(net.g.add("rnn", [x, net.weights("w", [1, 7, 6], 6), net.weights("r", [1, 7, 7], 14), net.weights("b", [1, 7], 4)], { direction: "forward", hidden: 7, activations: [activation(fn)], clip: 0 }));
};

const graphs: Record<string, Graph> = {
  "conv2d": one((net, x) => net.conv(x, 16)),
  "conv2d depthwise": one((net, x) => net.conv(x, 8, { depthwise: true })),
  "convTranspose2d": one((net, x) => net.g.add("convTranspose2d", [x, net.weights("w", [3, 3, 3, 8], 72), net.weights("b", [3], 1)], { stride: [2, 2], dilation: [1, 1], pad: [1, 1, 1, 1], groups: 1, outputPadding: [0, 0], clamp: noClamp })),
  "dense": one((net, x) => net.dense(x, 5)),
  "matmul": one((net, x) => { const a = net.g.add("reshape", [x], { shape: [36, 8] }); return net.g.add("matmul", [a, net.g.add("transpose", [a], { perm: [1, 0] })], {}); }),
  "maxPool2d": one((net, x) => net.g.add("maxPool2d", [x], square)),
  "averagePool2d": one((net, x) => net.g.add("averagePool2d", [x], { ...square, countIncludePad: false })),
  "add": two("add"), "sub": two("sub"), "mul": two("mul"), "min": two("min"), "max": two("max"),
  "sub of the first rows, which lie where the result would": one((net, x) => {
    const t = net.conv(x, 8), rows = net.g.add("slice", [t], { starts: [0, 0, 0, 0], steps: [1, 1, 1, 1], sizes: [1, 1, 6, 8] });
    return net.conv(net.g.add("sub", [t, rows], { clamp: noClamp }), 4);
  }),
  "prelu": one((net, x) => net.g.add("prelu", [x, net.weights("s", [8], 10)], { clamp: noClamp })),
  "concat": one((net, x) => net.g.add("concat", [x, net.conv(x, 2)], { axis: 3 })),
  "transpose": one((net, x) => net.g.add("transpose", [x], { perm: [0, 3, 2, 1] })),
  "slice": one((net, x) => net.g.add("slice", [x], { starts: [0, 4, 1, 0], steps: [1, -2, 2, 1], sizes: [1, 2, 2, 8] })),
  "pad": one((net, x) => net.g.add("pad", [x], { before: [0, 1, 2, 0], after: [0, 1, -1, 0], mode: "constant", value: 1.5 })),
  "pad reflect": one((net, x) => net.g.add("pad", [x], { before: [0, 1, 2, 0], after: [0, 1, 0, 0], mode: "reflect", value: 0 })),
  "expand": one((net, x) => net.g.add("expand", [x], { shape: [3, 6, 6, 8] })),
  "tile": one((net, x) => net.g.add("tile", [x], { repeats: [1, 2, 1, 1] })),
  "gather": one((net, x) => net.g.add("gather", [x, net.g.constant("i", "int64", [3], Float64Array.of(0, 5, -1))], { axis: 1 })),
  "nearest resize": one((net, x) => net.g.add("resample", [x], { axis: 1, taps: 1, indices: [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5], weights: new Array(12).fill(1) })),
  "reduceMean": one((net, x) => net.g.add("reduceMean", [x], { axes: [1, 2], keepDims: true })),
  "softmax": one((net, x) => net.g.add("softmax", [x], { axis: 3 })),
  "logSoftmax": one((net, x) => net.g.add("logSoftmax", [x], { axis: 3 })),
  "lstm, both directions and a second layer": lstmNet(),
  "gru": gru(false, "forward"), "gru, reset after the product": gru(true, "reverse"), "gru, both directions": gru(true, "bidirectional"),
  "rnn": rnn("tanh"), "rnn with relu": rnn("clip"),
  ...Object.fromEntries(functions.map((op) => [op, unary(op)])),
};

const samples = (graph: Graph, count: number, seed: number): Sample[] => {
  const next = random(seed);
  return Array.from({ length: count }, () => new Map(graph.inputs.map((name) => [name, normals(next, sizeOf(tensorOf(graph, name).shape))])));
};

/** Largest distance of the kernels' output from the evaluator's, in steps of the output. */
async function distance(graph: Graph): Promise<number> {
  const model = await load((await compile(graph)).model), name = graph.outputs[0]!, y = tensorOf(graph, name), step = y.quantization!.scale[0]!;
  let largest = 0;
  for (const sample of samples(graph, 5, 3)) {
    const expected = realValues(y, evaluate(graph, integerInputs(graph, sample)).get(name)!), found = model.run(Object.fromEntries(sample) as Record<string, Float32Array>);
    const values = (found instanceof Float32Array ? found : found[name]) as Float32Array;
    expected.forEach((v, i) => { largest = Math.max(largest, Math.abs(v - values[i]!) / step); });
  }
  return largest;
}

test.each(Object.entries(graphs))("%s", async (_, float) => {
  const q = quantize(float, await calibrate(float, samples(float, 10, 1)));
  expect(q.nodes.filter((n) => n.op === "dequantize")).toEqual([]);
  expect(await distance(q)).toBeLessThan(1.01);
});

test.each(["conv2d", "conv2d depthwise", "dense", "maxPool2d", "averagePool2d", "add", "sub", "mul", "concat", "pad", "gather"])("int16 %s", async (name) => {
  const float = graphs[name]!, q = quantize(float, await calibrate(float, samples(float, 10, 1)), { type: "int16" });
  expect(q.nodes.filter((n) => n.op === "dequantize")).toEqual([]);
  expect(await distance(q)).toBeLessThan(1.01);
});
