/** What the ONNX reader does beyond single operators: axes, names, layouts, side files, functions, loops, refusals. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModel, readerOf } from "../../converter/formats/index.ts";
import { onnx } from "../../converter/formats/onnx.ts";
import { operatorNames } from "../../converter/formats/onnx/operators.ts";
import { checkGraph } from "../../converter/ir/check.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { tensorOf, type Graph, type TypedArray } from "../../converter/ir/graph.ts";
import type { ReadOptions } from "../../converter/formats/reader.ts";
import { bytes, float, floats, ints, modelOf, node, value, type Description } from "./onnx-model.ts";
import { shared } from "./onnx-suite.ts";

async function read(description: Description, options: ReadOptions = {}): Promise<Graph> {
  const graph = await readModel(modelOf(description), options);
  checkGraph(graph);
  return graph;
}
const run = (graph: Graph, inputs: Record<string, TypedArray>) => evaluate(graph, new Map(Object.entries(inputs)), { keep: new Set(graph.outputs) });
const relu = (shape: (number | string)[]): Description => ({ input: [value("x", shape)], output: [value("y", shape)], node: [node("Relu", ["x"], ["y"])] });
const shapeOf = (graph: Graph, name: string) => tensorOf(graph, name).shape;

describe("knows the format", () => {
  test("by content, whatever the name", async () => expect((await readerOf(modelOf(relu([1])), "model.bin")).name).toBe("onnx"));
  test("not of text or zeros", () => expect([new TextEncoder().encode("import onnx\n"), new Uint8Array(64), new Uint8Array(0)].some(onnx.sniff)).toBe(false));
  test("and says what else it found", async () => {
    await expect(readModel(new TextEncoder().encode("<html><body>Not found</body>"), { name: "model.onxx" })).rejects.toMatchObject({ code: "ERR_OCTAVO_FORMAT", message: expect.stringMatching(/starts with "<html><body>Not ".*ONNX.*TFLite/) });
  });
  test("names the byte where a file is cut off", async () => {
    const whole = modelOf({ ...relu([4]), initializer: [floats("w", [100], new Array(100).fill(1))] });
    await expect(readModel(whole.slice(0, whole.length - 60), {})).rejects.toMatchObject({ code: "ERR_OCTAVO_FORMAT", message: expect.stringMatching(/^onnx: byte \d+: .*cut off or damaged/) });
  });
});

describe("binds free axes", () => {
  test("a named first axis is the batch: 1", async () => expect(shapeOf(await read(relu(["N", 3])), "x")).toEqual([1, 3]));
  test("only one axis is the batch, the surest by its name", async () =>
    expect(read(relu(["batch_size", "N"]))).rejects.toThrow(/axis 1 \("N"\).*--input-shape x=1,SIZE/));
  test("every other free axis is asked for", async () => expect(read(relu(["batch", 3, "height", "width"]))).rejects.toThrow(/--input-shape x=1,3,SIZE,SIZE/));
  test("an axis named so is the batch wherever it stands", async () => expect(shapeOf(await read(relu(["batch_size", 3, 4])), "x")).toEqual([1, 3, 4]));
  test("0 and −1 too", async () => expect(shapeOf(await read(relu([-1, 3])), "x")).toEqual([1, 3]));
  test("others are asked for by name", async () => {
    await expect(read(relu(["batch", "time", 8]))).rejects.toMatchObject({ code: "ERR_OCTAVO_SHAPE", message: expect.stringMatching(/input "x": axis 1 \("time"\).*--input-shape x=1,SIZE,8/) });
  });
  test("and given by inputShapes", async () => expect(shapeOf(await read(relu(["batch", "time", 8]), { inputShapes: { x: [1, 5, 8] } }), "y")).toEqual([1, 5, 8]));
  test("a name has one size in all inputs", async () => {
    const two: Description = { input: [value("a", ["batch", "T"]), value("b", ["batch", "T"])], output: [value("y", [])], node: [node("Add", ["a", "b"], ["y"])] };
    expect(shapeOf(await read(two, { inputShapes: { a: [1, 7] } }), "b")).toEqual([1, 7]);
  });
  test("refuses shapes for inputs that are not there", async () => {
    await expect(read(relu([1, 2]), { inputShapes: { z: [1] } })).rejects.toMatchObject({ message: expect.stringMatching(/no input "z", expected one of "x"/) });
  });
  test("a fixed input is a constant", async () => {
    const two: Description = { input: [value("x", [2, 2]), value("shape", [1], 7)], output: [value("y", [4])], node: [node("Reshape", ["x", "shape"], ["y"])] };
    await expect(read(two)).rejects.toMatchObject({ code: "ERR_OCTAVO_OPERATOR", message: expect.stringMatching(/shape depends on input "shape".*option "constants"/) });
    const graph = await read(two, { constants: { shape: { data: Float64Array.of(4), shape: [1] } } });
    expect([graph.inputs, shapeOf(graph, "y")]).toEqual([["x"], [4]]);
  });
});

describe("keeps names, order and layout", () => {
  test("outputs that are inputs, constants, or two names of one tensor", async () => {
    const graph = await read({
      input: [value("x", [2])], output: [value("same", [2]), value("y", [2]), value("k", [1]), value("x", [2])], initializer: [ints("k", [1], [7])],
      node: [node("Identity", ["x"], ["same"]), node("Relu", ["x"], ["r"]), node("Identity", ["r"], ["y"])],
    });
    expect(graph.outputs).toEqual(["same", "y", "k", "x"]);
    const values = run(graph, { x: Float32Array.of(-1, 2) });
    expect(graph.outputs.map((o) => [...values.get(o)!])).toEqual([[-1, 2], [0, 2], [7], [-1, 2]]);
  });
  test("nodes in any order", async () => {
    const graph = await read({
      input: [value("x", [1])], output: [value("y", [1])],
      node: [node("Neg", ["b"], ["y"]), node("Add", ["a", "x"], ["b"]), node("Exp", ["x"], ["a"])],
    });
    expect([...run(graph, { x: Float32Array.of(0) }).get("y")!]).toEqual([-1]);
  });
  test("two names of one initializer, as exporters write equal weights", async () => {
    const graph = await read({
      input: [value("x", [2])], output: [value("y", [2])], initializer: [floats("w", [2], [2, 3])],
      node: [node("Identity", ["w"], ["a"]), node("Identity", ["w"], ["b"]), node("Mul", ["x", "a"], ["p"]), node("Add", ["p", "b"], ["q"]), node("Add", ["q", "w"], ["y"])],
    });
    expect([...run(graph, { x: Float32Array.of(1, 10) }).get("y")!]).toEqual([6, 36]);
  });
  test("an inner name never takes one of the file's", async () => {
    const graph = await read({
      input: [value("x", [2, 3])], output: [value("x_exp", [2, 3]), value("y", [2, 3])],
      node: [node("Sinh", ["x"], ["y"]), node("Relu", ["x"], ["x_exp"])],
    });
    const values = run(graph, { x: Float32Array.of(-1, 0, 1, 2, -2, 3) });
    expect([...values.get("x_exp")!]).toEqual([0, 0, 1, 2, 0, 3]);
    expect(values.get("y")![3]).toBeCloseTo(Math.sinh(2), 5);
  });
  const conv = (input: string, output: string) => node("Conv", [input, "w"], [output], { pads: [1, 1, 1, 1] });
  const w = floats("w", [2, 2, 3, 3], Array.from({ length: 36 }, (_, i) => i / 36));
  test("images of spatial operators are nchw", async () => {
    const graph = await read({ input: [value("x", [1, 2, 4, 4]), value("v", [1, 2, 4, 4])], output: [value("y", [])], initializer: [w], node: [node("Relu", ["x"], ["r"]), conv("r", "c"), node("Add", ["c", "v"], ["y"])] });
    expect(graph.layouts).toEqual({ x: "nchw", v: "nchw", y: "nchw" });
  });
  test("nhwc where the file transposes itself", async () => {
    const graph = await read({
      input: [value("x", [1, 4, 4, 2])], output: [value("y", [])], initializer: [w],
      node: [node("Transpose", ["x"], ["t"], { perm: [0, 3, 1, 2] }), conv("t", "c"), node("Transpose", ["c"], ["y"], { perm: [0, 2, 3, 1] })],
    });
    expect(graph.layouts).toEqual({ x: "nhwc", y: "nhwc" });
  });
  test("rank 4 alone is no image", async () => expect((await read(relu([1, 2, 3, 4]))).layouts).toEqual({}));
});

describe("external data", () => {
  const external = (location: string, offset = 4, length = 8) => modelOf({
    input: [value("x", [2])], output: [value("y", [2])], node: [node("Add", ["x", "w"], ["y"])],
    initializer: [{ name: "w", dims: [2], dataType: 1, dataLocation: 1, externalData: [{ key: "location", value: location }, { key: "offset", value: String(offset) }, { key: "length", value: String(length) }] }],
  });
  const side = new Uint8Array(Float32Array.of(9, 5, 6).buffer), resolve = async () => side;
  test("is read at its offset", async () => {
    const graph = await readModel(external("weights.bin"), { resolve });
    expect([...run(graph, { x: Float32Array.of(1, 2) }).get("y")!]).toEqual([6, 8]);
  });
  for (const path of ["../weights.bin", "/etc/passwd", "a/../../b", "C:\\w.bin", "\\\\host\\w", "https://host/w", "a//b", ""])
    test(`never at "${path}"`, async () => {
      const paths: string[] = [];
      await expect(readModel(external(path), { resolve: async (p) => { paths.push(p); return side; } })).rejects.toMatchObject({ code: "ERR_OCTAVO_SOURCE", message: expect.stringMatching(/inside of the model's folder/) });
      expect(paths).toEqual([]);
    });
  test("beyond its file", async () => { await expect(readModel(external("w", 8), { resolve })).rejects.toMatchObject({ code: "ERR_OCTAVO_FORMAT", message: expect.stringMatching(/bytes 8 to 16 of "w", which has 12/) }); });
  test("with a negative offset", async () => { await expect(readModel(external("w", -4), { resolve })).rejects.toMatchObject({ code: "ERR_OCTAVO_FORMAT" }); });
  test("without a way to get it", async () => { await expect(readModel(external("w.bin"), {})).rejects.toMatchObject({ code: "ERR_OCTAVO_SOURCE", message: expect.stringMatching(/file "w.bin", which was not given/) }); });
});

/** Numbers of onnxruntime 1.32, which computes sizes and positions in float32. */
describe("Resize by scales that are no exact numbers", () => {
  const resized = async (scale: number, place: string): Promise<number[]> => {
    const attributes = { mode: "nearest", coordinate_transformation_mode: place, nearest_mode: "floor" };
    const graph = await read({ input: [value("x", [1, 1, 1, 20])], output: [value("y", [])], initializer: [floats("s", [4], [1, 1, 1, scale])], node: [node("Resize", ["x", "", "s"], ["y"], attributes)] });
    return [...run(graph, { x: Float32Array.from({ length: 20 }, (_, i) => i) }).get("y")!];
  };
  test("1.1", async () => expect(await resized(1.1, "asymmetric")).toEqual([0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]));
  test("0.7", async () => expect(await resized(0.7, "half_pixel")).toEqual([0, 1, 3, 4, 5, 7, 8, 10, 11, 13, 14, 15, 17, 18]));
});

/** The operator's text and onnxruntime agree; NumPy gives nothing. */
test("Slice backwards from before the beginning starts at the first element", async () => {
  const graph = await read({ input: [value("x", [4])], output: [value("y", [])], initializer: [ints("s", [1], [-5]), ints("e", [1], [-9]), ints("a", [1], [0]), ints("t", [1], [-2])], node: [node("Slice", ["x", "s", "e", "a", "t"], ["y"])] });
  expect([...run(graph, { x: Float32Array.of(7, 8, 9, 10) }).get("y")!]).toEqual([7]);
});

describe("names that every object has", () => {
  test.each(["constructor", "__proto__", "toString"])("an input called %s", async (name) => {
    const graph = await read({ input: [value(name, [2])], output: [value("y", [2])], node: [node("Relu", [name], ["y"])] }, { inputShapes: {}, constants: {} });
    expect([...evaluate(graph, new Map([[name, Float32Array.of(-1, 2)]])).get("y")!]).toEqual([0, 2]);
  });
  test("as an activation", () => expect(read({
    input: [value("x", [1, 1, 1])], output: [value("y", [])], initializer: [floats("w", [1, 1, 1], [1]), floats("r", [1, 1, 1], [1])],
    node: [{ ...node("RNN", ["x", "w", "r"], ["y"]), attribute: [{ name: "activations", strings: [new TextEncoder().encode("constructor")], type: 8 }] }],
  })).rejects.toThrow(/activation "constructor" is not supported/));
});

describe("bodies", () => {
  const scale = { name: "Scale", domain: "own", input: ["a"], output: ["b"], attribute: ["by"], node: [{ ...node("LeakyRelu", ["a"], ["b"]), attribute: [{ name: "alpha", refAttrName: "by" }] }], opsetImport: [{ domain: "", version: 17 }] };
  test("a function of the model, with its attribute", async () => {
    const calls = [{ ...node("Scale", ["x"], ["t"], {}, { domain: "own" }), attribute: [float("by", 0.5)] }, node("Scale", ["t"], ["y"], {}, { domain: "own" })];
    const graph = await read({ input: [value("x", [2])], output: [value("y", [2])], domains: { own: 1 }, functions: [scale], node: calls });
    const found = [...run(graph, { x: Float32Array.of(-8, 8) }).get("y")!];
    expect(found[0]).toBeCloseTo(-8 * 0.5 * 0.01, 6);
    expect(found[1]).toBe(8);
  });
  test("a function that calls itself", async () => {
    const loop = { ...scale, node: [node("Scale", ["a"], ["b"], {}, { domain: "own" })] };
    await expect(read({ input: [value("x", [2])], output: [value("y", [2])], domains: { own: 1 }, functions: [loop], node: [node("Scale", ["x"], ["y"], {}, { domain: "own" })] })).rejects.toMatchObject({ code: "ERR_OCTAVO_FORMAT", message: expect.stringMatching(/nest deeper/) });
  });
  const branches = { then_branch: { node: [node("Relu", ["x"], ["t"])], output: [value("t", [2])] }, else_branch: { node: [node("Neg", ["x"], ["e"])], output: [value("e", [2])] } };
  test("If by a constant", async () => {
    const graph = await read({ input: [value("x", [2])], output: [value("y", [2])], initializer: [bytes("c", [], [0], 9)], node: [node("If", ["c"], ["y"], branches)] });
    expect(graph.nodes.map((n) => n.op)).toEqual(["neg"]);
  });
  const byFirst = [node("Slice", ["x", "zero", "one"], ["f"]), node("Greater", ["f", "none"], ["c"])], limits = [ints("zero", [1], [0]), ints("one", [1], [1]), floats("none", [1], [0])];
  test("If by activations: both branches, and a choice", async () => {
    const graph = await read({ input: [value("x", [2])], output: [value("y", [2])], initializer: limits, node: [...byFirst, node("If", ["c"], ["y"], branches)] });
    expect([[-3, 2], [3, -2]].map((x) => [...run(graph, { x: Float32Array.from(x) }).get("y")!])).toEqual([[3, -2], [3, 0]]);
  });
  test("branches of other shapes cannot be chosen from", async () => {
    const longer = { ...branches, else_branch: { node: [node("Concat", ["x", "x"], ["e"], { axis: 0 })], output: [value("e", [4])] } };
    await expect(read({ input: [value("x", [2])], output: [value("y", [2])], initializer: limits, node: [...byFirst, node("If", ["c"], ["y"], longer)] })).rejects.toThrow(/its branches give \[2\] and \[4\], and which is taken depends on input "x"/);
  });
  test("If by an input is refused with the way out", async () => {
    await expect(read({ input: [value("x", [2]), value("c", [], 9)], output: [value("y", [2])], node: [node("If", ["c"], ["y"], branches)] })).rejects.toMatchObject({ message: expect.stringMatching(/\(If\): which branch is taken depends on input "c".*"constants"/) });
  });
  const body = { input: [value("i", [], 7), value("go", [], 9), value("s", [2])], output: [value("go_on", [], 9), value("next", [2]), value("next", [2])], node: [node("Identity", ["go"], ["go_on"]), node("Add", ["s", "x"], ["next"])] };
  const looped = (trips: number): Description => ({
    input: [value("x", [2])], output: [value("end", [2]), value("all", [])], initializer: [ints("n", [], [trips]), bytes("c", [], [1], 9)], node: [node("Loop", ["n", "c", "x"], ["end", "all"], { body })],
  });
  test("Loop is written out", async () => {
    const values = run(await read(looped(3)), { x: Float32Array.of(1, 10) });
    expect([[...values.get("end")!], [...values.get("all")!]]).toEqual([[4, 40], [2, 20, 3, 30, 4, 40]]);
  });
  test("Loop beyond measure ends soon", async () => {
    const start = performance.now();
    await expect(read(looped(2 ** 40))).rejects.toMatchObject({ code: "ERR_OCTAVO_OPERATOR", message: expect.stringMatching(/more than 4096 times/) });
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe("refuses", () => {
  test("all operators that it does not know at once", async () => {
    const nodes = [node("NonMaxSuppression", ["x"], ["a"]), node("Fancy", ["a"], ["b"], {}, { domain: "acme" }), node("Fancy", ["b"], ["c"], {}, { domain: "acme" }), node("Relu", ["c"], ["y"])];
    await expect(read({ input: [value("x", [2])], output: [value("y", [2])], node: nodes })).rejects.toMatchObject({ code: "ERR_OCTAVO_OPERATOR", message: expect.stringMatching(/2 operators are not supported: NonMaxSuppression ×1 \(.*\), acme\.Fancy ×2/) });
  });
  test("but not those that no output needs", async () => {
    const graph = await read({ input: [value("x", [2])], output: [value("y", [2])], node: [node("Fancy", ["x"], ["z"]), node("Relu", ["x"], ["y"])] });
    expect(graph.nodes).toHaveLength(1);
  });
  const cases: Record<string, [Description, string, RegExp]> = {
    "a cycle": [{ input: [value("x", [2])], output: [value("y", [2])], node: [node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])] }, "ERR_OCTAVO_FORMAT", /"a" is written by no node before it/],
    "an input without a name": [{ ...relu([2]), input: [value("", [2])] }, "ERR_OCTAVO_FORMAT", /an input has no name/],
    "an output without a name": [{ ...relu([2]), output: [value("", [2])], initializer: [floats("", [1], [1])] }, "ERR_OCTAVO_FORMAT", /an output has no name/],
    "a tensor that is written twice": [{ input: [value("x", [2])], output: [value("y", [2])], node: [node("Neg", ["x"], ["y"]), node("Relu", ["x"], ["y"])] }, "ERR_OCTAVO_FORMAT", /writes "y" a second time/],
    "an operator set from the future": [{ ...relu([2]), opset: 99 }, "ERR_OCTAVO_VERSION", /version 99, expected 1 to \d+/],
    "text": [{ input: [value("x", [2], 8)], output: [value("y", [2], 8)], node: [node("Identity", ["x"], ["y"])] }, "ERR_OCTAVO_DTYPE", /element type is string/],
    "weights of another size than their shape": [{ input: [value("x", [2])], output: [value("y", [2])], node: [node("Add", ["x", "w"], ["y"])], initializer: [floats("w", [3], [1, 2])] }, "ERR_OCTAVO_FORMAT", /holds 8 bytes, 3 elements of float32 need 12/],
    "a shape beyond memory": [relu([1, 2 ** 20, 2 ** 20]), "ERR_OCTAVO_FORMAT", /more than \d+ elements/],
    "a huge constant from nothing": [{ input: [value("x", [1])], output: [value("y", [])], initializer: [ints("n", [2], [2 ** 20, 2 ** 20])], node: [node("ConstantOfShape", ["n"], ["c"]), node("Add", ["x", "c"], ["y"])] }, "ERR_OCTAVO_SHAPE", /elements/],
    "a huge range": [{ input: [value("x", [1], 7)], output: [value("y", [])], initializer: [ints("a", [], [0]), ints("b", [], [2 ** 40]), ints("d", [], [1])], node: [node("Range", ["a", "b", "d"], ["r"]), node("Add", ["x", "r"], ["y"])] }, "ERR_OCTAVO_SHAPE", /elements/],
    "a huge tile": [{ input: [value("x", [4])], output: [value("y", [])], initializer: [ints("r", [1], [2 ** 40])], node: [node("Tile", ["x", "r"], ["y"])] }, "ERR_OCTAVO_SHAPE", /elements or less/],
    "a stride of 0": [{ input: [value("x", [1, 1, 4, 4])], output: [value("y", [])], initializer: [floats("w", [1, 1, 1, 1], [1])], node: [node("Conv", ["x", "w"], ["y"], { strides: [0, 1] })] }, "ERR_OCTAVO_SHAPE", /strides is \[0,1\], expected 2 numbers of 1 or more/],
    "no outputs": [{ input: [value("x", [1])], node: [] }, "ERR_OCTAVO_FORMAT", /no outputs/],
  };
  for (const [name, [description, code, message]] of Object.entries(cases)) test(name, async () => { await expect(read(description)).rejects.toMatchObject({ code, message: expect.stringMatching(message) }); });
});

describe("quantized models", () => {
  const scale = (name: string, values: number[]) => floats(name, values.length === 1 ? [] : [values.length], values);
  test("weights stay integers with their scales per channel, also in another order of axes", async () => {
    const graph = await read({
      input: [value("x", [1, 2, 4, 4], 3)], output: [value("y", [])],
      initializer: [bytes("w", [3, 2, 1, 1], [1, 2, 3, 4, 5, 6]), scale("ws", [0.1, 0.2, 0.3]), bytes("wz", [3], [0, 0, 0]), scale("xs", [0.5]), bytes("xz", [], [3]), scale("ys", [0.25]), bytes("yz", [], [-5])],
      node: [
        node("DequantizeLinear", ["x", "xs", "xz"], ["xf"]), node("DequantizeLinear", ["w", "ws", "wz"], ["wf"], { axis: 0 }), node("Conv", ["xf", "wf"], ["c"]), node("QuantizeLinear", ["c", "ys", "yz"], ["y"]),
      ],
    });
    const conv = graph.nodes.find((n) => n.op === "conv2d")!, weights = tensorOf(graph, graph.nodes.find((n) => n.outputs[0] === conv.inputs[1])!.inputs[0]!);
    expect(weights).toMatchObject({ dtype: "int8", shape: [3, 1, 1, 2], quantization: { scale: Float32Array.of(0.1, 0.2, 0.3), axis: 0 } });
    expect(tensorOf(graph, "x")).toMatchObject({ dtype: "int8", quantization: { scale: Float32Array.of(0.5), zeroPoint: Int32Array.of(3) } });
    expect(tensorOf(graph, "y")).toMatchObject({ dtype: "int8", quantization: { scale: Float32Array.of(0.25), zeroPoint: Int32Array.of(-5) } });
  });
  test("integers that somebody computes with are the stored ones", async () => {
    const graph = await read({
      input: [value("x", [3])], output: [value("y", [3])], initializer: [scale("s", [0.5]), bytes("z", [], [10])],
      node: [node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("Cast", ["q"], ["y"], { to: 1 })],
    });
    expect([...run(graph, { x: Float32Array.of(-1, 0, 2.1) }).get("y")!]).toEqual([8, 10, 14]);
  });
  test("padding of integers is padded by a stored value", async () => {
    const graph = await read({
      input: [value("x", [2])], output: [value("y", [4])], initializer: [scale("s", [0.5]), bytes("z", [], [10]), ints("p", [2], [1, 1]), bytes("v", [], [12])],
      node: [node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("Pad", ["q", "p", "v"], ["r"]), node("DequantizeLinear", ["r", "s", "z"], ["y"])],
    });
    expect([...run(graph, { x: Float32Array.of(-1, 3) }).get("y")!]).toEqual([1, -1, 3, 1]);
  });
});

const trained = join(shared, "models/trained");
describe.skipIf(!existsSync(trained))(`streams${existsSync(trained) ? "" : " (../shared is absent)"}`, () => {
  const file = (name: string) => new Uint8Array(readFileSync(join(trained, name)));
  for (const [name, steps, width] of [["mnist-lstm/model.onnx", 28, 28], ["mnist-gru/model-dynamo.onnx", 28, 28], ["pm25-lstm/model-batch1.onnx", 24, 8]] as const)
    test(`${name}, one step at a time`, async () => {
      const whole = await readModel(file(name)), step = await readModel(file(name), { stateful: true }), input = whole.inputs[0]!, output = whole.outputs[0]!;
      checkGraph(step);
      expect(shapeOf(step, input)).toEqual([1, 1, width]);
      const x = Float32Array.from({ length: steps * width }, (_, i) => Math.sin(i)), states = new Map(step.states.map((s) => [s.input, s.initial]));
      let y: TypedArray = new Float32Array(0);
      for (let t = 0; t < steps; t++) {
        const values = evaluate(step, new Map([...states, [input, x.subarray(t * width, (t + 1) * width)]]));
        for (const s of step.states) states.set(s.input, values.get(s.output)!);
        y = values.get(output)!;
      }
      const expected = run(whole, { [input]: x }).get(output)!;
      expected.forEach((e, i) => expect(y[i]).toBeCloseTo(e, 4));
    });
  test("a recurrence in both directions is refused", async () => {
    await expect(readModel(file("char-fill-bilstm/model.onnx"), { stateful: true })).rejects.toMatchObject({ message: expect.stringMatching(/backwards too.*without --stateful/) });
  });
});

test("docs/onnx.md names every operator", () => {
  const page = readFileSync(new URL("../../docs/onnx.md", import.meta.url), "utf8"), words = new Set(page.split(/[^\w.]+/));
  expect(Object.values(operatorNames()).flat().filter((name) => !words.has(name))).toEqual([]);
});
