/** A look at models that cannot be converted: what is refused is told, and the rest is read. */
import { describe, expect, test } from "vitest";
import { zipSync } from "fflate";
import { readModel } from "../../converter/formats/index.ts";
import { buildGraph } from "../../converter/formats/keras/build.ts";
import { namedVariables } from "../../converter/formats/keras/variables.ts";
import type { ReadOptions } from "../../converter/formats/reader.ts";
import type { Json } from "../../converter/formats/wire/json.ts";
import { openZip } from "../../converter/formats/wire/zip.ts";
import { checkGraph } from "../../converter/ir/check.ts";
import type { Graph } from "../../converter/ir/graph.ts";
import { bytesOf, madeCases } from "./made.ts";
import { floats, modelOf, node, value } from "./onnx-model.ts";
import { model as tfliteModel } from "./tflite-build.ts";

/** What is left of a model, and what was refused. */
async function look(read: (options: ReadOptions) => Graph | Promise<Graph>): Promise<{ ops: string[]; inputs: string[]; outputs: string[]; refused: string[] }> {
  const refused: string[] = [], graph = await read({ refused: (e) => refused.push(e.message) });
  checkGraph(graph);
  return { ops: graph.nodes.map((n) => n.op), inputs: graph.inputs, outputs: graph.outputs, refused };
}

describe("ONNX", () => {
  const nodes = [node("Relu", ["x"], ["a"]), node("GridSample", ["a", "x"], ["b"]), node("Mul", ["b", "w"], ["y"])];
  const graph = { input: [value("x", [1, 2])], output: [value("y", [1, 2])], initializer: [floats("w", [2], [1, 2])], node: nodes };
  test("what comes behind a refused operator is read where the file tells its shape", async () => {
    const bytes = modelOf({ ...graph, valueInfo: [value("b", [1, 2])] });
    await expect(readModel(bytes)).rejects.toThrow(/GridSample ×1/);
    expect(await look((o) => readModel(bytes, o))).toEqual({ ops: ["clip", "mul"], inputs: ["x", "b"], outputs: ["y", "a"], refused: [expect.stringMatching(/GridSample ×1/)] });
  });
  test("and left out where it does not", async () => {
    expect(await look((o) => readModel(modelOf(graph), o))).toMatchObject({ ops: ["clip"], inputs: ["x"], outputs: ["a"] });
  });
  test("a form of an operator is refused like an operator", async () => {
    const bytes = modelOf({ ...graph, node: [nodes[0]!, node("LpNormalization", ["a"], ["b"], { p: 3 }), nodes[2]!], valueInfo: [value("b", [1, 2])] });
    expect(await look((o) => readModel(bytes, o))).toMatchObject({ ops: ["clip", "mul"], refused: [expect.stringMatching(/p is 3, expected 1 or 2/)] });
  });
});

test("TFLite: shapes are in the file", async () => {
  const tensors = ["x", "a", "b", "y"].map((name) => ({ shape: [1, 2], name }));
  const operators = [{ code: 19, inputs: [0], outputs: [1] }, { code: 32, custom: "FlexErf", inputs: [1], outputs: [2] }, { code: 28, inputs: [2], outputs: [3] }];
  const bytes = tfliteModel([{ tensors, operators, inputs: [0], outputs: [3] }]);
  expect(await look((o) => readModel(bytes, o))).toEqual({ ops: ["clip", "tanh"], inputs: ["x", "b"], outputs: ["y", "a"], refused: [expect.stringMatching(/1 × TensorFlow operator "FlexErf"/)] });
});

describe("Keras", () => {
  const layer = (name: string, className: string, built?: number[]) =>
    ({ class_name: className, module: "keras.layers", config: { name, ...(className === "Activation" && { activation: "tanh" }) }, ...(built && { build_config: { input_shape: [null, ...built] } }) });
  const input = { class_name: "InputLayer", config: { name: "x", batch_shape: [null, 3], dtype: "float32" } };
  const read = (config: object) => look((o) => buildGraph({ format: "keras", version: "3", config: config as Json, variables: namedVariables([]) }, o));
  test("behind a Lambda a Sequential model goes on with the shape it was built for", async () => {
    const layers = [input, layer("a", "Activation"), layer("l", "Lambda"), layer("b", "Activation", [5])];
    expect(await read({ class_name: "Sequential", config: { name: "s", layers } })).toEqual({ ops: ["tanh", "tanh"], inputs: ["x", "b"], outputs: ["a", "b_1"], refused: [expect.stringMatching(/"l" \(Lambda\)/)] });
  });
  test("or ends there", async () => {
    const layers = [input, layer("a", "Activation"), layer("l", "Lambda"), layer("b", "Activation")];
    expect(await read({ class_name: "Sequential", config: { name: "s", layers } })).toMatchObject({ ops: ["tanh"], outputs: ["a"] });
  });
  test("references of a functional model tell shapes", async () => {
    const tensor = (name: string, shape: number[]) => ({ class_name: "__keras_tensor__", config: { shape: [null, ...shape], dtype: "float32", keras_history: [name, 0, 0] } });
    const called = (l: object, name: string, args: object[]) => ({ ...l, name, inbound_nodes: [{ args, kwargs: {} }] });
    const layers = [{ ...input, name: "x", inbound_nodes: [] }, called(layer("l", "Lambda"), "l", [tensor("x", [3])]), called(layer("b", "Activation"), "b", [tensor("l", [7])])];
    const found = await read({ class_name: "Functional", config: { name: "f", layers, input_layers: [["x", 0, 0]], output_layers: [["b", 0, 0]] } });
    expect(found).toEqual({ ops: ["tanh"], inputs: ["x", "l"], outputs: ["b"], refused: [expect.stringMatching(/"l" \(Lambda\)/)] });
  });
});

test("PyTorch: shapes are in the archive", async () => {
  const zip = openZip(bytesOf(madeCases<{ pt2: string }>("pytorch").find((c) => c.name === "perceptron")!.pt2), "pytorch"), name = zip.names.find((n) => n.endsWith("model.json"))!;
  const entries = Object.fromEntries(zip.names.map((n) => [n, zip.read(n)!])), text = new TextDecoder().decode(entries[name]).replaceAll("aten.tanh.default", "aten.unheard_of.default");
  const bytes = zipSync({ ...entries, [name]: new TextEncoder().encode(text) }, { level: 0 });
  const found = await look((o) => readModel(bytes, { ...o, name: "m.pt2" }));
  expect(found).toMatchObject({ ops: ["reshape", "dense", "dense"], refused: [expect.stringMatching(/aten\.unheard_of\.default/)] });
  expect([found.inputs.length, found.outputs.length]).toEqual([2, 2]);
});

test("GraphModel: what depends on a refused operator is left out", async () => {
  const c = madeCases<{ model: object; weights: string }>("tfjs").find(({ name }) => name === "images, optimised")!;
  const json = JSON.stringify(c.model).replace(/"op":\s*"Softmax"/, '"op":"Unheard"');
  const found = await look((o) => readModel(new TextEncoder().encode(json), { ...o, name: "model.json", resolve: async () => bytesOf(c.weights) }));
  expect(found.refused).toEqual([expect.stringMatching(/Unheard/)]);
  expect(found.ops.filter((op) => op === "conv2d").length).toBeGreaterThan(2);
  expect(found.ops).not.toContain("softmax");
});

describe("names of inputs", () => {
  const keras = bytesOf(madeCases<{ keras: string }>("keras").find((c) => c.name === "leaky relu")!.keras), torch = bytesOf(madeCases<{ pt2: string }>("pytorch").find((c) => c.name === "perceptron")!.pt2);
  const bytes = { keras, torch, tflite: tfliteModel([{ tensors: [{ shape: [1, 2], name: "x" }, { shape: [1, 2], name: "y" }], operators: [{ code: 19, inputs: [0], outputs: [1] }], inputs: [0], outputs: [1] }]) };
  for (const [format, file] of Object.entries(bytes)) test(`${format}: a shape or a value for an input that is not there`, async () => {
    await expect(readModel(file, { inputShapes: { z: [1] } })).rejects.toThrow(/it has no input "z", expected one of "/);
    await expect(readModel(file, { constants: { z: { data: Float32Array.of(1), shape: [1] } } })).rejects.toThrow(/it has no input "z", expected one of "/);
  });
});
