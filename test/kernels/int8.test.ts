/**
 * Int8 kernels on random graphs, odd sizes included: the same bytes from every build, with either rounding, and at most
 * one step from the evaluator, which computes with real numbers.
 */
import { describe, expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { sizeOf, tensorOf, type DType, type Graph, type Quantization, type TypedArray } from "../../converter/ir/graph.ts";
import { noClamp, type Attributes, type Clamp, type OpName } from "../../converter/ir/ops.ts";
import type { Rounding } from "../../converter/lower/context.ts";
import { loaderOf } from "../../sdk/load.ts";
import { host, load, simd } from "../../targets/node/index.ts";
import { random, type Random } from "./random.ts";
import { reference } from "./reference.ts";
import { relaxedHosts } from "./relaxed-hosts.ts";
import { builds } from "./run.ts";

const scaled = (scale: number | ArrayLike<number>, zero: number): Quantization => {
  const all = typeof scale === "number" ? Float32Array.of(scale) : Float32Array.from(scale);
  return { scale: all, zeroPoint: new Int32Array(all.length).fill(zero), axis: 0 };
};

class Int8Graph {
  readonly b = new GraphBuilder("test", "int8");
  readonly inputs = new Map<string, TypedArray>();
  readonly r: Random;

  constructor(seed: number) {
    this.r = random(seed);
  }

  input(shape: number[], scale = 0.04, zero = this.r.whole(-20, 20)): string {
    const name = `x${this.inputs.size}`, data = this.r.bytes(sizeOf(shape), 128);
    this.inputs.set(name, data);
    return this.b.input(name, "int8", shape, "", scaled(scale, zero));
  }

  weights(shape: number[], zero = 0): string {
    const scales = Float32Array.from({ length: shape[0]! }, () => 0.002 + 0.01 * Math.abs(this.r.floats(1)[0]!));
    return this.b.constant("w", "int8", shape, this.r.bytes(sizeOf(shape)), scaled(zero ? scales.fill(0.005) : scales, zero));
  }

  bias(w: string): string {
    const { shape, quantization } = tensorOf(this.b.graph, w);
    return this.b.constant("b", "int32", [shape[0]!], Int32Array.from(this.r.floats(shape[0]!, 3000), Math.round), scaled(quantization!.scale.map((s) => s * 0.04), 0));
  }

  finish<K extends OpName>(op: K, names: string[], attributes: Attributes<K>, scale: number, zero = this.r.whole(-30, 30)): Graph {
    this.b.output(this.b.add(op, names, attributes, ["y"], { dtype: "int8", quantization: scaled(scale, zero) }));
    return this.b.graph;
  }
}

/** Every build, the plain kernels among them; SIMD as on hosts that check the address of every load by code; the relaxed build on every kind of host. */
const variants = [
  { name: "plain", build: reference, load },
  ...builds.map((build) => ({ name: build.name as string, build, load })),
  { name: "simd, checked loads", build: simd, load: loaderOf({ ...host, checkedLoads: true }) },
  ...Object.entries(relaxedHosts).map(([kind, build]) => ({ name: `relaxed, ${kind}`, build, load })),
];

/** Runs every build with both roundings; `steps`: farthest from the evaluator. */
async function check(graph: Graph, inputs: Map<string, TypedArray>, steps = 1): Promise<void> {
  const want = evaluate(graph, inputs).get("y")!, given = Object.fromEntries(inputs) as Record<string, Int8Array>;
  for (const rounding of ["fast", "tflite"] satisfies Rounding[]) {
    const { model } = await compile(graph, { rounding });
    const results = await Promise.all(variants.map(async ({ load, build }) => ((await load(model, { builds: [build] })).runRaw(given) as Record<string, Int8Array>).y!));
    results.forEach((y, i) => expect(y, `${variants[i]!.name} and ${variants[0]!.name}, ${rounding}`).toEqual(results[0]!));
    expect(farthest(results[0]!, want), rounding).toBeLessThanOrEqual(steps);
  }
}

const farthest = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let most = 0;
  for (let i = 0; i < b.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
};
const seeds = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

function clampOf(r: Random): Clamp {
  return [noClamp, [0, 6], [0, Infinity], [-1, 1]][r.whole(0, 3)] as Clamp;
}

function window(r: Random, transposed = false) {
  const kernel = [r.whole(1, 4), r.whole(1, 5)], dilation = [r.whole(1, 2), r.whole(1, r.whole(1, 2))], stride = [r.whole(1, 3), r.whole(1, 3)];
  const pad = kernel.map((k, a) => r.whole(0, (k - 1) * dilation[a]!)), after = kernel.map((k, a) => r.whole(0, (k - 1) * dilation[a]!));
  const least = kernel.map((k, a) => (transposed ? 1 + (pad[a]! + after[a]!) : (k - 1) * dilation[a]! + 1));
  return { kernel, stride, dilation, pad: [...pad, ...after], size: least.map((n) => n + r.whole(0, 9)) };
}

describe("convolution", () => {
  test.each(seeds(40))("random %i", async (seed) => {
    const g = new Int8Graph(seed), { r } = g, { kernel, size, ...w } = window(r), groups = r.whole(0, 3) === 0 ? r.whole(2, 4) : 1;
    const C = groups * r.whole(1, [3, 8, 17, 40][seed % 4]!), O = groups * r.whole(1, 19), weights = g.weights([O, ...kernel, C / groups]);
    await check(g.finish("conv2d", [g.input([r.whole(1, 2), ...size, C]), weights, g.bias(weights)], { ...w, groups, clamp: clampOf(r) }, 0.2), g.inputs);
  });

  test.each(seeds(16))("depthwise %i", async (seed) => {
    const g = new Int8Graph(seed + 100), { r } = g, { kernel, size, ...w } = window(r), C = r.whole(2, 21), O = C * (seed % 4 === 0 ? r.whole(2, 3) : 1);
    if (seed % 3 === 0) kernel.fill(3);
    const weights = g.weights([O, ...kernel, 1]), x = g.input([r.whole(1, 2), ...size.map((n) => n + 6), C]);
    await check(g.finish("conv2d", [x, weights, g.bias(weights)], { ...w, groups: C, clamp: clampOf(r) }, 0.05), g.inputs);
  });

  test.each(seeds(16))("depthwise of 3 × 3 taps %i", async (seed) => {
    const g = new Int8Graph(seed + 500), { r } = g, { kernel, size, ...w } = window(r), C = r.whole(2, [8, 32, 33, 100][seed % 4]!), weights = g.weights([C, 3, 3, 1]);
    const dilation = [w.dilation[0]!, seed % 5 ? 1 : 2], pad = [r.whole(0, 2), r.whole(0, 2), r.whole(0, 2), r.whole(0, 2)];
    await check(g.finish("conv2d", [g.input([r.whole(1, 2), ...size.map((n) => n + 4), C]), weights, g.bias(weights)], { ...w, dilation, pad, groups: C, clamp: clampOf(r) }, 0.05), g.inputs);
  });

  test.each(seeds(12))("pointwise %i", async (seed) => {
    const g = new Int8Graph(seed + 200), { r } = g, C = r.whole(1, 33), weights = g.weights([r.whole(1, 33), 1, 1, C]);
    await check(g.finish("conv2d", [g.input([r.whole(1, 2), r.whole(1, 7), r.whole(1, 7), C]), weights], { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1, clamp: clampOf(r) }, 0.1), g.inputs);
  });

  test.each(seeds(16))("transposed %i", async (seed) => {
    const g = new Int8Graph(seed + 300), { r } = g, { kernel, size, ...w } = window(r, true), groups = r.whole(1, 2), C = groups * r.whole(1, 9);
    const weights = g.weights([groups * r.whole(1, 9), ...kernel, C / groups]);
    await check(g.finish("convTranspose2d", [g.input([1, ...size, C]), weights, g.bias(weights)], { ...w, groups, outputPadding: [0, seed % 2], clamp: clampOf(r) }, 0.1), g.inputs);
  });

  test.each(seeds(16))("image larger than the scratch %i", async (seed) => {
    const g = new Int8Graph(seed + 400), { r } = g, { kernel, size, ...w } = window(r), isWide = seed % 2, C = [1, 2, 3, 4, 16][seed % 5]!, weights = g.weights([r.whole(1, 9), ...kernel, C]);
    const image = [size[0]! + r.whole(0, isWide ? 3 : 60), size[1]! + r.whole(isWide ? 90 : 5, isWide ? 180 : 30)];
    await check(g.finish("conv2d", [g.input([r.whole(1, 2), ...image, C]), weights, g.bias(weights)], { ...w, groups: 1, clamp: clampOf(r) }, 0.2), g.inputs);
  });

  test.each([2, 9])("weights with a zero point, %i × 6 pixels", async (height) => {
    const g = new Int8Graph(7), weights = g.weights([5, 3, 3, 3], 9);
    await check(g.finish("conv2d", [g.input([1, height, 6, 3]), weights, g.bias(weights)], { stride: [1, 1], dilation: [1, 1], pad: [1, 1, 1, 1], groups: 1, clamp: noClamp }, 0.3), g.inputs);
  });

  test("scales of 1 and more, where TFLite shifts to the left", async () => {
    const g = new Int8Graph(8), x = g.input([1, 3, 3, 2], 1.7), scales = Float32Array.of(0.01, 1.9, 3.4, 0.4);
    const weights = g.b.constant("w", "int8", [4, 1, 1, 2], g.r.bytes(8, 20), scaled(scales, 0));
    await check(g.finish("conv2d", [x, weights], { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1, clamp: noClamp }, 0.8), g.inputs);
  });
});

test.each(seeds(14))("dense %i", async (seed) => {
  const g = new Int8Graph(seed + 400), { r } = g, I = r.whole(1, 70), weights = g.weights([r.whole(1, 40), I], seed % 5 === 0 ? -4 : 0);
  await check(g.finish("dense", [g.input([r.whole(1, 40), I]), weights, g.bias(weights)], { clamp: clampOf(r) }, 0.15), g.inputs);
});

test.each(seeds(10))("matmul %i", async (seed) => {
  const g = new Int8Graph(seed + 500), { r } = g, [M, K, N] = [r.whole(1, 11), r.whole(1, 33), r.whole(1, 20)], batch = [[], [3], [2, 3]][seed % 3]!;
  const a = g.input([...batch, M, K]), b = g.input(seed % 2 ? [...batch.map((n, i) => (i ? n : 1)), K, N] : [K, N]);
  await check(g.finish("matmul", [a, b], {}, 0.2), g.inputs);
});

describe("pools", () => {
  test.each(seeds(14))("average %i", async (seed) => {
    const g = new Int8Graph(seed + 600), { r } = g, { kernel, size, pad, stride } = window(r);
    const same = seed % 2 === 0, zero = same ? 5 : 11, window2 = { kernel, stride, dilation: [1, 1], pad: pad.map((n, i) => Math.min(n, kernel[i % 2]! - 1)), clamp: clampOf(r) };
    await check(g.finish("averagePool2d", [g.input([1, ...size, r.whole(1, 19)], 0.04, 5)], { ...window2, countIncludePad: seed % 3 === 0 }, same ? 0.04 : 0.03, zero), g.inputs);
  });

  test.each(seeds(8))("max %i", async (seed) => {
    const g = new Int8Graph(seed + 700), { r } = g, { kernel, size, pad, ...w } = window(r), zero = r.whole(-9, 9);
    await check(g.finish("maxPool2d", [g.input([2, ...size, r.whole(1, 35)], 0.04, zero)], { ...w, kernel, pad: pad.map((n, i) => Math.min(n, kernel[i % 2]! - 1)), clamp: clampOf(r) }, 0.04, zero), g.inputs, 0);
  });

  test.each([[[1, 2]], [[0]], [[3]], [[1, 3]], [[0, 1, 2, 3]]])("mean over %j", async (axes) => {
    const g = new Int8Graph(800 + axes.length);
    await check(g.finish("reduceMean", [g.input([3, 5, 4, 19])], { axes, keepDims: true }, 0.02), g.inputs);
  });
});

const broadcasts: [number[], number[]][] = [[[4, 37], [4, 37]], [[2, 3, 3, 17], [17]], [[2, 3, 3, 17], [2, 1, 1, 17]], [[2, 3, 5], [1]], [[5, 1, 7], [1, 6, 1]], [[3, 1], [3, 9]]];
describe.each(["add", "sub", "mul", "min", "max", "prelu"] as const)("%s", (op) => {
  test.each(broadcasts)("%j with %j", async (a, b) => {
    const g = new Int8Graph(a.length + b.length);
    await check(g.finish(op, [g.input(a), g.input(b, 0.07)], { clamp: op === "prelu" ? noClamp : clampOf(g.r) }, op === "mul" ? 0.4 : 0.09), g.inputs);
  });
});

test.each([[[3, 12], 1], [[2, 5, 7], 1], [[1, 300], 1]] as [number[], number][])("softmax of %j along %i", async (shape, axis) => {
  const g = new Int8Graph(shape.length);
  await check(g.finish("softmax", [g.input(shape, 0.1)], { axis }, 1 / 256, -128), g.inputs);
  const h = new Int8Graph(shape.length);
  await check(h.finish("logSoftmax", [h.input(shape, 0.1)], { axis }, 16 / 256, 127), h.inputs);
});

test.each(["sigmoid", "tanh", "hardSwish", "exp", "gelu"] as const)("%s by table", async (op) => {
  const g = new Int8Graph(3);
  await check(g.finish(op, [g.input([5, 7], 0.05)], { alpha: 0, beta: 0 }, op === "exp" ? 1 : 0.02), g.inputs);
});

const integers: DType[] = ["int8", "uint8", "int16", "uint16"];
describe.each(integers)("%s and float", (dtype) => {
  const quantization = scaled(dtype.endsWith("8") ? 2 ** -5 : 2 ** -12, dtype.startsWith("u") ? (dtype === "uint8" ? 121 : 31000) : 9);
  const limits = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767], uint16: [0, 65535] }[dtype as "int8"];
  const halves = Float32Array.from([0.5, 1.5, 2.5, -0.5, -1.5, -2.5], (n) => n * quantization.scale[0]!);
  const x = Float32Array.from([...halves, ...random(4).floats(60, 6), NaN, Infinity, -Infinity, 1e30, -1e30, 0, -0]);

  test("quantize: halves to even, NaN to the zero point, saturating", async () => {
    const b = new GraphBuilder("test", "q");
    b.output(b.add("quantize", [b.input("x", "float32", [x.length])], {}, ["y"], { dtype, quantization }));
    const want = evaluate(b.graph, new Map([["x", x]])).get("y")!, { model } = await compile(b.graph);
    for (const build of builds) {
      const loaded = await load(model, { builds: [build] }), real = loaded.run(x) as Float32Array;
      expect(Array.from(real, (v) => Math.round(v / quantization.scale[0]!) + quantization.zeroPoint[0]!), build.name).toEqual(Array.from(want));
    }
    expect([...want].slice(66, 69)).toEqual([quantization.zeroPoint[0], limits[1], limits[0]]);
  });

  test("quantize as TFLite: halves away from zero", async () => {
    const b = new GraphBuilder("test", "q");
    b.output(b.add("quantize", [b.input("x", "float32", [6])], {}, ["y"], { dtype, quantization }));
    const { model } = await compile(b.graph, { rounding: "tflite" }), z = quantization.zeroPoint[0]!;
    for (const build of builds) {
      const real = (await load(model, { builds: [build] })).run(halves) as Float32Array;
      expect(Array.from(real, (v) => Math.round(v / quantization.scale[0]!) + z), build.name).toEqual([1, 2, 3, -1, -2, -3].map((n) => n + z));
    }
  });
});
