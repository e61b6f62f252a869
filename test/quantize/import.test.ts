/** Models that come quantized: the integer graph computes what the given one says, to the last bit. */
import { expect, test } from "vitest";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { tensorOf, type DType, type Graph, type Quantization, type TypedArray } from "../../converter/ir/graph.ts";
import { noClamp } from "../../converter/ir/ops.ts";
import { realValues } from "../../converter/quantize/compare.ts";
import { importQuantized } from "../../converter/quantize/import.ts";
import { normals, random, relu, window } from "./nets.ts";

const per = (scale: number | number[], zeroPoint = 0): Quantization => {
  const scales = Float32Array.from([scale].flat());
  return { scale: scales, zeroPoint: new Int32Array(scales.length).fill(zeroPoint), axis: 0 };
};

/** Writes dequantize → operator → quantize, as ONNX Runtime's quantizer does. */
class Qdq {
  readonly g = new GraphBuilder("test", "qdq");
  private readonly next = random(11);
  private readonly dtype: DType;
  private readonly shift: number;

  constructor(dtype: "int8" | "uint8") {
    this.dtype = dtype;
    this.shift = dtype === "uint8" ? 128 : 0;
  }

  /** quantize and dequantize of x. */
  both(x: string, scale: number, zeroPoint: number): string {
    return this.g.add("dequantize", [this.quantized(x, scale, zeroPoint)], {});
  }

  quantized(x: string, scale: number, zeroPoint: number): string {
    return this.g.add("quantize", [x], {}, [], { dtype: this.dtype, quantization: per(scale, zeroPoint + this.shift) });
  }

  /** Integer weights with a scale per channel, dequantized. */
  weights(shape: number[]): { name: string; scales: number[] } {
    const scales = Array.from({ length: shape[0]! }, () => 0.001 + 0.02 * this.next()), size = shape.reduce((n, d) => n * d, 1);
    const data = Int8Array.from({ length: size }, () => Math.round(254 * this.next() - 127));
    return { name: this.g.add("dequantize", [this.g.constant("w", "int8", shape, data, per(scales))], {}), scales };
  }

  bias(input: number, scales: number[]): string {
    const data = Int32Array.from(scales, () => Math.round(4000 * this.next() - 2000));
    return this.g.add("dequantize", [this.g.constant("b", "int32", [scales.length], data, per(scales.map((s) => Math.fround(s) * Math.fround(input))))], {});
  }
}

function qdqNet(dtype: "int8" | "uint8"): Graph {
  const q = new Qdq(dtype), g = q.g, x = q.both(g.input("x", "float32", [1, 6, 6, 3]), 0.03, 5), w = q.weights([4, 3, 3, 3]);
  const conv = g.add("conv2d", [x, w.name, q.bias(0.03, w.scales)], { ...window, groups: 1, clamp: relu });
  const first = q.both(conv, 0.02, -128), moved = g.add("transpose", [first], { perm: [0, 2, 1, 3] });
  const swish = q.both(g.add("hardSwish", [moved], { alpha: 0, beta: 0 }), 0.018, -110), sum = q.both(g.add("add", [swish, first], { clamp: noClamp }), 0.04, -120);
  const both = q.both(g.add("concat", [sum, first], { axis: 3 }), 0.04, -120);
  const odd = q.both(g.add("normalize", [both], { axes: [3], epsilon: 1e-3 }), 0.02, 0), dense = q.weights([5, 288]);
  const flat = g.add("reshape", [odd], { shape: [1, 288] });
  g.output(q.both(g.add("dense", [flat, dense.name, q.bias(0.02, dense.scales)], { clamp: noClamp }), 0.3, 10));
  return g.graph;
}

const run = (graph: Graph, x: TypedArray) => {
  const name = graph.outputs[0]!;
  return [...realValues(tensorOf(graph, name), evaluate(graph, new Map([[graph.inputs[0]!, x]])).get(name)!)];
};
const dtypes = (graph: Graph) => new Set(graph.nodes.flatMap((n) => n.outputs).filter(Boolean).map((o) => tensorOf(graph, o).dtype));

test.each(["int8", "uint8"] as const)("dequantize → operator → quantize in %s becomes integers, with the same result", (dtype) => {
  const source = qdqNet(dtype), graph = importQuantized(source);
  for (const seed of [1, 2, 3]) {
    const x = normals(random(seed), 108, 2);
    expect(run(graph, x)).toEqual(run(source, x));
  }
  expect(graph.nodes.map((n) => n.op)).toEqual([
    "quantize", "conv2d", "transpose", "lut", "add", "lut", "concat", "dequantize", "normalize", "quantize", "reshape", "dense", "dequantize",
  ]);
  expect(dtypes(graph)).toEqual(new Set(["int8", "float32"]));
});

test("given scales, weights and biases are kept", () => {
  const source = qdqNet("int8"), graph = importQuantized(source), conv = graph.nodes.find((n) => n.op === "conv2d")!;
  const given = [...source.tensors.values()].filter((t) => t.data && t.quantization && t.name.startsWith("w"))[0]!;
  expect(tensorOf(graph, conv.inputs[1]!)).toEqual(given);
  expect(tensorOf(graph, conv.inputs[2]!).dtype).toBe("int32");
  expect(tensorOf(graph, conv.outputs[0]!).quantization).toEqual(per(0.02, -128));
});

test("weights that a reader folded to float find their integers again", () => {
  const source = qdqNet("int8");
  for (const node of source.nodes.filter((n) => n.op === "dequantize" && tensorOf(source, n.inputs[0]!).data)) {
    tensorOf(source, node.outputs[0]!).data = evaluate(source, new Map(), { nodes: [node] }).get(node.outputs[0]!)!;
    source.nodes = source.nodes.filter((n) => n !== node);
  }
  const graph = importQuantized(source), x = normals(random(9), 108, 2);
  const weights = tensorOf(graph, graph.nodes.find((n) => n.op === "conv2d")!.inputs[1]!), original = [...source.tensors.values()].find((t) => t.dtype === "int8" && t.data && t.shape.length === 4)!;
  expect(weights.data).toEqual(original.data);
  weights.quantization!.scale.forEach((s, c) => expect(s).toBeCloseTo(original.quantization!.scale[c]!, 7));
  run(graph, x).forEach((v, i) => expect(Math.abs(v - run(source, x)[i]!)).toBeLessThanOrEqual(0.3001));
});

test("weights with a zero point become symmetric per channel", () => {
  const g = new GraphBuilder("test", "asymmetric"), x = new Qdq("uint8");
  x.g.input("x", "float32", [1, 4]);
  const data = Uint8Array.of(0, 50, 120, 255, 120, 121, 119, 118), w = x.g.constant("w", "uint8", [2, 4], data, per(0.01, 120));
  const y = x.g.add("dense", [x.both("x", 0.05, 0), x.g.add("dequantize", [w], {})], { clamp: noClamp });
  x.g.output(x.both(y, 0.05, 0));
  const graph = importQuantized(x.g.graph), input = Float32Array.of(1, -2, 3, 0.5);
  expect(g.graph.nodes).toHaveLength(0);
  expect(tensorOf(graph, graph.nodes.find((n) => n.op === "dense")!.inputs[1]!).quantization!.zeroPoint).toEqual(new Int32Array(2));
  run(graph, input).forEach((v, i) => expect(Math.abs(v - run(x.g.graph, input)[i]!)).toBeLessThanOrEqual(0.0501));
});

/** uint8 in, uint8 out, integers between, as older TFLite files. */
function unsignedNet(): Graph {
  const g = new GraphBuilder("test", "unsigned"), u8 = (scale: number, zero: number) => ({ dtype: "uint8" as const, quantization: per(scale, zero) });
  g.input("x", "uint8", [1, 4], "", per(0.02, 100));
  const w = g.constant("w", "int8", [3, 4], Int8Array.from([5, -7, 127, 3, 1, 2, 3, -127, 40, 0, 9, 80]), per([0.01, 0.02, 0.005]));
  const y = g.add("dense", ["x", w], { clamp: noClamp }, ["y"], u8(0.05, 120));
  g.output(g.add("tanh", [y], { alpha: 0, beta: 0 }, ["z"], u8(1 / 128, 128)));
  return g.graph;
}

test("unsigned inputs and outputs keep their type, everything between is signed", () => {
  const source = unsignedNet(), graph = importQuantized(source), x = Uint8Array.of(0, 90, 160, 255);
  expect(graph.nodes.map((n) => n.op)).toEqual(["requantize", "dense", "lut", "requantize"]);
  expect(tensorOf(graph, "x").dtype).toBe("uint8");
  expect(tensorOf(graph, "z").dtype).toBe("uint8");
  expect(run(graph, x)).toEqual(run(source, x));
});

test("integer operators without a kernel are computed in float between roundings", () => {
  const g = new GraphBuilder("test", "island"), i8 = (scale: number, zero: number) => ({ dtype: "int8" as const, quantization: per(scale, zero) });
  g.input("x", "int8", [1, 6], "", per(0.02, 3));
  const sum = g.add("cumSum", ["x"], { axis: 1, exclusive: false, reverse: false }, ["sum"], i8(0.1, 0));
  g.output(g.add("cumSum", [sum], { axis: 1, exclusive: false, reverse: true }, ["y"], i8(0.2, 0)));
  const graph = importQuantized(g.graph), x = Int8Array.of(-128, 127, 0, 50, -50, 3);
  expect(graph.nodes.map((n) => n.op)).toEqual(["dequantize", "cumSum", "quantize", "dequantize", "cumSum", "quantize"]);
  expect(run(graph, x)).toEqual(run(g.graph, x));
});

test("a chain of functions between integers is one table of the same bytes", () => {
  const g = new GraphBuilder("test", "chain"), i8 = (scale: number, zero: number) => ({ dtype: "int8" as const, quantization: per(scale, zero) });
  g.input("x", "int8", [256], "", per(0.05, -4));
  const a = g.add("tanh", ["x"], { alpha: 0, beta: 0 }, ["a"], i8(1 / 128, 0)), b = g.add("requantize", [a], {}, ["b"], i8(0.01, 20));
  const half = g.constant("half", "int8", [1], Int8Array.of(100), per(0.005));
  g.output(g.add("mul", [b, half], { clamp: noClamp }, ["y"], i8(0.004, -10)));
  const graph = importQuantized(g.graph), x = Int8Array.from({ length: 256 }, (_, i) => i - 128);
  expect(graph.nodes.map((n) => n.op)).toEqual(["lut"]);
  expect(run(graph, x)).toEqual(run(g.graph, x));
  expect(importQuantized(g.graph, { exact: true }).nodes.map((n) => n.op)).toEqual(["tanh", "requantize", "mul"]);
});
