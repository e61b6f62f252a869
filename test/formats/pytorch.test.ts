/** PyTorch: trained models as .pt2, .pt and .safetensors, hostile pickles, architecture files and their mistakes. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { zipSync } from "fflate";
import { OctavoError } from "../../converter/ir/error.ts";
import { readModel } from "../../converter/formats/index.ts";
import { modules } from "../../converter/formats/pytorch/modules.ts";
import { refuseWritesToViews, type AtenCall } from "../../converter/formats/pytorch/aliases.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { AtenNode } from "../../converter/formats/pytorch/aten-node.ts";
import { operatorNames, operatorOf } from "../../converter/formats/pytorch/aten.ts";
import { schemaText } from "../../converter/formats/pytorch/schema.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { tensorOf, type TypedArray } from "../../converter/ir/graph.ts";
import { distance } from "./made.ts";
import { absent, hasShared, sharedBytes, sharedPath } from "./shared.ts";
import { floats, folder, inputsOf, referenceOf } from "./trained.ts";

const architecture = (name: string): object =>
  JSON.parse(readFileSync(new URL(`../fixtures/pytorch/${name}.architecture.json`, import.meta.url), "utf8")) as object;
const names = ["anomaly-conv-ae", "anomaly-lstm-ae", "char-fill-bilstm", "mnist-gru", "mnist-lstm", "mobilenetv2-tiny", "mobilenetv3-tiny",
  "personal-cnn32", "pm25-lstm", "seed-cnn24", "seed-cnn32"];

describe.skipIf(!hasShared)(`trained models (${hasShared ? "here" : absent})`, () => {
  for (const name of names) for (const file of ["model.pt2", "model-static.pt2", "state_dict.pt", "model.safetensors"]) {
    if (!hasShared || !existsSync(sharedPath(`${folder(name)}/${file}`))) continue;
    test(`${name}/${file}`, async () => {
      const graph = await readModel(sharedBytes(`${folder(name)}/${file}`),
        { name: file, ...(!file.endsWith("pt2") && { architecture: architecture(name) }) });
      expect(distance(graph, [inputsOf(name, 8)], [referenceOf(name, 8)])).toBeLessThan(1e-4);
    });
  }
  test("char-lm: two layers with states in and out", async () => {
    const graph = await readModel(sharedBytes(`${folder("char-lm")}/model.safetensors`), { architecture: architecture("char-lm") });
    const at = (file: string) => floats(`${folder("char-lm")}/reference-${file}.f32`);
    const tokens = new Int32Array(Uint8Array.from(sharedBytes(`${folder("char-lm")}/reference-tokens.i32`)).buffer);
    expect(graph.inputs).toEqual(["tokens", "h", "c"]);
    expect(distance(graph, [tokens, new Float32Array(256), new Float32Array(256)], [at("logits"), at("h"), at("c")])).toBeLessThan(1e-4);
  });
  test("without an architecture the tensors are listed", async () => {
    const bytes = sharedBytes(`${folder("seed-cnn24")}/model.safetensors`);
    await expect(readModel(bytes)).rejects.toThrow(/weights without a graph, expected an architecture file.*conv1\.weight \[32,3,3,3\].*fc2\.bias \[10\].*--architecture FILE: .*\{"type": "Conv2d", "name": "conv1"\}.*docs\/architecture-file\.md/s);
  });
});

describe.skipIf(!hasShared)(`streams (${hasShared ? "here" : absent})`, () => {
  for (const [name, file] of [["mnist-lstm", "model.pt2"], ["mnist-gru", "model-static.pt2"], ["mnist-gru", "model.safetensors"],
    ["pm25-lstm", "state_dict.pt"]] as const)
    test(`${name}/${file}, one step per run, ends where the whole sequence ends`, async () => {
      const graph = await readModel(sharedBytes(`${folder(name)}/${file}`),
        { name: file, stateful: true, ...(!file.endsWith("pt2") && { architecture: architecture(name) }) }),
        [, , width] = tensorOf(graph, "x").shape as [number, number, number];
      const x = inputsOf(name, 1) as Float32Array, state = new Map<string, TypedArray>(), expected = referenceOf(name, 1);
      let y: TypedArray = new Float32Array();
      for (let t = 0; t < x.length / width; t++) {
        const values = evaluate(graph, new Map<string, TypedArray>([...state, ["x", x.subarray(t * width, (t + 1) * width)]]));
        for (const s of graph.states) state.set(s.input, values.get(s.output)!);
        y = values.get(graph.outputs[0]!)!;
      }
      expect(tensorOf(graph, "x").shape).toEqual([1, 1, width]);
      y.forEach((v, i) => expect(v).toBeCloseTo(expected[i]!, 4));
    });
  test("both directions are refused", () =>
    expect(readModel(sharedBytes(`${folder("char-fill-bilstm")}/model.safetensors`),
      { stateful: true, architecture: architecture("char-fill-bilstm") })).rejects.toThrow(/both directions/));
  test("a convolution over time is refused", () =>
    expect(readModel(sharedBytes(`${folder("anomaly-conv-ae")}/model.pt2`), { stateful: true })).rejects.toThrow(/conv1d\.default/));
});

const ascii = (text: string) => [...Buffer.from(text)];
/** A pickle of protocol 2 with these instructions. */
const pickle = (...parts: (string | number[])[]) => Uint8Array.from([0x80, 2, ...parts.flatMap((p) => (typeof p === "string" ? ascii(p) : p)), 0x2e]);
const checkpoint = (data: Uint8Array, more: Record<string, Uint8Array> = {}) =>
  zipSync({ "m/data.pkl": data, "m/version": Uint8Array.of(51), ...more }, { level: 0 });
const unicode = (text: string) => [0x58, text.length, 0, 0, 0, ...ascii(text)];
const mark = [0x28], tuple = [0x74], reduce = [0x52], empty = [0x29], dict = [0x7d], setitem = [0x73], binput = (k: number) => [0x71, k];
const binget = (k: number) => [0x68, k], int = (v: number) => [0x4b, v];

describe("hostile pickles", () => {
  const refuse = (data: Uint8Array, message: RegExp) =>
    expect(readModel(checkpoint(data), { name: "m.pt", architecture: { inputs: { x: [1] }, layers: [{ type: "ReLU" }] } })).rejects.toThrow(message);

  test("os.system", () => refuse(pickle("cos\nsystem\n", unicode("touch /tmp/owned"), [0x85], reduce),
    /pytorch: data\.pkl: it asks for the Python name "os\.system", which is not read/));
  test("builtins.eval by STACK_GLOBAL", () =>
    refuse(pickle(unicode("builtins"), unicode("eval"), [0x93], unicode("1"), [0x85], reduce), /"builtins\.eval"/));
  test("a name of Object.prototype", () => refuse(pickle("cconstructor\nconstructor\n"), /"constructor\.constructor"/));
  test("a class of the user", () => refuse(pickle("c__main__\nNet\n", empty, [0x81]), /"__main__\.Net".*torch\.save\(model\.state_dict\(\)/));
  test("calling what is no name", () => refuse(pickle(unicode("x"), empty, reduce), /calls what is no allowed name/));
  test("an empty stack", () => refuse(pickle([0x30]), /takes more than it put on its stack/));
  test("a memo that is not there", () => refuse(pickle(binget(7)), /recalls number 7/));
  test("an unknown instruction", () => refuse(pickle([0x69]), /pickle instruction 0x69/));
  test("no end", () => refuse(Uint8Array.of(0x80, 2, 0x4e), /expected them inside/));
  test("a text longer than the file", () => refuse(pickle([0x58, 255, 255, 255, 255]), /4294967295 bytes should be here/));
  test("a dictionary that holds itself", () =>
    refuse(pickle(dict, binput(0), unicode("model"), binget(0), setitem), /holds no dictionary of tensors/));
  test("lists within lists", () =>
    refuse(pickle(Array.from({ length: 100_000 }, () => 0x5d), Array.from({ length: 99_999 }, () => 0x61)), /holds no dictionary of tensors/));
  test("a storage of another machine", () =>
    refuse(pickle(mark, unicode("module"), unicode("x"), tuple, [0x51]), /refers to data that is no tensor/));

  /** {"w": tensor of 4 floats} with this shape, stride and offset. */
  const tensor = (shape: number[], stride: number[], offset: number) =>
    pickle(dict, unicode("w"), "ctorch._utils\n_rebuild_tensor_v2\n", mark, mark, unicode("storage"), "ctorch\nFloatStorage\n", unicode("0"),
      unicode("cpu"), int(4), tuple, [0x51],
    int(offset), mark, ...shape.map(int), tuple, mark, ...stride.map(int), tuple, [0x89], "ccollections\nOrderedDict\n", empty, reduce, tuple,
    reduce, setitem);
  const storage = { "m/data/0": new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer) };
  const scaled = { inputs: { x: [1, 2] }, layers: [{ type: "Linear", name: "" }] };

  test("strides are followed", async () => {
    const graph = await readModel(checkpoint(tensor([2, 2], [1, 2], 0), storage),
      { name: "m.pt", architecture: { inputs: { x: [1, 2] }, layers: [{ type: "PReLU", name: "p" }], ignore: ["*"] } }).catch((e: Error) =>
        e.message);
    expect(graph).toMatch(/the checkpoint has no tensor "p\.weight", but "w"/);
  });
  for (const [name, bytes, message] of [
    ["a tensor beyond its storage", tensor([5], [1], 0), /tensor "w": it reaches to element 4 of a storage of 4/],
    ["an offset beyond its storage", tensor([1], [1], 9), /reaches to element 9/],
    ["more elements than the file can hold", tensor([255, 255, 255, 255], [0, 0, 0, 0], 0), /more than the file can hold/],
    ["strides for another rank", tensor([2], [1, 1], 0), /its strides \[1,1\]/],
  ] as const) test(name, () => expect(readModel(checkpoint(bytes, storage), { name: "m.pt", architecture: scaled })).rejects.toThrow(message));
});

test("docs/pytorch.md names every operator", () => {
  const words = new Set(readFileSync(new URL("../../docs/pytorch.md", import.meta.url), "utf8").split(/\s+/));
  expect(operatorNames().filter((name) => !words.has(name))).toEqual([]);
});

test.each(["type_as", "to.other"])("%s cuts floats off where the other tensor is one of integers", (op) => {
  const g = new GraphBuilder("pytorch", ""), x = g.input("x", "float32", [2]), i = g.input("i", "int32", [2]), args = new Map([["self", { tensor: x }], ["other", { tensor: i }]]);
  const y = operatorOf(`torch.ops.aten.${op}`)!(new AtenNode(op, args, 1, g), g) as string;
  expect([g.graph.tensors.get(y)!.dtype, g.graph.nodes.map((n) => n.op)]).toEqual(["int32", ["truncate", "cast"]]);
});

describe("views that are changed in place", () => {
  const call = (op: string, input: string, ...outputs: string[]): AtenCall => ({ name: outputs[0]!, op, inputs: [input], outputs });
  const check = (calls: AtenCall[], outputs: string[]) => refuseWritesToViews(new GraphBuilder("pytorch", ""), calls, outputs);
  const refused = /^pytorch: node "w" \(add_\): it changes a view in place, and "y", which shares its elements, is read afterwards\. Save exported_program\.run_decompositions/;
  test("the whole is read afterwards", () => expect(() => check([call("view", "y", "v"), call("add_", "v", "w")], ["y"])).toThrow(refused));
  test("a view is read after a change of the whole", () => expect(() => check([call("relu", "x", "t"), call("slice", "t", "y"), call("add_", "t", "w"), call("relu", "y", "z")], ["z"])).toThrow(refused));
  test("a view of a part", () => expect(() => check([call("chunk", "y", "a", "b"), call("select", "b", "c"), call("add_", "c", "w"), call("relu", "y", "z")], ["z"])).toThrow(refused));
  test("results of one call have nothing in common", () => check([call("chunk", "y", "a", "b"), call("add_", "a", "w"), call("relu", "b", "z")], ["w", "z"]));
  test("what nobody reads any more", () => check([call("view", "y", "v"), call("add_", "v", "w"), call("relu_", "w", "z")], ["z"]));
  test("100,000 of them in time", () => {
    const many = Array.from({ length: 100_000 }, (_, i) => i), start = performance.now();
    expect(() => check([call("unbind", "y", ...many.map((i) => `v${i}`)), ...many.map((i) => call("add_", `v${i}`, `w${i}`))], ["y"])).toThrow(/more than 1048576 views/);
    check(many.map((i) => call("view", `v${i}`, `v${i + 1}`)), ["v0"]);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe("the format before PyTorch 1.6", () => {
  const file = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/pytorch/${name}`, import.meta.url)));
  const architecture = { inputs: { x: [1, 6] }, layers: [{ type: "Linear", name: "0" }, { type: "ReLU" }, { type: "Linear", name: "2" }], ignore: ["steps"] };
  const read = (bytes: Uint8Array) => readModel(bytes, { name: "m.pt", architecture }), legacy = file("legacy.pt");
  test("gives the weights of today's", async () => {
    const [old, now] = await Promise.all([read(legacy), read(file("legacy-zip.pt"))]);
    expect([...old.tensors.values()].map((t) => [t.name, t.shape, t.data && [...t.data]])).toEqual([...now.tensors.values()].map((t) => [t.name, t.shape, t.data && [...t.data]]));
  });
  test("cut off at every byte", async () => {
    for (let n = 1; n < legacy.length; n++) await expect(read(legacy.subarray(0, n))).rejects.toMatchObject({ code: "ERR_OCTAVO_FORMAT" });
  });
  test("damaged at every byte: a clear error, or other numbers", async () => {
    for (let n = 0; n < legacy.length; n++) await read(legacy.map((b, i) => (i === n ? b ^ 0x55 : b))).catch((e: unknown) => expect(e).toBeInstanceOf(OctavoError));
  });
});

describe("files of other kinds", () => {
  test("a pickle of something else", () =>
    expect(readModel(Uint8Array.of(0x80, 2, 0x8a, 10, 1), { name: "old.pt" })).rejects.toThrow(/a pickle that torch\.save did not write, or cut off.*torch\.save/));
  test("TorchScript", () => expect(readModel(checkpoint(pickle(dict), { "m/code/net.py": new Uint8Array(1), "m/constants.pkl": new Uint8Array(1) }),
    { name: "m.pt" })).rejects.toThrow(/TorchScript archive, which holds code.*torch\.export\.save/));
  test("big-endian numbers", () =>
    expect(readModel(checkpoint(pickle(dict), { "m/byteorder": Buffer.from("big") }), { name: "m.pt" })).rejects.toThrow(/big-endian/));
  const safetensors = (header: string, data = 0) =>
    Uint8Array.from([header.length & 255, header.length >> 8, 0, 0, 0, 0, 0, 0, ...ascii(header), ...new Array<number>(data).fill(0)]);
  for (const [name, bytes, message] of [
    ["offsets beyond the file", safetensors('{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 4), /8 bytes should be here/],
    ["a shape that does not fit", safetensors('{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}', 8),
      /tensor "w" of \[3\] has 8 bytes, expected 12/],
    ["an unknown type", safetensors('{"w":{"dtype":"F4","shape":[3],"data_offsets":[0,8]}}', 8), /dtype "F4"/],
    ["no JSON", safetensors("{broken"), /safetensors header: found no valid JSON/],
  ] as const) test(`safetensors with ${name}`, () => expect(readModel(bytes, { name: "m.safetensors" })).rejects.toThrow(message));
});

describe("architecture files", () => {
  /** Linear "fc" 2 → 1, and a spare vector. */
  const weights = (more = "") => {
    const header = `{"fc.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"fc.bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}${more}}`;
    return Uint8Array.from([header.length & 255, header.length >> 8, 0, 0, 0, 0, 0, 0, ...ascii(header),
      ...new Uint8Array(Float32Array.of(2, 3, 1, 5).buffer)]);
  };
  const spare = ',"old.w":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}';
  const read = (json: object, more = "") => readModel(weights(more), { name: "m.safetensors", architecture: json });
  const fc = { type: "Linear", name: "fc" };

  test("names of layers become names of outputs", async () => {
    const graph = await read({ name: "tiny", inputs: { x: [1, 2] },
      layers: [fc, { type: "Tanh" }, { type: "add", inputs: ["fc", "x:0"], name: "sum" }], outputs: ["sum", "fc"] });
    expect([graph.name, graph.inputs, graph.outputs]).toEqual(["tiny", ["x"], ["sum", "fc"]]);
    expect([...evaluate(graph, new Map([["x", Float32Array.of(1, 10)]])).get("sum")!]).toEqual([34, 43]);
  });
  for (const [name, json, message] of [
    ["a setting that does not exist", { inputs: { x: [1, 2] }, layers: [{ ...fc, strides: 2 }] },
      /architecture: layer "fc" \(Linear\): it has no setting "strides"/],
    ["a size that is not in the checkpoint", { inputs: { x: [1, 2] }, layers: [{ ...fc, out_features: 3 }] },
      /out_features is 3, the checkpoint has 1/],
    ["an unknown type", { inputs: { x: [1, 2] }, layers: [{ type: "Transformer" }] },
      /its type is "Transformer", expected one of Sequential, Residual, Conv1d/],
    ["a type called constructor", { inputs: { x: [1, 2] }, layers: [{ type: "constructor" }] }, /its type is "constructor"/],
    ["a parameter that is missing", { inputs: { x: [1, 2] }, layers: [{ type: "Linear", name: "fc1" }] },
      /the checkpoint has no tensor "fc1\.weight", but "fc\.weight"/],
    ["a name that nothing has", { inputs: { x: [1, 2] }, layers: [{ ...fc, inputs: ["y"] }] }, /it reads "y", which no layer before it is called/],
    ["no inputs", { layers: [fc] }, /it names no inputs/],
    ["a shape with a zero", { inputs: { x: [0, 2] }, layers: [fc] }, /input "x" has shape \[0,2\]/],
    ["an unknown key", { inputs: { x: [1, 2] }, layers: [fc], layer: 1 }, /it has "layer"/],
    ["a setting that is needed", { inputs: { x: [1, 2] }, layers: [fc, { type: "permute" }] }, /it needs the setting "dims"/],
    ["shapes that do not fit", { inputs: { x: [1, 3] }, layers: [fc] }, /does not end in the 2 columns/],
  ] as const) test(name, () => expect(read(json)).rejects.toThrow(message));
  /** torch.nn.RNN "r" of one feature and one hidden unit, with the tensors that are named. */
  const recurrentWeights = (...names: string[]) => {
    const shapes: Record<string, number[]> = { weight_ih_l0: [1, 1], weight_hh_l0: [1, 1], bias_ih_l0: [1], bias_hh_l0: [1] };
    const entries = names.map((n, i) => [`r.${n}`, { dtype: "F32", shape: shapes[n], data_offsets: [4 * i, 4 * i + 4] }]);
    const header = JSON.stringify(Object.fromEntries(entries));
    return Uint8Array.from([header.length & 255, header.length >> 8, 0, 0, 0, 0, 0, 0, ...ascii(header), ...new Uint8Array(4 * names.length)]);
  };
  const readRecurrent = (shape: number[], ...names: string[]) => readModel(recurrentWeights(...names), { name: "m.safetensors", stateful: true,
    architecture: { inputs: { x: shape }, layers: [{ type: "RNN", name: "r" }] } });
  test("a state larger than what may be computed is refused before memory is taken", () =>
    expect(readRecurrent([1, 2 ** 23, 1], "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")).rejects.toThrow(/a state would have 8388608 elements/));
  test("a tensor that no layer uses", async () => {
    await expect(read({ inputs: { x: [1, 2] }, layers: [fc] }, spare)).rejects.toThrow(/no layer uses "old\.w" of the checkpoint/);
    expect((await read({ inputs: { x: [1, 2] }, layers: [fc], ignore: ["old.*"] }, spare)).outputs).toEqual(["fc"]);
  });
  test("every module has its operator", () => {
    for (const [name, module] of Object.entries(modules)) if (!["lstm", "gru", "rnn", "upsample"].includes(module.op)) expect(operatorOf(module.op),
      name).toBeTypeOf("function");
  });
  test("the schema is that of the modules", () =>
    expect(readFileSync(new URL("../../converter/formats/pytorch/architecture.schema.json", import.meta.url), "utf8")).toBe(schemaText()));
  test("the documentation names every module", () => {
    const page = readFileSync(new URL("../../docs/architecture-file.md", import.meta.url), "utf8");
    expect(Object.keys(modules).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});
