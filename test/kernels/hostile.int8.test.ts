/** The same for integer kernels: see hostile.test.ts. */
import { describe, test } from "vitest";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { sizeOf, type DType, type Graph, type Quantization } from "../../converter/ir/graph.ts";
import { noClamp, type Attributes, type OpName } from "../../converter/ir/ops.ts";
import { expectNoHarm } from "./hostile.ts";
import { random } from "./random.ts";
import { builds, type Inputs } from "./run.ts";

const scaled = (scale: number, channels = 1): Quantization => ({ scale: new Float32Array(channels).fill(scale), zeroPoint: new Int32Array(channels), axis: 0 });
type Case = { graph: Graph; inputs: Inputs };

/** One operator on integers between float ends: `inputs` of the shapes are activations, the rest weights. */
function integer<K extends OpName>(op: K, shapes: number[][], attributes: Attributes<K>, { inputs: count = 1, dtype = "int8" as DType } = {}): Case {
  const b = new GraphBuilder("test", op), r = random(3), inputs: Inputs = new Map();
  const names = shapes.map((shape, i) => {
    if (i >= count) return b.constant("w", "int8", shape, r.bytes(sizeOf(shape)), scaled(0.01, shape[0]));
    inputs.set(`x${i}`, r.floats(sizeOf(shape), 3));
    return b.add("quantize", [b.input(`x${i}`, "float32", shape)], {}, [`q${i}`], { dtype, quantization: scaled(0.03) });
  });
  b.output(b.add("dequantize", [b.add(op, names, attributes, ["y"], { dtype, quantization: scaled(0.03) })], {}, ["real"]));
  return { graph: b.graph, inputs };
}

/** LSTM over `T` steps. */
function lstm(T: number): Case {
  const b = new GraphBuilder("test", "lstm"), r = random(4), rows = 4 * 6, weights = (K: number) => b.constant("w", "int8", [1, rows, K], r.bytes(rows * K), { ...scaled(0.01, rows), axis: 1 });
  const x = b.add("quantize", [b.input("x", "float32", [T, 1, 5])], {}, ["q"], { dtype: "int8", quantization: scaled(0.03) }), [sigmoid, tanh] = (["sigmoid", "tanh"] as const).map((fn) => ({ fn, alpha: 0, beta: 0 }));
  b.add("lstm", [x, weights(5), weights(6)], { direction: "forward", hidden: 6, activations: [sigmoid!, tanh!, tanh!], clip: 0, inputForget: false }, ["y", "h", "c"], { dtype: "int8", quantization: scaled(1 / 128) });
  b.output("h");
  return { graph: b.graph, inputs: new Map([["x", r.floats(5 * T, 3)]]) };
}

const window = { stride: [1, 1], dilation: [1, 1], pad: [1, 1, 1, 1], clamp: noClamp };
const graphs: Record<string, () => Case> = {
  conv2d: () => integer("conv2d", [[1, 6, 7, 5], [9, 3, 3, 5]], { ...window, groups: 1 }),
  "conv2d, few pixels": () => integer("conv2d", [[1, 2, 2, 5], [9, 3, 3, 5]], { ...window, groups: 1 }),
  "conv2d, groups and dilation": () => integer("conv2d", [[1, 6, 7, 6], [4, 3, 3, 3]], { ...window, dilation: [1, 2], groups: 2 }),
  pointwise: () => integer("conv2d", [[1, 5, 5, 7], [9, 1, 1, 7]], { ...window, pad: [0, 0, 0, 0], groups: 1 }),
  depthwise: () => integer("conv2d", [[1, 6, 7, 10], [10, 3, 3, 1]], { ...window, groups: 10 }),
  "depthwise 2×5, twice the channels": () => integer("conv2d", [[1, 6, 7, 3], [6, 2, 5, 1]], { ...window, groups: 3 }),
  convTranspose2d: () => integer("convTranspose2d", [[1, 4, 4, 3], [5, 3, 3, 3]], { ...window, stride: [2, 2], groups: 1, outputPadding: [0, 0] }),
  dense: () => integer("dense", [[2, 20], [37, 20]], { clamp: noClamp }),
  matmul: () => integer("matmul", [[2, 1, 6, 5], [3, 5, 11]], {}, { inputs: 2 }),
  maxPool2d: () => integer("maxPool2d", [[1, 7, 7, 18]], { ...window, kernel: [3, 3] }),
  averagePool2d: () => integer("averagePool2d", [[1, 7, 7, 9]], { ...window, kernel: [3, 3], countIncludePad: true }),
  reduceMean: () => integer("reduceMean", [[3, 6, 4]], { axes: [0, 2], keepDims: false }),
  add: () => integer("add", [[4, 9, 5], [9, 1]], { clamp: noClamp }, { inputs: 2 }),
  prelu: () => integer("prelu", [[4, 9, 5], [5]], { clamp: noClamp }, { inputs: 2 }),
  sigmoid: () => integer("sigmoid", [[4, 9, 5]], { alpha: 0, beta: 0 }),
  softmax: () => integer("softmax", [[3, 6, 4]], { axis: 1 }),
  logSoftmax: () => integer("logSoftmax", [[3, 6, 4]], { axis: 1 }),
  lstm: () => lstm(3),
  "lstm, many steps": () => lstm(13),
  "conv2d, int16": () => integer("conv2d", [[1, 6, 7, 5], [9, 3, 3, 5]], { ...window, groups: 1 }, { dtype: "int16" }),
  "mul, int16": () => integer("mul", [[4, 9, 5], [9, 1]], { clamp: noClamp }, { inputs: 2, dtype: "int16" }),
};

describe.each(Object.keys(graphs))("%s", (name) => {
  test.each(builds.slice(0, 2).map((b) => [b.name, b] as const))("%s", async (_, build) => {
    const { graph, inputs } = graphs[name]!();
    await expectNoHarm(graph, inputs, build, name.length * 31 + 5);
  });
});
