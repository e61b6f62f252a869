/** Keras files as published and as trained, streams, versions, and what is refused. */
import { describe, expect, test } from "vitest";
import { zipSync } from "fflate";
import { readModel } from "../../converter/formats/index.ts";
import { buildGraph } from "../../converter/formats/keras/build.ts";
import { namedVariables, namedWeight, treeVariables, type Variables } from "../../converter/formats/keras/variables.ts";
import { openHdf5 } from "../../converter/formats/wire/hdf5.ts";
import { openZip } from "../../converter/formats/wire/zip.ts";
import type { Json } from "../../converter/formats/wire/json.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { tensorOf, type Graph, type TypedArray } from "../../converter/ir/graph.ts";
import { readNpy, readNpz } from "../../targets/cli/npy.ts";
import { bytesOf, distance, madeCases, valuesOf } from "./made.ts";
import { absent, hasShared, sharedBytes } from "./shared.ts";
import { beside, digits, folder, referenceOf } from "./trained.ts";

const limit = 1e-4;
const cases = new Map(madeCases<{ keras: string; h5: string }>("keras").map((c) => [c.name, c]));
const options = (name: string) => ({ name, resolve: beside(name.split("/")[0]!) });

describe.skipIf(!hasShared)(`trained models (${hasShared ? "here" : absent})`, () => {
  for (const name of ["keras-cnn-bn/model.h5", "keras-gru/model.h5", "keras-lstm28/model.h5", "keras-cnn-bn/model.json", "keras-lstm28/model.json"])
    test(name, async () => {
      const graph = await readModel(sharedBytes(folder(name)), options(name));
      expect(distance(graph, [digits(16)], [referenceOf(name.split("/")[0]!, 16, "reference-probs.f32")])).toBeLessThan(limit);
    });

  for (const name of ["cnn_bn", "bigru_lstm", "seed_lstm"]) for (const form of ["h5", "keras"])
    test(`${name}.${form} of Keras 3`, async () => {
      const array = (file: string) => readNpy(sharedBytes(`models/keras/${name}/${file}`), file).data as Float32Array;
      const graph = await readModel(sharedBytes(`models/keras/${name}/${name}.${form}`));
      expect(distance(graph, [array("reference-input.npy").subarray(0, array("reference-input.npy").length / 4)],
        [array("reference-output.npy").subarray(0, 160)])).toBeLessThan(limit);
    });

  for (const name of ["ad", "resnet8", "strww", "vww"])
    test(`mlperf ${name}.h5`, async () => {
      const references = await readNpz(sharedBytes("models/mlperf-keras/references.npz"), "references.npz");
      const graph = await readModel(sharedBytes(`models/mlperf-keras/${name}.h5`));
      const [x, y] = ["x", "y"].map((k) => references[`${name}_${k}`]!.data as Float32Array) as [Float32Array, Float32Array];
      expect(distance(graph, [x.subarray(0, x.length / 4)], [y.subarray(0, y.length / 4)])).toBeLessThan(limit);
    });

  test("four files of one model agree", async () => {
    const x = Float32Array.from({ length: 1600 }, (_, i) => Math.sin(i * i)), results: number[][] = [];
    for (const [file, input] of [["model.h5", "lstm_1_input"], ["model-keras3.h5", "input_layer"], ["model.keras", "input_layer"], ["model.json", "lstm_1_input"]] as const) {
      const graph = await readModel(sharedBytes(folder(`keras-lstm100/${file}`)), { resolve: beside("keras-lstm100"), inputShapes: { [input]: [1, 16, 100] } });
      results.push([...evaluate(graph, new Map([[graph.inputs[0]!, x]])).get(graph.outputs[0]!)!]);
    }
    for (const other of results.slice(1)) expect(other).toEqual(results[0]);
  });

  test("a free time axis wants a shape", async () => {
    await expect(readModel(sharedBytes(folder("keras-lstm100/model.h5")))).rejects.toThrow(/input "lstm_1_input": its shape is \[\?,\?,100\].*--input-shape lstm_1_input=1,…,100/);
  });
});

const values = (graph: Graph, x: TypedArray, state: ReadonlyMap<string, TypedArray> = new Map()) =>
  evaluate(graph, new Map<string, TypedArray>([...state, [graph.inputs[0]!, x]]));

describe("streams", () => {
  for (const name of ["lstm sequences", "gru sequences", "rnn sequences"])
    test(`${name}, one step per run`, async () => {
      const c = cases.get(name)!, [x, expected] = [valuesOf(c.inputs[0]!), valuesOf(c.outputs[0]!)];
      const graph = await readModel(bytesOf(c.keras), { stateful: true }), steps = 5, state = new Map<string, TypedArray>();
      expect(tensorOf(graph, graph.inputs[0]!).shape).toEqual([1, 1, 3]);
      for (let t = 0; t < steps; t++) {
        const result = values(graph, x.subarray(3 * t, 3 * t + 3), state), y = result.get(graph.outputs[0]!)!;
        for (const s of graph.states) state.set(s.input, result.get(s.output)!);
        y.forEach((v, i) => expect(v).toBeCloseTo(expected[4 * t + i]!, 5));
      }
    });
  test("a stateful layer: two runs of two steps are one of four", () => {
    const gru = (stateful: boolean, steps: number) =>
      ({ class_name: "GRU", config: { name: "gru", units: 2, stateful, return_sequences: true, recurrent_activation: "sigmoid",
        batch_input_shape: [7, steps, 3] } });
    const variables = someVariables({ kernel: [3, 6], recurrent_kernel: [2, 6], bias: [2, 6] });
    const build = (stateful: boolean, steps: number) =>
      buildGraph({ format: "keras", version: "2.14.0",
        config: { class_name: "Sequential", config: { name: "s", layers: [gru(stateful, steps)] } } as Json, variables }, {});
    const x = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)), stream = build(true, 2), whole = build(false, 4);
    const out = (graph: Graph) => graph.outputs[0]!;
    const first = values(stream, x.subarray(0, 6));
    const second = values(stream, x.subarray(6), new Map(stream.states.map((s) => [s.input, first.get(s.output)!])));
    expect(tensorOf(stream, stream.inputs[0]!).shape).toEqual([1, 2, 3]);
    expect([...first.get(out(stream))!, ...second.get(out(stream))!]).toEqual([...values(whole, x).get(out(whole))!]);
  });
  test("a state larger than what may be computed is refused before memory is taken", async () => {
    const bytes = bytesOf(cases.get("gru sequences")!.keras), { inputs } = await readModel(bytes);
    await expect(readModel(bytes, { stateful: true, inputShapes: { [inputs[0]!]: [2 ** 22, 1, 3] } })).rejects.toThrow(/a state would have 16777216 elements, expected 4194304 or less/);
  });
  for (const [name, reason] of [["bidirectional lstm sum", /Bidirectional/], ["lstm backwards", /backwards/], ["conv1d causal", /Conv1D/]] as const)
    test(`${name} is refused`, async () => {
      await expect(readModel(bytesOf(cases.get(name)!.keras), { stateful: true })).rejects.toThrow(reason);
    });
});

/** Numbers that depend on place alone. */
function someVariables(shapes: Record<string, number[]>): Variables {
  return namedVariables(Object.entries(shapes).map(([name, shape]) =>
    namedWeight(`x/${name}:0`, () =>
      ({ name, shape, data: Float32Array.from({ length: shape.reduce((a, d) => a * d, 1) }, (_, i) => Math.sin(i + 1)) }))).map((w) =>
        ({ ...w, path: ["gru", "lstm", "dense"] })));
}

describe("versions", () => {
  const model = { class_name: "Sequential",
    config: { name: "s", layers: [{ class_name: "Activation", config: { name: "a", activation: "hard_sigmoid", batch_input_shape: [null, 3] } }] } };
  for (const [version, slope] of [["2.14.0", 0.2], ["tfjs-layers 4.22.0", 0.2], ["3.15.1", 1 / 6]] as const)
    test(`hard_sigmoid of ${version}`, () => {
      const graph = buildGraph({ format: "keras", version, config: model as Json, variables: namedVariables([]) }, {});
      const y = values(graph, Float32Array.of(-1, 0, 2)).get(graph.outputs[0]!)!;
      [-slope + 0.5, 0.5, 2 * slope + 0.5].forEach((v, i) => expect(y[i]).toBeCloseTo(v, 6));
    });
  test("layers of Keras 2.13's .keras are counted twice", () => {
    const weights = (k: number) => ({ shape: [1, 1], data: Float32Array.of(k) });
    const tree = fakeObject({ _layer_checkpoint_dependencies: { dense: { vars: { 0: weights(1) } }, dense_2: { vars: { 0: weights(2) } },
      dense_4: { vars: { 0: weights(3) } } } });
    const found = treeVariables(tree).layers(["a", "b", "c"].map((name) => ({ name, className: "Dense" })));
    expect(["a", "b", "c"].map((name) => found.get(name)!.take(["kernel"])[0]!.data[0])).toEqual([1, 2, 3]);
  });
});

describe("functions of Keras 2", () => {
  const call = (className: string, fn: string, name: string, from: string, kwargs: object) =>
    ({ class_name: className, name, config: { name, trainable: true, dtype: "float32", function: fn }, inbound_nodes: [[from, 0, 0, kwargs]] });
  const build = (...layers: object[]) => buildGraph({
    format: "keras", version: "2.11.0", variables: namedVariables([]),
    config: { class_name: "Functional",
      config: { name: "f", layers: [{ class_name: "InputLayer", name: "x", config: { name: "x", batch_input_shape: [null, 2, 3] },
        inbound_nodes: [] }, ...layers], input_layers: [["x", 0, 0]], output_layers: [["y", 0, 0]] } } as Json,
  }, {});
  const run = (...layers: object[]) => [...values(build(...layers), Float32Array.of(1, 2, 3, 4, 5, 6)).get("y")!];
  const slice = (start: number | null, stop: number | null) => ({ start, stop, step: null });

  test("a number is added", () => expect(run(call("TFOpLambda", "__operators__.add", "y", "x", { y: 3, name: null }))).toEqual([4, 5, 6, 7, 8, 9]));
  test("relu6 behind a product", () =>
    expect(run(call("TFOpLambda", "math.multiply", "m", "x", { y: 2 }), call("TFOpLambda", "nn.relu6", "y", "m", {}))).toEqual([2, 4, 6, 6, 6, 6]));
  test("a mean with its axis", () =>
    expect(run(call("TFOpLambda", "math.reduce_mean", "y", "x", { axis: 1, keepdims: true }))).toEqual([2.5, 3.5, 4.5]));
  test("a slice", () => expect(run(call("SlicingOpLambda", "__operators__.getitem", "y", "x",
    { slice_spec: [slice(null, null), -1, slice(1, null)] }))).toEqual([5, 6]));
  test("the sum of two tensors", () =>
    expect(run(call("TFOpLambda", "nn.relu", "r", "x", {}), call("TFOpLambda", "math.add", "y", "x", { y: ["r", 0, 0] }))).toEqual([2, 4, 6, 8, 10,
      12]));
  test("others are refused by name", () => expect(() => build(call("TFOpLambda", "math.bessel_i0", "y", "x", {}))).toThrow(/"y" \(TFOpLambda\)/));
});

test("names with slashes", () => {
  const weight = (name: string, v: number) => namedWeight(name, () => ({ name, shape: [1], data: Float32Array.of(v) }));
  const found = namedVariables([weight("a/b/kernel:0", 1), weight("b/kernel:0", 2)]).layers([{ name: "a/b", className: "Dense" }]);
  expect(found.get("a/b")!.take(["kernel"])[0]!.data[0]).toBe(1);
});

interface Tree { [name: string]: Tree | { shape: number[]; data: Float32Array } }
/** An HDF5 object of plain data. */
function fakeObject(tree: Tree | { shape: number[]; data: Float32Array }, path = ""): ReturnType<typeof openHdf5> {
  const isDataset = tree.data instanceof Float32Array;
  return {
    path, isDataset, members: () => Object.keys(tree), read: () => tree as { shape: number[]; data: Float32Array }, attribute: () => undefined,
    at: (below) => below.split("/").reduce<ReturnType<typeof openHdf5> | undefined>((o, name, i) =>
      (i ? o?.at(name) : (tree as Tree)[name] && fakeObject((tree as Tree)[name]!, `${path}/${name}`)), undefined),
  };
}

describe("refusals", () => {
  const config = (layers: object[]): Json =>
    ({ class_name: "Sequential", config: { name: "s",
      layers: [{ class_name: "InputLayer", config: { name: "x", batch_shape: [null, 3] } }, ...layers] } }) as Json;
  const build = (layers: object[], variables = namedVariables([])) => () =>
    buildGraph({ format: "keras", version: "3", config: config(layers), variables }, {});
  const layer = (className: string, settings: object = {}, more: object = {}) =>
    ({ class_name: className, config: { name: className.toLowerCase(), ...settings }, ...more });

  test("Lambda and custom layers, all of them in one message", () => {
    expect(build([
      layer("Lambda", { function: "os.system" }), layer("Dense", { units: 3 }),
      layer("MyLayer", {}, { module: "mine", registered_name: "mine>MyLayer" }),
      layer("Dense", { name: "fake" }, { module: "builtins", registered_name: "Custom>Dense" }),
      layer("TimeDistributed", { layer: layer("Lambda", { name: "inner" }) }),
      { class_name: "Sequential", config: { name: "nested", layers: [layer("Attention")] } },
    ])).toThrow(/keras: model "s": these 5 layers cannot be converted: "lambda" \(Lambda\), "mylayer" \(MyLayer, custom\), "fake" \(Dense, custom\), "inner" \(Lambda\), "attention" \(Attention\)\. Build the model from the layers in docs\/keras\.md.*Lambda and custom layers are Python code/);
  });
  for (const [name, layers, message] of [
    ["a custom activation", [layer("Activation",
      { activation: { module: "mine", class_name: "function", config: "f", registered_name: "mine>f" } })], /activation is "mine>f"/],
    ["an unknown activation", [layer("Activation", { activation: "sparsemax" })], /layer "activation" \(Activation\): activation is "sparsemax"/],
    ["a missing variable", [layer("Dense", { units: 3 })], /layer "dense" \(Dense\): its variable "kernel" is missing/],
    ["a wrong setting", [layer("Reshape", { target_shape: "3" })], /target_shape is "3", expected a list of sizes/],
    ["sizes that do not fit", [layer("Reshape", { target_shape: [2, -1] })], /\[3\] cannot become \[2,-1\]/],
    ["a class called constructor", [layer("constructor")], /"constructor" \(constructor\)/],
  ] as const) test(name, () => expect(build([...layers])).toThrow(message));
  test("variables of another shape", () => {
    expect(build([layer("Dense", { units: 3 })],
      someVariables({ kernel: [3, 4], bias: [3] }))).toThrow(/its variable "kernel" has shape \[3,4\], expected \[3,3\]/);
  });
  test("layers that wait for each other", () => {
    const wait = (name: string, other: string) => ({ class_name: "ReLU", name, config: { name }, inbound_nodes: [[[other, 0, 0, {}]]] });
    const json = { class_name: "Functional",
      config: { name: "f", layers: [wait("a", "b"), wait("b", "a")], input_layers: [], output_layers: [["a", 0, 0]] } } as Json;
    expect(() => buildGraph({ format: "keras", version: "2", config: json, variables: namedVariables([]) },
      {})).toThrow(/wait for each other in a circle/);
  });
  test("nesting without end", () => {
    let json: Json = config([]);
    for (let i = 0; i < 200; i++) json = { class_name: "Sequential", config: { name: `m${i}`, layers: [json] } } as Json;
    expect(() => buildGraph({ format: "keras", version: "3", config: json, variables: namedVariables([]) }, {})).toThrow(/nested deeper than/);
  });
});

describe("archives", () => {
  const c = cases.get("lstm")!;
  test("a bomb is not unpacked", async () => {
    const bomb = zipSync({ "config.json": new Uint8Array(2 ** 26), "metadata.json": new Uint8Array(10), "model.weights.h5": new Uint8Array(10) },
      { level: 9 });
    await expect(readModel(bomb, { name: "bomb.keras" })).rejects.toThrow(/unpacks to 67108864 bytes, more than an archive of/);
  });
  test("an entry that is larger than it says", async () => {
    const zip = zipSync({ "config.json": new Uint8Array(2 ** 20), "metadata.json": new Uint8Array(10), "model.weights.h5": new Uint8Array(10) },
      { level: 9 }), view = new DataView(zip.buffer);
    for (let at = 0; at + 4 < zip.length; at++) if (view.getUint32(at, true) === 0x02014b50) { view.setUint32(at + 24, 1000, true); break; }
    await expect(readModel(zip, { name: "lie.keras" })).rejects.toThrow(/entry "config.json" does not unpack to its 1000 bytes/);
  });
  test("every truncation is refused or read", async () => {
    const whole = bytesOf(c.keras);
    for (let size = 1; size < whole.length; size += 997) await expect(readModel(whole.slice(0, size),
      { name: "cut.keras" })).rejects.toMatchObject({ code: /^ERR_OCTAVO_/ });
  });
  test("an .h5 of weights alone", async () => {
    const h5 = bytesOf(c.h5), text = Buffer.from(h5), at = text.indexOf("model_config");
    h5[at] = 120;
    await expect(readModel(h5, { name: "w.h5" })).rejects.toThrow(/attribute "model_config": it is missing, expected a whole model/);
  });
});

test.each(["constructor", "__proto__", "toString"])("%s is no activation and no type", async (name) => {
  const changed = (from: RegExp, to: string): Uint8Array => {
    const zip = openZip(bytesOf([...cases.values()].find((c) => c.name === "squeeze_and_excite")!.keras), "test"), text = (n: string) => new TextDecoder().decode(zip.read(n)!);
    return zipSync(Object.fromEntries(zip.names.map((n) => [n, n === "config.json" ? new TextEncoder().encode(text(n).replaceAll(from, to)) : zip.read(n)!])), { level: 0 });
  };
  await expect(readModel(changed(/"activation": "relu"/g, `"activation": "${name}"`), { name: "m.keras" })).rejects.toThrow(`activation is "${name}", which is no built-in activation`);
  const graph = await readModel(changed(/"dtype": "float32"/g, `"dtype": "${name}"`), { name: "m.keras" });
  expect(tensorOf(graph, graph.inputs[0]!).dtype).toBe("float32");
});
