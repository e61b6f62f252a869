/** `cut`: a model that ends at the tensors or layers that the caller names. */
import { describe, expect, test } from "vitest";
import { zipSync } from "fflate";
import { convert } from "../../converter/convert.ts";
import { readModel } from "../../converter/formats/index.ts";
import { buildGraph } from "../../converter/formats/keras/build.ts";
import { namedVariables } from "../../converter/formats/keras/variables.ts";
import type { Json } from "../../converter/formats/wire/json.ts";
import { openZip } from "../../converter/formats/wire/zip.ts";
import { checkGraph } from "../../converter/ir/check.ts";
import type { Graph } from "../../converter/ir/graph.ts";
import { bytesOf, madeCases } from "./made.ts";
import { modelOf, node, value } from "./onnx-model.ts";
import { model as tfliteModel } from "./tflite-build.ts";

const ends = (graph: Graph) => {
  checkGraph(graph);
  return { ops: graph.nodes.map((n) => n.op), outputs: graph.outputs };
};

describe("ONNX", () => {
  const nodes = [node("Relu", ["x"], ["a"], {}, { name: "first" }), node("Tanh", ["a"], ["b"]), node("GridSample", ["b", "x"], ["y"])];
  const bytes = modelOf({ input: [value("x", [1, 2])], output: [value("y", [1, 2])], node: nodes });
  test("what lies behind is not looked at", async () => {
    await expect(readModel(bytes)).rejects.toThrow(/GridSample ×1.*--cut/s);
    expect(ends(await readModel(bytes, { cut: ["b"] }))).toEqual({ ops: ["clip", "tanh"], outputs: ["b"] });
  });
  test("several ends; a node stands for what it gives", async () => {
    expect(ends(await readModel(bytes, { cut: ["b", "first", "a"] }))).toEqual({ ops: ["clip", "tanh"], outputs: ["b", "a"] });
  });
  test("a name that is not there", async () => {
    await expect(readModel(bytes, { cut: ["c"] })).rejects.toThrow('onnx: model: it has no tensor or layer "c" to end with. `octavo inspect` lists its layers.');
  });
  test("the model file returns them", async () => {
    const { report } = await convert(bytes, { cut: ["a"], precision: "float32" });
    expect(report.outputs.map((o) => o.name)).toEqual(["a"]);
  });
});

test("TFLite", async () => {
  const tensors = ["x", "a", "b", "y"].map((name) => ({ shape: [1, 2], name }));
  const operators = [{ code: 19, inputs: [0], outputs: [1] }, { code: 28, inputs: [1], outputs: [2] }, { code: 32, custom: "FlexErf", inputs: [2], outputs: [3] }];
  const bytes = tfliteModel([{ tensors, operators, inputs: [0], outputs: [3] }]);
  expect(ends(await readModel(bytes, { cut: ["a"] }))).toEqual({ ops: ["clip"], outputs: ["a"] });
  await expect(readModel(bytes, { cut: ["q"] })).rejects.toThrow(/no tensor or layer "q"/);
});

describe("Keras", () => {
  const layer = (name: string, className: string) => ({ class_name: className, module: "keras.layers", config: { name, ...(className === "Activation" && { activation: "tanh" }) } });
  const input = { class_name: "InputLayer", config: { name: "x", batch_shape: [null, 3], dtype: "float32" } };
  const read = (config: object, cut: string[]) => ends(buildGraph({ format: "keras", version: "3", config: config as Json, variables: namedVariables([]) }, { cut }));
  test("a Sequential model before a Lambda", () => {
    const config = { class_name: "Sequential", config: { name: "s", layers: [input, layer("a", "Activation"), layer("b", "Activation"), layer("l", "Lambda")] } };
    expect(() => read(config, ["l"])).toThrow(/"l" \(Lambda\).*--cut/s);
    expect(read(config, ["b"])).toEqual({ ops: ["tanh", "tanh"], outputs: ["b"] });
    expect(read(config, ["b", "a"])).toEqual({ ops: ["tanh", "tanh"], outputs: ["b", "a"] });
  });
  test("a functional model: layers of other branches go", () => {
    const tensor = (name: string) => ({ class_name: "__keras_tensor__", config: { shape: [null, 3], dtype: "float32", keras_history: [name, 0, 0] } });
    const called = (l: object, name: string, from: string) => ({ ...l, name, inbound_nodes: [{ args: [tensor(from)], kwargs: {} }] });
    const layers = [{ ...input, name: "x", inbound_nodes: [] }, called(layer("a", "Activation"), "a", "x"), called(layer("l", "Lambda"), "l", "a"), called(layer("b", "Activation"), "b", "l")];
    const config = { class_name: "Functional", config: { name: "f", layers, input_layers: [["x", 0, 0]], output_layers: [["b", 0, 0]] } };
    expect(read(config, ["a"])).toEqual({ ops: ["tanh"], outputs: ["a"] });
    expect(() => read(config, ["z"])).toThrow(/no tensor or layer "z"/);
  });
});

test("PyTorch", async () => {
  const zip = openZip(bytesOf(madeCases<{ pt2: string }>("pytorch").find((c) => c.name === "perceptron")!.pt2), "pytorch"), name = zip.names.find((n) => n.endsWith("model.json"))!;
  const entries = Object.fromEntries(zip.names.map((n) => [n, zip.read(n)!])), text = new TextDecoder().decode(entries[name]).replaceAll("aten.tanh.default", "aten.unheard_of.default");
  const bytes = zipSync({ ...entries, [name]: new TextEncoder().encode(text) }, { level: 0 });
  await expect(readModel(bytes, { name: "m.pt2" })).rejects.toThrow(/aten\.unheard_of\.default/);
  expect(ends(await readModel(bytes, { name: "m.pt2", cut: ["linear"] }))).toEqual({ ops: ["reshape", "dense"], outputs: ["linear"] });
});

test("GraphModel", async () => {
  const c = madeCases<{ model: object; weights: string }>("tfjs").find(({ name }) => name === "images, optimised")!;
  const json = JSON.stringify(c.model).replace(/"op":\s*"Softmax"/, '"op":"Unheard"'), nodes = (JSON.parse(json) as { modelTopology: { node: { op: string; input: string[] }[] } }).modelTopology.node;
  const before = nodes.find((n) => n.op === "Unheard")!.input[0]!, options = { name: "model.json", resolve: async () => bytesOf(c.weights) };
  await expect(readModel(new TextEncoder().encode(json), options)).rejects.toThrow(/Unheard.*--cut/s);
  expect(ends(await readModel(new TextEncoder().encode(json), { ...options, cut: [before] })).outputs).toEqual([before]);
});
