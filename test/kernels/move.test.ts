/** What moves elements, picks them by index, or changes their type, against the evaluator. */
import { describe, expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import type { DType } from "../../converter/ir/graph.ts";
import { noClamp, type Attributes } from "../../converter/ir/ops.ts";
import { load } from "../../targets/node/index.ts";
import { random } from "./random.ts";
import { builds, expectLikeEvaluator, oneNode } from "./run.ts";

const relu = { alpha: 0, beta: Infinity };

test.each([[[3, 5], [1, 0]], [[2, 3, 4], [2, 0, 1]], [[1, 4, 5, 3], [0, 3, 1, 2]], [[2, 1, 3, 1, 2, 2, 3], [6, 0, 2, 4, 1, 3, 5]], [[2, 3, 2, 3, 2, 3, 2], [6, 4, 2, 0, 5, 3, 1]]])("transpose %j by %j", async (shape, perm) => {
  const { graph, inputs } = oneNode("transpose", [{ shape }], { perm });
  await expectLikeEvaluator(graph, inputs, 0);
});

test.each([[[7], [6], [-2], [3]], [[4, 6], [1, 0], [1, 2], [3, 3]], [[3, 4, 5], [2, 3, 4], [-1, -1, -2], [3, 4, 2]]])("slice of %j from %j by %j", async (shape, starts, steps, sizes) => {
  const { graph, inputs } = oneNode("slice", [{ shape }], { starts, steps, sizes });
  await expectLikeEvaluator(graph, inputs, 0);
});

test("a run is a view, and no result takes the place of one of two that overlap", async () => {
  for (const first of [0, 1]) {
    const b = new GraphBuilder("test", "runs"), n = 40, run = (x: string, from: number) => b.add("slice", [x], { starts: [from, 0], steps: [1, 1], sizes: [4, n] });
    b.input("x", "float32", [5, n]);
    const x = b.add("sigmoid", ["x"], { alpha: 0, beta: 0 }), runs = [run(x, first), run(x, 1 - first)];
    b.output(b.add("sub", runs, { clamp: noClamp }, ["y"]));
    await expectLikeEvaluator(b.graph, new Map([["x", random(7).floats(5 * n)]]), 1e-5);
    expect((await compile(b.graph)).program.calls.filter((call) => call.kernel === "copy")).toEqual([]);
  }
});

test.each([[[3, 1, 2], [4, 3, 5, 2]], [[1], [7]], [[], [2, 3]]])("expand %j to %j", async (x, shape) => {
  const { graph, inputs } = oneNode("expand", [{ shape: x }], { shape });
  await expectLikeEvaluator(graph, inputs, 0);
});

test("tile", async () => {
  const { graph, inputs } = oneNode("tile", [{ shape: [2, 3, 2] }], { repeats: [2, 1, 3] });
  await expectLikeEvaluator(graph, inputs, 0);
});

test.each(["constant", "reflect", "edge", "wrap"] as const)("pad, %s", async (mode) => {
  for (const [before, after] of [[[1, 0, 2], [0, 3, 1]], [[0, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 0, 0]], [[2, 3, 1], [2, 1, 3]]] as const) {
    const { graph, inputs } = oneNode("pad", [{ shape: [3, 4, 5] }], { before: [...before], after: [...after], mode, value: -1.5 });
    await expectLikeEvaluator(graph, inputs, 0);
  }
});

test("pad that crops", async () => {
  const { graph, inputs } = oneNode("pad", [{ shape: [5, 6] }], { before: [-1, 2], after: [1, -3], mode: "constant", value: 4 });
  await expectLikeEvaluator(graph, inputs, 0);
});

describe("concat", () => {
  test.each([[0, [[2, 3], [1, 3], [4, 3]]], [1, [[2, 3], [2, 1]]], [2, [[1, 2, 5], [1, 2, 4], [1, 2, 1]]]])("axis %i of %j", async (axis, shapes) => {
    const { graph, inputs } = oneNode("concat", shapes.map((shape) => ({ shape })), { axis });
    await expectLikeEvaluator(graph, inputs, 0);
  });

  /** Parts are computed into the result: reshaped, used again, nested, used twice, constant, an input. */
  test("places what is computed into the result", async () => {
    const b = new GraphBuilder("test", "concat"), n = 12;
    b.input("x", "float32", [1, n]);
    const p = b.add("clip", ["x"], relu), q = b.add("sigmoid", ["x"], { alpha: 0, beta: 0 }), shaped = b.add("reshape", [q], { shape: [1, 3, 4] });
    const flat = b.add("reshape", [shaped], { shape: [1, n] }), constant = b.constant("c", "float32", [1, 3], random(4).floats(3));
    const inner = b.add("concat", [p, flat, constant], { axis: 1 }), again = b.add("mul", [q, p], { clamp: noClamp });
    b.add("concat", [inner, "x", again, p], { axis: 1 }, ["y"]);
    b.add("neg", [flat], { alpha: 0, beta: 0 }, ["z"]);
    for (const name of ["y", "z"]) b.output(name);
    await expectLikeEvaluator(b.graph, new Map([["x", random(2).floats(n)]]), 1e-6);
    const copies = (await compile(b.graph)).program.calls.filter((call) => call.kernel === "copy");
    expect(copies.length).toBe(3);
  });

  test("integers of the user that would lie between two words are copied", async () => {
    const b = new GraphBuilder("test", "concat"), quantization = { scale: Float32Array.of(0.1), zeroPoint: Int32Array.of(3), axis: 0 };
    for (const [name, size] of [["a", 3], ["b", 5], ["c", 4]] as const) b.input(name, "int8", [size], "", quantization);
    b.output(b.add("concat", ["a", "b", "c"], { axis: 0 }, ["y"], { dtype: "int8", quantization }));
    const { model } = await compile(b.graph), given = { a: Int8Array.of(1, -2, 3), b: Int8Array.of(4, 5, 6, -7, 8), c: Int8Array.of(9, 10, -11, 12) };
    for (const build of builds) expect([...Object.values((await load(model, { builds: [build] })).runRaw(given))[0]!]).toEqual([1, -2, 3, 4, 5, 6, -7, 8, 9, 10, -11, 12]);
  });
});

describe("reshape", () => {
  test("shares the bytes, of a constant and of an input that is an output too", async () => {
    const b = new GraphBuilder("test", "reshape");
    b.input("x", "float32", [2, 6]);
    const constant = b.constant("c", "float32", [4], Float32Array.of(1, 2, 3, 4));
    b.add("reshape", ["x"], { shape: [3, 4] }, ["y"]);
    b.add("reshape", [constant], { shape: [2, 2] }, ["z"]);
    b.add("neg", ["y"], { alpha: 0, beta: 0 }, ["v"]);
    for (const name of ["y", "z", "v", "x", constant]) b.output(name);
    await expectLikeEvaluator(b.graph, new Map([["x", random(3).floats(12)]]), 0);
  });
});

const whole = (seed: number, count: number, from: number, to: number) => {
  const r = random(seed);
  return Float32Array.from({ length: count }, () => r.whole(from, to));
};

describe("indices known at run time", () => {
  test.each([[0, [4, 3, 2], [5]], [1, [4, 3, 2], [2, 2]], [2, [4, 3, 7], []], [1, [1, 9], [1]]])("gather along %i of %j", async (axis, x, indices) => {
    const size = x[axis]!, data = whole(axis, indices.reduce((n, d) => n * d, 1), -size, size - 1);
    const { graph, inputs } = oneNode("gather", [{ shape: x }, { shape: indices, data }], { axis });
    await expectLikeEvaluator(graph, inputs, 0);
  });

  test.each([0, 1, 2])("gatherElements and scatterElements along %i", async (axis) => {
    const shape = [3, 4, 5], index = shape.map((d, a) => (a === axis ? 2 : d - 1)), count = index.reduce((n, d) => n * d, 1);
    const data = whole(axis + 3, count, -shape[axis]!, shape[axis]! - 1);
    const gather = oneNode("gatherElements", [{ shape }, { shape: index, data }], { axis });
    await expectLikeEvaluator(gather.graph, gather.inputs, 0);
    for (const reduction of ["none", "add", "mul", "max", "min"] as const) {
      const scatter = oneNode("scatterElements", [{ shape }, { shape: index, data }, { shape: index }], { axis, reduction });
      await expectLikeEvaluator(scatter.graph, scatter.inputs, 1e-6);
    }
  });

  test.each([[[4, 5, 6], [3, 2], 0], [[4, 5, 6], [2, 2, 3], 0], [[2, 5, 6], [2, 3, 1], 1], [[2, 3, 4, 5], [2, 3, 2], 2]])("gatherNd of %j by %j, batch axes %i", async (x, index, batchDims) => {
    const depth = index.at(-1)!, rows = index.slice(0, -1).reduce((n, d) => n * d, 1), columns = Array.from({ length: depth }, (_, k) => whole(k, rows, -x[batchDims + k]!, x[batchDims + k]! - 1));
    const data = Float32Array.from({ length: rows * depth }, (_, i) => columns[i % depth]![Math.floor(i / depth)]!);
    const { graph, inputs } = oneNode("gatherNd", [{ shape: x }, { shape: index, data }], { batchDims });
    await expectLikeEvaluator(graph, inputs, 0);
  });

  test("indices outside of the axis read and write the nearest element, never other memory", async () => {
    const { graph, inputs } = oneNode("gather", [{ shape: [4] }, { shape: [6], data: Float32Array.from([9, -9, 1e30, -1e30, NaN, 3]) }], { axis: 0 });
    const { model } = await compile(graph), { load } = await import("../../targets/node/index.ts"), x = inputs.get("x0")!;
    const y = (await load(model)).run(Object.fromEntries(inputs) as Record<string, Float32Array>) as Record<string, Float32Array>;
    expect([...y.y0!]).toEqual([x[3], x[0], x[3], x[0], x[0], x[3]]);
  });
});

test.each([[1, 2], [2, 1]])("resample along axis %i, %i taps", async (axis, taps) => {
  const shape = [2, 5, 6, 7], size = shape[axis]!, out = 9, r = random(axis);
  const attributes: Attributes<"resample"> = { axis, taps, indices: Array.from({ length: out * taps }, () => r.whole(0, size - 1)), weights: [...r.floats(out * taps)] };
  const { graph, inputs } = oneNode("resample", [{ shape }], attributes);
  await expectLikeEvaluator(graph, inputs, 1e-6);
});

describe("integers of the user", () => {
  /** y = (cast(x) + 3) / 2, as integers of the type. */
  test.each(["int8", "uint8", "int16", "int32", "int64"] as const)("%s in and out", async (dtype: DType) => {
    const b = new GraphBuilder("test", dtype), signed = !dtype.startsWith("u"), values = [0, 1, 2, 5, 100, 100, 7, signed ? -7 : 9];
    b.input("x", dtype, [8]);
    const two = b.constant("two", dtype, [], Int32Array.of(2)), three = b.constant("three", dtype, [], Int32Array.of(3));
    b.add("div", [b.add("add", ["x", three], { clamp: noClamp }), two], { clamp: noClamp }, ["y"]);
    b.add("greater", ["y", two], { clamp: noClamp }, ["large"]);
    b.add("argMax", ["y"], { axis: 0, keepDims: false, selectLast: true }, ["best"]);
    for (const name of ["y", "large", "best"]) b.output(name);
    const { model } = await compile(b.graph), { load } = await import("../../targets/node/index.ts");
    const arrays = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, int32: Int32Array, int64: Int32Array } as const;
    const y = (await load(model)).run({ x: new arrays[dtype as keyof typeof arrays](values) }) as Record<string, Int32Array>;
    expect([...y.y!]).toEqual(values.map((v) => Math.trunc((v + 3) / 2)));
    expect(y.large).toEqual(Uint8Array.from(values, (v) => Number(Math.trunc((v + 3) / 2) > 2)));
    expect([...y.best!]).toEqual([5]);
  });

  test("a mask in, chosen values out", async () => {
    const b = new GraphBuilder("test", "mask");
    b.input("mask", "bool", [4]);
    b.input("x", "float32", [4]);
    b.add("where", ["mask", "x", b.scalar(-1)], {}, ["y"]);
    b.add("not", ["mask"], { alpha: 0, beta: 0 }, ["inverse"]);
    for (const name of ["y", "inverse"]) b.output(name);
    await expectLikeEvaluator(b.graph, new Map<string, Uint8Array | Float32Array>([["mask", Uint8Array.of(1, 0, 0, 1)], ["x", Float32Array.of(1, 2, 3, 4)]]), 0);
  });
});
