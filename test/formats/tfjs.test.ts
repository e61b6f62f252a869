/** TF.js: the models of its own tests, quantized weights, shards, and what is refused. */
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { readModel } from "../../converter/formats/index.ts";
import { readManifest } from "../../converter/formats/tfjs/manifest.ts";
import type { Json } from "../../converter/formats/wire/json.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { tensorOf, type TypedArray } from "../../converter/ir/graph.ts";
import { madeCases } from "./made.ts";
import { absent, hasShared, sharedBytes } from "./shared.ts";

const suite = "conformance/tfjs-models";
const read = (path: string) => readModel(sharedBytes(`${suite}/${path}`),
  { name: path, resolve: async (file) => sharedBytes(`${suite}/${dirname(path)}/${file}`) });
const floats = (path: string) => new Float32Array(Uint8Array.from(sharedBytes(`${suite}/${path}`)).buffer);

describe.skipIf(!hasShared)(`models of TF.js' tests (${hasShared ? "here" : absent})`, () => {
  for (const path of ["e2e/integration_tests/load_predict_data/graph_model/model.json",
    "e2e/integration_tests/load_predict_data/graph_model/model_new.json", "tfjs-inference/test_data/model.json",
    "tfjs-inference/test_data/model_structured_outputs.json"])
    test(path, async () => {
      const graph = await read(path), [a, b, c, d] = floats(`${dirname(path)}/weights.bin`) as unknown as [number, number, number, number];
      const y = evaluate(graph, new Map([["Placeholder", Float32Array.of(1, 2, 3, 4)]])).get("MatMul")!;
      [a + 2 * c, b + 2 * d, 3 * a + 4 * c, 3 * b + 4 * d].forEach((v, i) => expect(y[i]).toBeCloseTo(v, 5));
    });
  test("a fused product", async () => {
    const path = "e2e/custom_module/dense_model/model", graph = await read(`${path}/model.json`);
    const [w, b] = floats(`${path}/group1-shard1of1.bin`) as unknown as [number, number];
    expect(tensorOf(graph, graph.inputs[0]!).shape).toEqual([1, 1]);
    expect(evaluate(graph, new Map([[graph.inputs[0]!, Float32Array.of(3)]])).get(graph.outputs[0]!)![0]).toBeCloseTo(3 * w + b, 5);
  });
  test("an embedding and a GRU that runs backwards, as Keras computes it", async () => {
    const graph = await read("e2e/integration_tests/load_predict_data/layers_model/model.json"), x = Float32Array.of(3, 1, 4, 1, 5, 9, 2, 6, 5, 99);
    const y = evaluate(graph, new Map([[graph.inputs[0]!, x]])).get("gru_GRU1")!;
    [0.00488331, -0.01336297, 0.00032166, -0.01007598].forEach((v, i) => expect(y[i]).toBeCloseTo(v, 6));
  });
});

describe("weights", () => {
  const weights = (entries: Json[], bytes: Uint8Array[]) =>
    readManifest([{ paths: bytes.map((_, i) => `shard${i}`), weights: entries }], { resolve: async (path) => bytes[Number(path.slice(5))]! });
  const only = async (entry: Json, bytes: number[]): Promise<TypedArray> => [...(await weights([entry], [Uint8Array.from(bytes)])).values()][0]!.data;

  test("uint8 with scale and least value", async () =>
    expect([...(await only({ name: "w", shape: [3], dtype: "float32", quantization: { dtype: "uint8", scale: 0.5, min: -2 } },
      [0, 4, 255]))]).toEqual([-2, 0, 125.5]));
  test("uint16", async () => expect([...(await only({ name: "w", shape: [2], dtype: "float32",
    quantization: { dtype: "uint16", scale: 0.25, min: 1 } }, [0, 1, 255, 255]))]).toEqual([65, 16384.75]));
  test("float16", async () => expect([...(await only({ name: "w", shape: [3], dtype: "float32", quantization: { dtype: "float16" } },
    [0, 0x3c, 0, 0xc0, 1, 0]))]).toEqual([1, -2, 2 ** -24]));
  test("whole numbers from bytes are rounded", async () =>
    expect([...(await only({ name: "w", shape: [2], dtype: "int32", quantization: { dtype: "uint8", scale: 0.7, min: -1 } }, [1, 10]))]).toEqual([0,
      6]));
  test("truth values", async () => expect([...(await only({ name: "w", shape: [2], dtype: "bool" }, [0, 7]))]).toEqual([0, 1]));
  test("arrays run over the edges of shards", async () => {
    const bytes = new Uint8Array(Float32Array.of(1, 2, 3).buffer);
    const found = await weights([{ name: "a", shape: [1], dtype: "float32" }, { name: "b", shape: [2], dtype: "float32" }],
      [bytes.slice(0, 3), bytes.slice(3, 9), bytes.slice(9)]);
    expect([...found.get("b")!.data]).toEqual([2, 3]);
  });
  for (const [name, entry, bytes, message] of [
    ["shards that are too short", { name: "w", shape: [9], dtype: "float32" }, [0, 0], /weight "w": it needs bytes 0 to 36, the shards have 2/],
    ["texts", { name: "w", shape: [1], dtype: "string" }, [0], /of type string/],
    ["a shape that lies", { name: "w", shape: [2 ** 40, 2 ** 20], dtype: "float32" }, [0], /weight "w"/],
    ["a negative size", { name: "w", shape: [-4], dtype: "float32" }, [0], /its shape is \[-4\]/],
  ] as const) test(`${name} are refused`, () => expect(only(entry as unknown as Json, [...bytes])).rejects.toThrow(message));
  for (const path of ["../secret.bin", "/etc/passwd", "a/../../b", "http://example.org/w", "C:\\w", "..\\w"])
    test(`${path} lies outside`, () =>
      expect(readManifest([{ paths: [path], weights: [] }],
        { resolve: async () => new Uint8Array() })).rejects.toThrow(/outside of the model's folder/));
  test("without the folder there are no weights", () =>
    expect(readManifest([{ paths: ["w.bin"], weights: [] }], {})).rejects.toThrow(/shard "w.bin": the weights are in other files.*resolve/));
});

describe("refusals", () => {
  const graphModel = (node: object[]) =>
    new TextEncoder().encode(JSON.stringify({ format: "graph-model", modelTopology: { node }, weightsManifest: [] }));
  const x = { name: "x", op: "Placeholder", attr: { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim: [{ size: "-1" }, { size: "3" }] } } } };

  test("every operator that is not known, in one message", () =>
    expect(readModel(graphModel([x, { name: "a", op: "Magic", input: ["x"] },
      { name: "b", op: "Sorcery", input: ["a"] }]))).rejects.toThrow(/cannot be converted: Magic, Sorcery/));
  test("loops, with the way out", () =>
    expect(readModel(graphModel([x, { name: "a", op: "TensorListReserve", input: ["x"] }]))).rejects.toThrow(/convert the Keras file/));
  test("nodes in a circle", () =>
    expect(readModel(graphModel([{ name: "a", op: "Relu", input: ["b"] }, { name: "b", op: "Relu", input: ["a"] },
      { name: "c", op: "Relu", input: ["a"] }]))).rejects.toThrow(/waits for itself/));
  test("a missing node", () => expect(readModel(graphModel([{ name: "a", op: "Relu",
    input: ["gone"] }]))).rejects.toThrow(/node "gone" is used, but missing/));
  test("a Keras configuration without weights", () =>
    expect(readModel(new TextEncoder().encode("{\"class_name\": \"Sequential\"}"),
      { name: "model.json" })).rejects.toThrow(/it has no modelTopology/));
  test("broken JSON", () => expect(readModel(new TextEncoder().encode("{\"modelTopology\": "),
    { name: "model.json" })).rejects.toThrow(/tfjs: model.json: found no valid JSON/));
  test("a free axis", async () => {
    const free = { ...x, attr: { ...x.attr, shape: { shape: { dim: [{ size: "-1" }, { size: "-1" }] } } } };
    const model = graphModel([free, { name: "y", op: "Relu", input: ["x"] }]);
    await expect(readModel(model)).rejects.toThrow(/input "x": its shape is \[-1,-1\].*--input-shape x=1/);
    expect(tensorOf(await readModel(model, { inputShapes: { x: [-1, 4] } }), "y").shape).toEqual([1, 4]);
  });
});

test("the largest values and where they stand; division where zero gives zero", async () => {
  const float = { dtype: { type: "DT_FLOAT" } }, x = (name: string) => ({ name, op: "Placeholder", attr: { ...float, shape: { shape: { dim: [{ size: "4" }] } } } });
  const node = [x("a"), x("b"), { name: "y", op: "DivNoNan", input: ["a", "b"] }, { name: "k", op: "Const", attr: { dtype: { type: "DT_INT32" } } }, { name: "top", op: "TopKV2", input: ["y", "k"] }, { name: "at", op: "Identity", input: ["top:1"] }];
  const json = { format: "graph-model", modelTopology: { node }, weightsManifest: [{ paths: ["w"], weights: [{ name: "k", shape: [], dtype: "int32" }] }], signature: { outputs: { top: { name: "top:0" }, at: { name: "at" }, y: { name: "y" } } } };
  const graph = await readModel(new TextEncoder().encode(JSON.stringify(json)), { name: "model.json", resolve: async () => Uint8Array.of(2, 0, 0, 0) });
  const values = evaluate(graph, new Map([["a", Float32Array.of(6, 5, -3, 8)], ["b", Float32Array.of(2, 0, 1, 2)]])), [top, at, y] = graph.outputs.map((o) => [...values.get(o)!]);
  expect([y, top, at]).toEqual([[3, 0, -3, 4], [4, 3], [3, 0]]);
});

test("an input that is fixed to a value", async () => {
  const c = madeCases<{ model: object; weights: string }>("tfjs").find((m) => m.name === "functions")!;
  const json = new TextEncoder().encode(JSON.stringify(c.model));
  const graph = await readModel(json,
    { resolve: async () => Uint8Array.from(Buffer.from(c.weights, "base64")),
      constants: { y: { data: new Float32Array(24).fill(1), shape: [1, 4, 6] } } });
  expect(graph.inputs).toEqual(["x"]);
});
