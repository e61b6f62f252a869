/** The TFLite reader: what a file says, what a caller asks for, what is refused, and how. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { operatorNames, tflite } from "../../converter/formats/tflite.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { tensorOf, type Graph } from "../../converter/ir/graph.ts";
import type { ReadOptions } from "../../converter/formats/reader.ts";
import { f32, flatbuffer, floats, i8, ints, model, numbers, type, u32, u64, type Fields, type GraphLike, type OperatorLike } from "./tflite-build.ts";

const read = async (bytes: Uint8Array, options: ReadOptions = {}): Promise<Graph> => tflite.read(bytes, options);

const relu = (shape = [1, 2], more: Fields = {}): GraphLike =>
  ({ tensors: [{ shape, name: "x", more }, { shape, name: "y" }], operators: [{ code: 19, inputs: [0], outputs: [1] }], inputs: [0], outputs: [1] });

/** A graph of one operator on x [1,2]. */
const single = (operator: OperatorLike, extra: GraphLike["tensors"] = []): GraphLike =>
  ({ tensors: [{ shape: [1, 2], name: "x" }, { shape: [1, 2], name: "y" }, ...extra], operators: [operator], inputs: [0], outputs: [1] });

describe("what the file says", () => {
  test("sniff knows the identifier and nothing shorter", () => {
    expect(tflite.sniff(model([relu()]))).toBe(true);
    expect(tflite.sniff(flatbuffer({ 0: u32(3) }, "TFL2"))).toBe(false);
    expect(tflite.sniff(new Uint8Array(3))).toBe(false);
  });

  test("names come from the signature, other tensors keep theirs", async () => {
    const tensors = [{ shape: [2], name: "serving_default_x:0" }, { shape: [2], name: "answer" }, { shape: [2], name: "StatefulPartitionedCall:0" }];
    const g: GraphLike = { tensors, operators: [{ code: 19, inputs: [0], outputs: [1] }, { code: 28, inputs: [1], outputs: [2] }], inputs: [0], outputs: [2] };
    const map = (name: string, tensor: number): Fields => ({ 0: name, 1: u32(tensor) });
    const graph = await read(model([g], { 7: [{ 0: [map("question", 0)], 1: [map("answer", 2)], 2: "serving_default", 4: u32(0) }] }));
    expect([graph.inputs, graph.outputs]).toEqual([["question"], ["answer"]]);
    expect(evaluate(graph, new Map([["question", Float32Array.of(-1, 2)]])).get("answer")).toEqual(Float32Array.of(0, Math.tanh(2)));
  });

  test("tensors of one name, or of none, are told apart", async () => {
    const g: GraphLike = {
      tensors: [{ shape: [2], name: "t" }, { shape: [2], name: "t" }, { shape: [2], name: "" }],
      operators: [{ code: 19, inputs: [0], outputs: [1] }, { code: 28, inputs: [1], outputs: [2] }], inputs: [0], outputs: [2],
    };
    const graph = await read(model([g]));
    expect(new Set([...graph.inputs, ...graph.outputs, ...graph.nodes.flatMap((n) => n.outputs)]).size).toBe(3);
  });

  test("the metadata names the model", async () => {
    const metadata = flatbuffer({ 0: "flowers", 1: "tells them apart" }, "M001");
    const graph = await read(model([relu()], { 4: [{}, { 0: metadata }], 6: [{ 0: "TFLITE_METADATA", 1: u32(1) }] }));
    expect(graph.name).toBe("flowers");
  });

  test("operator codes above 127 have their own field", async () => {
    const graph = await read(model([single({ code: 150, inputs: [0], outputs: [1], optionsType: 116, options: { 0: i8(1) } })]));
    expect(graph.nodes.map((n) => n.op)).toEqual(["geluTanh"]);
  });

  test("two tensors share one buffer", async () => {
    const shared = { shape: [2], more: { 2: u32(1) } };
    const g: GraphLike = {
      tensors: [{ shape: [2], name: "x" }, shared, shared, { shape: [2] }, { shape: [2], name: "y" }],
      operators: [{ code: 0, inputs: [0, 1], outputs: [3] }, { code: 18, inputs: [3, 2], outputs: [4] }], inputs: [0], outputs: [4],
    };
    const graph = await read(model([g], { 4: [{}, { 0: floats(2, 3) }] }));
    expect(evaluate(graph, new Map([["x", Float32Array.of(1, 1)]])).get("y")).toEqual(Float32Array.of(6, 12));
  });

  test("data behind the tables, by offset and size", async () => {
    const g: GraphLike = { tensors: [{ shape: [2], name: "x" }, { shape: [2], more: { 2: u32(1) } }, { shape: [2], name: "y" }], operators: [{ code: 0, inputs: [0, 1], outputs: [2] }], inputs: [0], outputs: [2] };
    const at = (offset: number) => model([g], { 4: [{}, { 1: u64(offset), 2: u64(8) }] });
    const tables = at(2 ** 20), bytes = new Uint8Array(tables.length + 8);
    bytes.set(at(tables.length));
    bytes.set(floats(5, 7), tables.length);
    expect(evaluate(await read(bytes), new Map([["x", Float32Array.of(1, 1)]])).get("y")).toEqual(Float32Array.of(6, 8));
    await expect(read(at(2 ** 20))).rejects.toMatchObject({ code: "ERR_OCTAVO_FORMAT", message: expect.stringContaining("a buffer of 8 bytes should be here") });
  });

  test("int8 operators keep scales and zero points", async () => {
    const quantized = (scale: number, zero: number): Fields => ({ 4: quantization([scale], [zero]) });
    const g: GraphLike = {
      tensors: [{ shape: [1, 2], type: type.int8, name: "x", more: quantized(0.5, 3) }, { shape: [1, 2], type: type.int8, name: "y", more: quantized(0.25, -4) }],
      operators: [{ code: 0, inputs: [0, 0], outputs: [1] }], inputs: [0], outputs: [1],
    };
    const graph = await read(model([g]));
    expect(graph.nodes.map((n) => n.op)).toEqual(["add"]);
    expect(tensorOf(graph, "x")).toMatchObject({ dtype: "int8", quantization: { scale: Float32Array.of(0.5), zeroPoint: Int32Array.of(3) } });
    expect(tensorOf(graph, "y")).toMatchObject({ dtype: "int8", quantization: { scale: Float32Array.of(0.25), zeroPoint: Int32Array.of(-4) } });
  });
});

const quantization = (scale: number[], zero: number[]): Fields => ({ 2: numbers("float32", ...scale), 3: numbers("int64", ...zero) });

describe("what the caller asks for", () => {
  test("a free axis is 1, or what the caller says", async () => {
    const bytes = model([relu([1, 2], { 7: [-1, 2] })]);
    expect(tensorOf(await read(bytes), "x").shape).toEqual([1, 2]);
    expect(tensorOf(await read(bytes, { inputShapes: { x: [4, -1] } }), "y").shape).toEqual([4, 2]);
    await expect(read(bytes, { inputShapes: { x: [4] } })).rejects.toMatchObject({ code: "ERR_OCTAVO_SHAPE" });
  });

  test("an input fixed to a value is none any more", async () => {
    const g: GraphLike = { tensors: [{ shape: [2], name: "a" }, { shape: [2], name: "b" }, { shape: [2], name: "y" }], operators: [{ code: 0, inputs: [0, 1], outputs: [2] }], inputs: [0, 1], outputs: [2] };
    const graph = await read(model([g]), { constants: { b: { data: Float32Array.of(10, 20), shape: [2] } } });
    expect(graph.inputs).toEqual(["a"]);
    expect(evaluate(graph, new Map([["a", Float32Array.of(1, 2)]])).get("y")).toEqual(Float32Array.of(11, 22));
  });

  test("pictures are channels-last, unless the model turns them first", async () => {
    const g: GraphLike = { tensors: [{ shape: [1, 3, 4, 4], name: "x" }, { shape: [4], type: type.int32, data: ints(0, 2, 3, 1) }, { shape: [1, 4, 4, 3], name: "y" }], operators: [{ code: 39, inputs: [0, 1], outputs: [2] }], inputs: [0], outputs: [2] };
    expect((await read(model([g]))).layouts).toEqual({ x: "nchw", y: "nhwc" });
    expect((await read(model([relu([1, 4, 4, 3])]))).layouts).toEqual({ x: "nhwc", y: "nhwc" });
  });
});

test("MediaPipe's transposed convolution with a bias is the built-in one", async () => {
  const tensors = [
    { shape: [1, 2, 2, 1], name: "x" }, { shape: [1, 3, 3, 1], name: "w", data: floats(1, 2, 3, 4, 5, 6, 7, 8, 9) }, { shape: [1], name: "b", data: floats(0.5) },
    { shape: [4], type: type.int32, name: "shape", data: ints(1, 4, 4, 1) }, { shape: [1, 4, 4, 1], name: "y" },
  ];
  const ofKind = (kind: number) => ({ code: 32, custom: "Convolution2DTransposeBias", inputs: [0, 1, 2], outputs: [4], more: { 5: ints(kind, 2, 2) } });
  const results = await Promise.all([{ code: 67, inputs: [3, 1, 0, 2], outputs: [4], optionsType: 49, options: { 0: i8(0), 1: 2, 2: 2 } }, ofKind(1)].map(async (operator) => {
    const graph = await read(model([{ tensors, operators: [operator], inputs: [0], outputs: [4] }]));
    return [...evaluate(graph, new Map([["x", Float32Array.of(1, 2, 3, 4)]])).get("y")!];
  }));
  expect(results[0]).toEqual(results[1]);
  expect(results[1]!.slice(0, 2)).toEqual([1.5, 2.5]);
  await expect(read(model([{ tensors, operators: [ofKind(3)], inputs: [0], outputs: [4] }]))).rejects.toThrow(/its padding is 3, expected 1 or 2/);
  await expect(read(model([{ tensors, operators: [{ ...ofKind(1), more: {} }], inputs: [0], outputs: [4] }]))).rejects.toThrow(/its options have 0 bytes/);
});

test("docs/tflite.md names every operator", () => {
  const words = new Set(readFileSync(new URL("../../docs/tflite.md", import.meta.url), "utf8").split(/\s+/));
  expect(operatorNames().filter((name) => !words.has(/\w+(?="?$)/.exec(name)![0]))).toEqual([]);
});

describe("what is refused, and how", () => {
  const refused = async (bytes: Uint8Array, code: string, ...parts: string[]) => {
    const error = await read(bytes).then(() => undefined, (e: unknown) => e as Error & { code: string });
    expect(error?.code).toBe(code);
    for (const part of ["tflite: ", ...parts]) expect(error?.message).toContain(part);
  };

  test("every unsupported operator in one message, with counts and a remedy", async () => {
    const codes = [{ code: 32, custom: "Whistle" }, { code: 32, custom: "FlexErf" }, { code: 125 }, { code: 32, custom: "FlexErf" }, { code: 9999 }];
    const operators = codes.map((c, i) => ({ ...c, inputs: [i], outputs: [i + 1] }));
    const g: GraphLike = { tensors: codes.concat(codes[0]!).map(() => ({ shape: [2] })), operators, inputs: [0], outputs: [5] };
    await refused(model([g]), "ERR_OCTAVO_OPERATOR", '1 × custom operator "Whistle"', '2 × TensorFlow operator "FlexErf"', "1 × SEGMENT_SUM", "1 × operator 9999", "TFLITE_BUILTINS");
  });

  /** A sequence LSTM of one unit with the given optional inputs. */
  const lstm = (optional: number[], options: Fields = {}): GraphLike => {
    const inputs = Array.from({ length: 24 }, (_, i) => (i === 0 ? 0 : (i <= 8 || (i >= 12 && i <= 15)) ? 2 : i === 18 || i === 19 ? 3 : optional.includes(i) ? 2 : -1));
    return { tensors: [{ shape: [1, 1, 1], name: "x" }, { shape: [1, 1, 1], name: "y" }, { shape: [1, 1], data: floats(1) }, { shape: [1, 1], more: { 5: i8(1) } }], operators: [{ code: 44, inputs, outputs: [1], optionsType: 71, options }], inputs: [0], outputs: [1] };
  };

  test("LSTM forms by name", async () => {
    await refused(model([lstm([9, 10, 11])]), "ERR_OCTAVO_OPERATOR", "1 × UNIDIRECTIONAL_SEQUENCE_LSTM with peephole weights");
    await refused(model([lstm([16])]), "ERR_OCTAVO_OPERATOR", "UNIDIRECTIONAL_SEQUENCE_LSTM with a projection");
    await refused(model([lstm([], { 2: f32(1) })]), "ERR_OCTAVO_OPERATOR", "UNIDIRECTIONAL_SEQUENCE_LSTM with a projection");
    await refused(model([lstm([20, 21, 22, 23])]), "ERR_OCTAVO_OPERATOR", "UNIDIRECTIONAL_SEQUENCE_LSTM with layer normalization");
    await refused(model([lstm([], { 0: i8(5) })]), "ERR_OCTAVO_OPERATOR", "activation is SIGN_BIT");
  });

  test("sparse and external data", async () => {
    await refused(model([relu([1, 2], { 6: {} })]), "ERR_OCTAVO_OPERATOR", "1 × tensor that is stored sparse");
    await refused(model([relu([1, 2], { 10: u32(1) })]), "ERR_OCTAVO_OPERATOR", "1 × tensor that lies in an external buffer");
  });

  test("shuffled weights", async () => {
    const dense = single({ code: 9, inputs: [0, 2], outputs: [1], optionsType: 8, options: { 1: i8(1) } }, [{ shape: [2, 2], data: floats(1, 2, 3, 4) }]);
    await refused(model([dense]), "ERR_OCTAVO_OPERATOR", 'node "y" (FULLY_CONNECTED)', "shuffled");
  });

  test("branches that activations choose are both computed", async () => {
    const tensors = [{ shape: [1, 2], name: "x" }, { shape: [1, 2], name: "zero", data: floats(0, 0) }, { shape: [1, 2], type: type.bool, name: "each" }, { shape: [1], type: type.int32, name: "axes", data: ints(1) }, { shape: [1], type: type.bool, name: "any" }, { shape: [1, 2], name: "y" }];
    const main: GraphLike = { tensors, inputs: [0], outputs: [5], operators: [
      { code: 61, inputs: [0, 1], outputs: [2] }, { code: 91, inputs: [2, 3], outputs: [4], optionsType: 27, options: {} }, { code: 118, inputs: [4, 0], outputs: [5], optionsType: 92, options: { 0: 1, 1: 2 } }] };
    const graph = await read(model([main, single({ code: 59, inputs: [0], outputs: [1] }), relu()]));
    expect([[-3, -2], [3, -2]].map((x) => [...evaluate(graph, new Map([["x", Float32Array.from(x)]])).get("y")!])).toEqual([[0, 0], [-3, 2]]);
    const other = { tensors: [{ shape: [1, 2] }, { shape: [2, 1] }], operators: [{ code: 22, inputs: [0], outputs: [1], optionsType: 17, options: { 0: [2, 1] } }], inputs: [0], outputs: [1] };
    await refused(model([main, relu(), other]), "ERR_OCTAVO_OPERATOR", "its branches give [1,2] and [2,1]");
  });

  test("operators of other subgraphs do not count, those that are called do", async () => {
    const other = single({ code: 125, inputs: [0], outputs: [1] });
    expect((await read(model([relu(), other]))).nodes.length).toBe(1);
    await refused(model([single({ code: 119, inputs: [0], outputs: [1], optionsType: 93, options: { 0: 1, 1: 1 } }), other]), "ERR_OCTAVO_OPERATOR", "1 × SEGMENT_SUM");
  });

  test("types that have no meaning here", async () => {
    const g = relu();
    g.tensors[0]!.type = type.string;
    await refused(model([g]), "ERR_OCTAVO_DTYPE", 'tensor "x"', "type is string");
  });

  test("a shape that depends on the input", async () => {
    const g: GraphLike = { tensors: [{ shape: [4], name: "x" }, { shape: [2], type: type.int32, name: "shape" }, { shape: [0, 4], name: "y" }], operators: [{ code: 22, inputs: [0, 1], outputs: [2] }], inputs: [0, 1], outputs: [2] };
    await refused(model([g]), "ERR_OCTAVO_OPERATOR", 'input 1, tensor "shape", depends on the model\'s inputs', "fixed shapes");
    expect((await read(model([g]), { constants: { shape: { data: Int32Array.of(2, 2), shape: [2] } } })).nodes.map((n) => n.op)).toEqual(["reshape"]);
  });
});

describe("damaged files", () => {
  const broken = async (bytes: Uint8Array, ...parts: string[]) => {
    const error = await read(bytes).then(() => undefined, (e: unknown) => e as Error & { code: string });
    expect(error?.code).toMatch(/^ERR_OCTAVO_(FORMAT|SHAPE)$/);
    for (const part of parts) expect(error?.message).toContain(part);
  };

  test("every truncation of a file", async () => {
    const whole = model([relu()]);
    for (let length = 0; length < whole.length; length++) await broken(whole.slice(0, length));
  });

  test("another version, another identifier, no graph, no output", async () => {
    await broken(model([relu()], { 0: u32(2) }), "schema version is 2, expected 3");
    await broken(flatbuffer({ 0: u32(3) }, "TFL2"), 'found "TFL2", expected "TFL3"');
    await broken(model([]), "no subgraphs");
    await broken(model([{ ...relu(), outputs: [] }]), "no outputs");
  });

  test("tensor numbers beyond the list, outputs that nothing writes, an operator that reads itself", async () => {
    await broken(model([{ ...relu(), inputs: [7] }]), "tensor 7, expected one of 2");
    await broken(model([{ ...relu(), outputs: [9] }]), "tensor 9, expected one of 2");
    await broken(model([{ ...relu(), operators: [] }]), 'output "y"', "nothing writes it");
    await broken(model([single({ code: 0, inputs: [0, 1], outputs: [1] })]), "before anything wrote it");
    await broken(model([single({ code: 0, inputs: [0, -5], outputs: [1] })]), "input 1 is missing");
  });

  test("shapes and buffers that lie", async () => {
    const constant = (shape: number[], data: Uint8Array) => model([single({ code: 0, inputs: [0, 2], outputs: [1] }, [{ shape, data, name: "c" }])]);
    await broken(constant([3], floats(1, 2)), 'tensor "c"', "8 bytes, expected 12");
    await broken(constant([65536, 65536, 65536], floats(1)), "expected sizes from 0");
    await broken(constant([-2], floats(1, 2)), "expected sizes from 0");
    await broken(model([relu([2 ** 31 - 1, 2 ** 31 - 1])]), "expected sizes from 0");
  });

  test("scales that lie", async () => {
    const with_ = (scale: number[], zero: number[], axis = 0) => model([relu([1, 2], { 1: i8(type.int8), 4: { ...quantization(scale, zero), 6: axis } })]);
    await broken(with_([1, 2, 3], [0, 0, 0], 1), "3 scales along axis 1 of [1,2]");
    await broken(with_([NaN], [0]), "negative or not a number");
    await broken(with_([-1], [0]), "negative or not a number");
  });

  test("windows without steps", async () => {
    const conv = (options: Fields): GraphLike => ({
      tensors: [{ shape: [1, 4, 4, 1], name: "x" }, { shape: [1, 2, 2, 1], data: floats(1, 1, 1, 1) }, { shape: [1, 3, 3, 1], name: "y" }],
      operators: [{ code: 3, inputs: [0, 1], outputs: [2], optionsType: 1, options }], inputs: [0], outputs: [2],
    });
    await broken(model([conv({ 1: 0, 2: 0 })]), "its stride is 0 × 0");
    await broken(model([conv({ 1: 1, 2: 1, 4: 0, 5: -3 })]), "its dilation is -3 × 0");
    await broken(model([conv({ 0: i8(1), 1: 1, 2: 1, 4: 9, 5: 9 })]), "does not fit");
  });

  test("loops and calls without end", async () => {
    const counter = { shape: [], type: type.int32 }, one = { shape: [], type: type.int32, data: ints(1) }, zero = { shape: [], type: type.int32, data: ints(0) };
    const loop = (body: number): GraphLike => ({
      tensors: [{ shape: [2], name: "x" }, zero, { ...counter }, { shape: [2], name: "y" }],
      operators: [{ code: 119, inputs: [1, 0], outputs: [2, 3], optionsType: 93, options: { 0: 1, 1: body } }], inputs: [0], outputs: [3],
    });
    const condition: GraphLike = { tensors: [counter, { shape: [2] }, { shape: [], type: type.int32, data: ints(2 ** 30) }, { shape: [], type: 6 }], operators: [{ code: 58, inputs: [0, 2], outputs: [3] }], inputs: [0, 1], outputs: [3] };
    const body: GraphLike = { tensors: [counter, { shape: [2] }, one, counter, { shape: [2] }], operators: [{ code: 0, inputs: [0, 2], outputs: [3] }, { code: 28, inputs: [1], outputs: [4] }], inputs: [0, 1], outputs: [3, 4] };
    const standing: GraphLike = { ...body, outputs: [0, 4] };
    const start = performance.now();
    await expect(read(model([loop(2), condition, body]))).rejects.toMatchObject({ code: "ERR_OCTAVO_OPERATOR", message: expect.stringContaining("its loop runs more than") });
    await broken(model([loop(2), condition, standing]), "never ends");
    const nested: GraphLike = { ...body, operators: [{ code: 0, inputs: [0, 2], outputs: [3] }, { code: 119, inputs: [0, 1], outputs: [3, 4], optionsType: 93, options: { 0: 1, 1: 2 } }] };
    await expect(read(model([loop(2), condition, nested]))).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_OCTAVO_/) });
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test("one vector told many times over", async () => {
    await broken(overlapping(), "overlap");
  });
});

/** A model whose list of subgraphs names one subgraph again and again. */
function overlapping(): Uint8Array {
  const names = Array.from({ length: 2000 }, (_, i) => ({ shape: [1], name: `t${i}` }));
  const bytes = model([{ ...relu(), tensors: [...relu().tensors, ...names] }, ...Array.from({ length: 60 }, () => relu())]);
  const view = new DataView(bytes.buffer), root = view.getUint32(0, true), slot = root - view.getInt32(root, true) + 4 + 2 * 2;
  const field = root + view.getUint16(slot, true), vector = field + view.getUint32(field, true), target = vector + 4 + view.getUint32(vector + 4, true);
  for (let i = 0; i < view.getUint32(vector, true); i++) view.setUint32(vector + 4 + 4 * i, target - (vector + 4 + 4 * i), true);
  return bytes;
}
