import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { evaluate } from "../../converter/ir/eval.ts";
import { sizeOf, type Graph, type Tensor, type TypedArray } from "../../converter/ir/graph.ts";
import { noClamp, ops, type OpAttributes, type OpName } from "../../converter/ir/ops.ts";
import { image, Net, randoms } from "./support.ts";

interface Stored { shape: number[]; data: number[] }
interface Case { name: string; op: OpName; attributes: unknown; inputs: (Stored | null)[]; outputs: Stored[] }
const { source, cases } = JSON.parse(readFileSync(new URL("./fixtures/operators.json", import.meta.url), "utf8")) as { source: string; cases: Case[] };

/** One node over constants. */
function run(c: Pick<Case, "op" | "attributes" | "inputs">, outputs: number): Float32Array[] {
  const tensors = new Map<string, Tensor>();
  const inputs = c.inputs.map((t, i) => {
    if (t) tensors.set(`i${i}`, { name: `i${i}`, dtype: "float32", shape: t.shape, data: Float32Array.from(t.data) });
    return t ? `i${i}` : "";
  });
  const results = (ops[c.op].infer as (a: unknown, i: (Tensor | undefined)[]) => Pick<Tensor, "dtype" | "shape">[])(c.attributes, inputs.map((n) => tensors.get(n)));
  const names = results.slice(0, outputs).map((r, i) => (tensors.set(`o${i}`, { name: `o${i}`, ...r }), `o${i}`));
  const node = { op: c.op, name: "n", inputs, outputs: names, attributes: c.attributes } as Graph["nodes"][number];
  const values = evaluate({ name: "one", format: "test", tensors, nodes: [node], inputs: [], outputs: names, states: [], layouts: {} }, new Map());
  return names.map((n) => values.get(n) as Float32Array);
}

describe(`operators as in ${source}`, () => {
  for (const c of cases) test(c.name, () => {
    run(c, c.outputs.length).forEach((y, k) => {
      const expected = c.outputs[k]!.data;
      expect(y.length).toBe(expected.length);
      expected.forEach((v, i) => expect(Math.abs(y[i]! - v), `output ${k}, element ${i}: ${y[i]} for ${v}`).toBeLessThanOrEqual(2e-6 * Math.max(1, Math.abs(v))));
    });
  });
});

const at = (t: Stored, ...index: number[]): number => {
  if (index.some((v, k) => v < 0 || v >= t.shape[k]!)) return 0;
  return t.data[index.reduce((offset, v, k) => offset * t.shape[k]! + v, 0)]!;
};
const stored = (shape: number[], seed: number): Stored => ({ shape, data: [...randoms(sizeOf(shape), seed)] });
const close = (y: ArrayLike<number>, expected: number[], tolerance = 1e-5): void => {
  expect(y.length).toBe(expected.length);
  expected.forEach((v, i) => expect(Math.abs(y[i]! - v), `element ${i}: ${y[i]} for ${v}`).toBeLessThanOrEqual(tolerance));
};

type Conv = OpAttributes["conv2d"];
const geometries: Record<string, { x: number[]; w: number[]; a: Conv }> = {
  "3 × 3": { x: [2, 5, 6, 3], w: [4, 3, 3, 3], a: { stride: [1, 1], dilation: [1, 1], pad: [1, 1, 1, 1], groups: 1, clamp: noClamp } },
  "strides and uneven padding": { x: [1, 7, 8, 2], w: [5, 2, 3, 2], a: { stride: [2, 3], dilation: [1, 1], pad: [1, 0, 0, 2], groups: 1, clamp: [-0.3, 0.4] } },
  "dilation": { x: [1, 9, 9, 2], w: [3, 3, 2, 2], a: { stride: [1, 2], dilation: [2, 3], pad: [2, 1, 2, 1], groups: 1, clamp: noClamp } },
  "groups": { x: [1, 4, 4, 6], w: [9, 2, 2, 2], a: { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 1, 1], groups: 3, clamp: noClamp } },
  "depthwise": { x: [2, 5, 5, 4], w: [4, 3, 3, 1], a: { stride: [2, 1], dilation: [1, 2], pad: [1, 2, 1, 2], groups: 4, clamp: [0, 6] } },
  "depthwise with two filters per channel": { x: [1, 5, 5, 3], w: [6, 3, 3, 1], a: { stride: [1, 1], dilation: [1, 1], pad: [1, 1, 1, 1], groups: 3, clamp: noClamp } },
  "pointwise": { x: [1, 3, 5, 7], w: [5, 1, 1, 7], a: { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1, clamp: noClamp } },
};

describe("conv2d is its formula", () => {
  for (const [name, { x, w, a }] of Object.entries(geometries)) test(name, () => {
    const [X, W, B] = [stored(x, 1), stored(w, 2), stored([w[0]!], 3)], { y, shape } = conv(a, X, W, B), expected: number[] = [];
    const [N, OH, OW, O] = shape as [number, number, number, number], Og = O / a.groups, Cg = w[3]!;
    for (let n = 0; n < N; n++) for (let i = 0; i < OH; i++) for (let j = 0; j < OW; j++) for (let o = 0; o < O; o++) {
      let sum = B.data[o]!;
      for (let u = 0; u < w[1]!; u++) for (let v = 0; v < w[2]!; v++) for (let c = 0; c < Cg; c++) {
        sum += at(X, n, i * a.stride[0]! + u * a.dilation[0]! - a.pad[0]!, j * a.stride[1]! + v * a.dilation[1]! - a.pad[1]!, Math.floor(o / Og) * Cg + c) * at(W, o, u, v, c);
      }
      expected.push(Math.min(a.clamp[1], Math.max(a.clamp[0], sum)));
    }
    close(y, expected);
  });
});

function conv(a: Conv, x: Stored, w: Stored, b: Stored): { y: Float32Array; shape: number[] } {
  const tensor = (t: Stored): Tensor => ({ name: "", dtype: "float32", shape: t.shape });
  return { y: run({ op: "conv2d", attributes: a, inputs: [x, w, b] }, 1)[0]!, shape: ops.conv2d.infer(a, [tensor(x), tensor(w)])[0]!.shape };
}

test("convTranspose2d is the gradient of conv2d: <conv(x), g> = <x, convT(g)>", () => {
  const a = { stride: [2, 3], dilation: [2, 1], pad: [1, 2, 0, 1], groups: 2, clamp: noClamp };
  const x = stored([1, 9, 11, 4], 1), w = stored([6, 3, 4, 2], 2), { y, shape } = conv(a, x, w, { shape: [6], data: Array(6).fill(0) });
  const g = stored(shape, 3), [, OH, OW] = shape as [number, number, number];
  const outputPadding = [9 - (2 * (OH - 1) + 5 - 1), 11 - (3 * (OW - 1) + 4 - 3)];
  const back: Stored = { shape: [4, 3, 4, 3], data: [] };                 // w of group k with inputs and outputs exchanged
  for (let c = 0; c < 4; c++) for (let u = 0; u < 3; u++) for (let v = 0; v < 4; v++) for (let o = 0; o < 3; o++) back.data.push(at(w, Math.floor(c / 2) * 3 + o, u, v, c % 2));
  const [gx] = run({ op: "convTranspose2d", attributes: { ...a, outputPadding }, inputs: [g, back] }, 1);
  const dot = (p: ArrayLike<number>, q: ArrayLike<number>) => Array.from(p).reduce((s, v, i) => s + v * q[i]!, 0);
  expect(gx!.length).toBe(x.data.length);
  expect(dot(y, g.data)).toBeCloseTo(dot(x.data, gx!), 4);
});

test("pooling counts what lies inside, or the padding too", () => {
  const x: Stored = { shape: [1, 3, 3, 1], data: [1, 2, 3, 4, 5, 6, 7, 8, 9] };
  const a = { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pad: [1, 1, 0, 0], clamp: noClamp };
  close(run({ op: "maxPool2d", attributes: a, inputs: [x] }, 1)[0]!, [1, 3, 7, 9]);
  close(run({ op: "averagePool2d", attributes: { ...a, countIncludePad: false }, inputs: [x] }, 1)[0]!, [1, 2.5, 5.5, 7]);
  close(run({ op: "averagePool2d", attributes: { ...a, countIncludePad: true }, inputs: [x] }, 1)[0]!, [0.25, 1.25, 2.75, 7]);
});

test("matmul broadcasts its leading axes", () => {
  const a = stored([2, 1, 3, 4], 1), b = stored([5, 4, 2], 2), expected: number[] = [];
  for (let p = 0; p < 2; p++) for (let q = 0; q < 5; q++) for (let m = 0; m < 3; m++) for (let n = 0; n < 2; n++) {
    let sum = 0;
    for (let k = 0; k < 4; k++) sum += at(a, p, 0, m, k) * at(b, q, k, n);
    expected.push(sum);
  }
  close(run({ op: "matmul", attributes: {}, inputs: [a, b] }, 1)[0]!, expected);
});

const moves: Record<string, { op: OpName; attributes: unknown; x: Stored[]; y: number[] }> = {
  "transpose": { op: "transpose", attributes: { perm: [2, 0, 1] }, x: [{ shape: [1, 2, 3], data: [0, 1, 2, 3, 4, 5] }], y: [0, 3, 1, 4, 2, 5] },
  "slice backwards": { op: "slice", attributes: { starts: [2, 0], steps: [-2, 1], sizes: [2, 1] }, x: [{ shape: [3, 2], data: [0, 1, 2, 3, 4, 5] }], y: [4, 0] },
  "pad with a constant and crop": { op: "pad", attributes: { before: [1, -1], after: [0, 1], mode: "constant", value: 9 }, x: [{ shape: [2, 2], data: [1, 2, 3, 4] }], y: [9, 9, 2, 9, 4, 9] },
  "pad by reflection": { op: "pad", attributes: { before: [2], after: [3], mode: "reflect", value: 0 }, x: [{ shape: [3], data: [1, 2, 3] }], y: [3, 2, 1, 2, 3, 2, 1, 2] },
  "pad by edges": { op: "pad", attributes: { before: [2], after: [1], mode: "edge", value: 0 }, x: [{ shape: [2], data: [1, 2] }], y: [1, 1, 1, 2, 2] },
  "pad by wrapping": { op: "pad", attributes: { before: [2], after: [3], mode: "wrap", value: 0 }, x: [{ shape: [3], data: [1, 2, 3] }], y: [2, 3, 1, 2, 3, 1, 2, 3] },
  "expand": { op: "expand", attributes: { shape: [2, 2, 3] }, x: [{ shape: [2, 1], data: [1, 2] }], y: [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2] },
  "tile": { op: "tile", attributes: { repeats: [2, 2] }, x: [{ shape: [1, 2], data: [1, 2] }], y: [1, 2, 1, 2, 1, 2, 1, 2] },
  "concat": { op: "concat", attributes: { axis: 1 }, x: [{ shape: [2, 1], data: [1, 2] }, { shape: [2, 2], data: [3, 4, 5, 6] }], y: [1, 3, 4, 2, 5, 6] },
  "gather with negative indices": { op: "gather", attributes: { axis: 1 }, x: [{ shape: [2, 3], data: [1, 2, 3, 4, 5, 6] }, { shape: [2], data: [-1, 0] }], y: [3, 1, 6, 4] },
  "gatherNd": { op: "gatherNd", attributes: { batchDims: 1 }, x: [{ shape: [2, 2, 2], data: [0, 1, 2, 3, 4, 5, 6, 7] }, { shape: [2, 1], data: [1, 0] }], y: [2, 3, 4, 5] },
  "scatterElements adds": { op: "scatterElements", attributes: { axis: 0, reduction: "add" }, x: [{ shape: [3], data: [1, 2, 3] }, { shape: [3], data: [1, 1, -1] }, { shape: [3], data: [10, 20, 30] }], y: [1, 32, 33] },
  "resample": { op: "resample", attributes: { axis: 0, taps: 2, indices: [0, 1, 1, 1], weights: [0.25, 0.75, 0.5, 0.5] }, x: [{ shape: [2, 2], data: [1, 2, 3, 4] }], y: [2.5, 3.5, 3, 4] },
  "argMax takes the first, or the last": { op: "argMax", attributes: { axis: 1, keepDims: false, selectLast: true }, x: [{ shape: [2, 3], data: [3, 1, 3, 0, 2, 1] }], y: [2, 1] },
  "cumSum": { op: "cumSum", attributes: { axis: 0, exclusive: true, reverse: true }, x: [{ shape: [3], data: [1, 2, 3] }], y: [5, 3, 0] },
  "topK keeps the order of equal values": { op: "topK", attributes: { axis: 0, k: 3, largest: true }, x: [{ shape: [4], data: [1, 3, 3, 2] }], y: [3, 3, 2] },
  "reduceMean over inner and outer axes": { op: "reduceMean", attributes: { axes: [0, 2], keepDims: false }, x: [{ shape: [2, 2, 2], data: [0, 1, 2, 3, 4, 5, 6, 7] }], y: [2.5, 4.5] },
  "reduceLogSumExp of large numbers": { op: "reduceLogSumExp", attributes: { axes: [0], keepDims: false }, x: [{ shape: [2], data: [1000, 1000] }], y: [1000 + Math.log(2)] },
  "reduceMax of nothing": { op: "reduceMax", attributes: { axes: [0], keepDims: false }, x: [{ shape: [0, 1], data: [] }], y: [-Infinity] },
  "softmax of large numbers": { op: "softmax", attributes: { axis: 0 }, x: [{ shape: [2, 1], data: [1000, 1000] }], y: [0.5, 0.5] },
  "normalize": { op: "normalize", attributes: { axes: [1], epsilon: 0 }, x: [{ shape: [1, 4], data: [1, 3, 1, 3] }], y: [-1, 1, -1, 1] },
  "clip with bounds that cross takes the upper one": { op: "clip", attributes: { alpha: 2, beta: 1 }, x: [{ shape: [2], data: [0, 5] }], y: [1, 1] },
};

describe("operators by example", () => {
  for (const [name, { op, attributes, x, y }] of Object.entries(moves)) test(name, () => {
    const [out] = run({ op, attributes, inputs: x }, op === "topK" ? 2 : 1);
    expect([...out!].map((v) => (Number.isFinite(v) ? Math.fround(v) : v))).toEqual(y.map((v) => (Number.isFinite(v) ? Math.fround(v) : v)));
  });
});

describe("quantized tensors stand for real numbers", () => {
  const q = (scale: number, zeroPoint: number) => ({ scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zeroPoint), axis: 0 });

  test("quantize rounds half to even, saturates, and takes NaN to the zero point", () => {
    const net = image(7), y = net.add("quantize", ["x"], {}, [], { dtype: "int8", quantization: q(0.5, 3) });
    const values = evaluate(net.finish(y), new Map([["x", Float32Array.of(0.25, 0.75, -0.25, 1000, -1000, NaN, 1)]]));
    expect([...values.get(y)!]).toEqual([3, 5, 3, 127, -128, 3, 5]);
  });

  test("per channel there and back", () => {
    const net = image(2, 2), quantization = { scale: Float32Array.of(0.5, 0.25), zeroPoint: Int32Array.of(0, -4), axis: 1 };
    const y = net.add("dequantize", [net.add("quantize", ["x"], {}, [], { dtype: "int8", quantization })], {});
    expect([...evaluate(net.finish(y), new Map([["x", Float32Array.of(1, 1, -2.5, 3.25)]])).get(y)!]).toEqual([1, 1, -2.5, 3.25]);
  });

  test("other operators compute on what the integers stand for", () => {
    const net = new Net();
    net.input("a", "int8", [3], "", q(0.5, 1));
    net.input("b", "int8", [3], "", q(0.25, -2));
    const y = net.add("add", ["a", "b"], { clamp: noClamp }, [], { dtype: "int8", quantization: q(1, 0) });
    const values = evaluate(net.finish(y), new Map<string, TypedArray>([["a", Int8Array.of(5, 1, -9)], ["b", Int8Array.of(2, -2, 6)]]));
    expect([...values.get(y)!]).toEqual([3, 0, -3]);
  });

  test("a table works on stored values", () => {
    const net = new Net();
    net.input("x", "int8", [3], "", q(0.5, 0));
    const table = net.constant("table", "int8", [256], Int8Array.from({ length: 256 }, (_, i) => 127 - i), q(1, 0));
    const y = net.add("lut", ["x", table], {});
    expect([...evaluate(net.finish(y), new Map([["x", Int8Array.of(-128, 0, 127)]])).get(y)!]).toEqual([127, -1, -128]);
  });
});

describe("the walk", () => {
  const chain = () => {
    const net = image(4), a = net.relu("x"), b = net.unary("affine", a, 2, 1);
    return { graph: net.finish(b), a, b };
  };

  test("every tensor is returned, or only those that are kept", () => {
    const { graph, a, b } = chain(), x = new Map([["x", Float32Array.of(-1, 0, 1, 2)]]);
    expect([...evaluate(graph, x).keys()]).toEqual(["x", a, b]);
    const kept = evaluate(graph, x, { keep: new Set([b]) });
    expect([...kept.keys()]).toEqual([b]);
    expect([...kept.get(b)!]).toEqual([1, 1, 3, 5]);
  });

  test("each tensor can be seen as it is computed", () => {
    const { graph, a, b } = chain(), seen: string[] = [];
    evaluate(graph, new Map([["x", Float32Array.of(-1, 0, 1, 2)]]), { keep: new Set(), onTensor: (t, data) => seen.push(`${t.name} ${data.join(" ")}`) });
    expect(seen).toEqual(["x -1 0 1 2", `${a} 0 0 1 2`, `${b} 1 1 3 5`]);
  });

  test("wrong inputs are refused by name", () => {
    const { graph } = chain();
    expect(() => evaluate(graph, new Map())).toThrow('input "x"');
    expect(() => evaluate(graph, new Map([["x", new Float32Array(3)]]))).toThrow("found 3 elements, expected 4");
  });

  test("an index outside and a result beyond all memory are refused", () => {
    const net = image(2), index = net.constant("i", "int64", [1], Float64Array.of(7)), y = net.add("gather", ["x", index], { axis: 0 });
    expect(() => evaluate(net.finish(y), new Map([["x", new Float32Array(2)]]))).toThrow("index 7 is outside of an axis of 2");
    const large = image(1), z = large.add("expand", ["x"], { shape: [2 ** 20, 2 ** 20] });
    large.output(z);
    expect(() => evaluate(large.graph, new Map([["x", new Float32Array(1)]]))).toThrow("expected at most");
  });

  test("states start from their initial values", () => {
    const net = image(2);
    net.graph.tensors.set("s", { name: "s", dtype: "float32", shape: [2] });
    const y = net.binary("add", "x", "s");
    net.graph.states.push({ input: "s", output: y, initial: Float32Array.of(10, 20) });
    expect([...evaluate(net.finish(y), new Map([["x", Float32Array.of(1, 2)]])).get(y)!]).toEqual([11, 22]);
  });
});
