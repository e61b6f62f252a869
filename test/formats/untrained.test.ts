/** Architecture files without weights: parameters drawn from a seed. */
import { describe, expect, test } from "vitest";
import { readModel } from "../../converter/formats/index.ts";
import { Random } from "../../converter/formats/pytorch/random.ts";
import type { Graph } from "../../converter/ir/graph.ts";

type Layer = Record<string, unknown>;
const bytesOf = (json: object) => new TextEncoder().encode(JSON.stringify(json));
const network = (shape: number[], layers: Layer[], more: object = {}) => bytesOf({ inputs: { x: { shape, dtype: shape.length === 2 && layers[0]!.type === "Embedding" ? "int64" : "float32" } }, layers, ...more });
const read = (shape: number[], layers: Layer[], initSeed = 7, more: object = {}) => readModel(network(shape, layers, more), { name: "net.json", initSeed });
const floats = (g: Graph, name: string) => g.tensors.get(name)!.data as Float32Array;
const mean = (v: ArrayLike<number>) => Array.prototype.reduce.call(v, (a, b) => (a as number) + (b as number), 0) as number / v.length;

/** Uniform in [−bound, bound): the largest of n values is within 8 / n of the bound, the variance near bound² / 3. */
function expectUniform(v: Float32Array, bound: number): void {
  const largest = v.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  expect(largest / bound).toBeGreaterThan(1 - 8 / v.length);
  expect(largest / bound).toBeLessThanOrEqual(1 + 1e-6);
  expect(mean(v.map((x) => x * x)) / (bound * bound / 3)).toBeCloseTo(1, 0);
}

const conv = { type: "Conv2d", name: "conv", out_channels: 32, kernel_size: 3 }, fc = { type: "Linear", name: "fc", out_features: 40 };

describe("as PyTorch", () => {
  test.each<[string, number[], Layer, Record<string, number>]>([
    ["Conv2d", [1, 16, 8, 8], conv, { "conv.weight": 1 / Math.sqrt(144), "conv.bias": 1 / Math.sqrt(144) }],
    ["Conv2d in groups", [1, 16, 8, 8], { ...conv, groups: 4 }, { "conv.weight": 1 / Math.sqrt(36) }],
    ["Conv1d", [1, 16, 8], { ...conv, type: "Conv1d" }, { "conv.weight": 1 / Math.sqrt(48) }],
    ["ConvTranspose2d", [1, 16, 8, 8], { ...conv, type: "ConvTranspose2d" }, { "conv.weight": 1 / Math.sqrt(288), "conv.bias": 1 / Math.sqrt(288) }],
    ["Linear", [1, 50], fc, { "fc.weight": 1 / Math.sqrt(50), "fc.bias": 1 / Math.sqrt(50) }],
    ["LSTM", [1, 5, 20], { type: "LSTM", name: "r", hidden_size: 16, batch_first: true }, { "r.weight_ih_l0": 1 / 4, "r.weight_hh_l0": 1 / 4, "r.bias_ih_l0": 1 / 4, "r.bias_hh_l0": 1 / 4 }],
    ["GRU", [1, 5, 20], { type: "GRU", name: "r", hidden_size: 16, num_layers: 2, bidirectional: true }, { "r.weight_ih_l1_reverse": 1 / 4, "r.weight_hh_l1": 1 / 4 }],
  ])("%s", async (_, shape, layer, bounds) => {
    const g = await read(shape, [layer]);
    for (const [name, bound] of Object.entries(bounds)) expectUniform(floats(g, name), bound);
  });

  test("Embedding is normal, its padding row zero", async () => {
    const v = floats(await read([1, 6], [{ type: "Embedding", name: "e", num_embeddings: 400, embedding_dim: 50, padding_idx: -1 }]), "e.weight");
    expect(v.subarray(399 * 50)).toEqual(new Float32Array(50));
    const drawn = v.subarray(0, 399 * 50);
    expect(mean(drawn)).toBeCloseTo(0, 1);
    expect(mean(drawn.map((x) => x * x))).toBeCloseTo(1, 1);
    expect(drawn.filter((x) => Math.abs(x) > 1.96).length / drawn.length).toBeCloseTo(0.05, 2);
  });

  test("norms scale by one and shift by nothing", async () => {
    const g = await read([1, 4, 5, 5], [{ type: "BatchNorm2d", name: "a" }, { type: "GroupNorm", name: "b", num_groups: 2 }, { type: "LayerNorm", name: "c", normalized_shape: [5, 5], bias: false }, { type: "PReLU", name: "d" }]);
    for (const name of ["a.weight", "a.running_var", "b.weight"]) expect(floats(g, name), name).toEqual(new Float32Array(4).fill(1));
    for (const name of ["a.bias", "a.running_mean", "b.bias"]) expect(floats(g, name), name).toEqual(new Float32Array(4));
    expect(floats(g, "c.weight")).toEqual(new Float32Array(25).fill(1));
    expect(floats(g, "d.weight")).toEqual(Float32Array.of(0.25));
  });
});

describe("as Keras", () => {
  test("Linear and Conv2d: Glorot's bound, no bias; the file may say it for all layers", async () => {
    const g = await read([1, 16, 8, 8], [conv, { type: "Flatten" }, { ...fc, init: "pytorch" }], 7, { init: "keras" });
    expectUniform(floats(g, "conv.weight"), Math.sqrt(6 / (144 + 288)));
    expect(floats(g, "conv.bias")).toEqual(new Float32Array(32));
    expectUniform(floats(g, "fc.weight"), 1 / Math.sqrt(1152));
  });
  test("LSTM: an orthogonal recurrent kernel, ones for the forget gate", async () => {
    const g = await read([1, 5, 20], [{ type: "LSTM", name: "r", hidden_size: 16, batch_first: true, init: "keras" }]), r = floats(g, "r.weight_hh_l0");
    expectUniform(floats(g, "r.weight_ih_l0"), Math.sqrt(6 / (20 + 64)));
    expect(floats(g, "r.bias_ih_l0")).toEqual(Float32Array.from({ length: 64 }, (_, i) => (i >= 16 && i < 32 ? 1 : 0)));
    expect(floats(g, "r.bias_hh_l0")).toEqual(new Float32Array(64));
    for (let a = 0; a < 16; a++) for (let b = 0; b <= a; b++) {
      const dot = Array.from({ length: 64 }, (_, i) => r[i * 16 + a]! * r[i * 16 + b]!).reduce((s, x) => s + x, 0);
      expect(dot).toBeCloseTo(a === b ? 1 : 0, 6);
    }
  });
});

test("the generator: known numbers, everywhere the same", () => {
  const random = new Random(7);
  expect(Array.from({ length: 3 }, () => (random.uniform(1) + 1) * 2 ** 31)).toEqual([1837975287, 2099764152, 1321706041]);
  expect(Array.from({ length: 3 }, () => random.normal())).toEqual([0.19265785021707416, 0.09440736705437303, 0.16600201837718487]);
});

test("one seed gives one network, another seed another", async () => {
  const weights = async (seed: number) => floats(await read([1, 50], [fc], seed), "fc.weight");
  expect(await weights(1)).toEqual(await weights(1));
  expect(await weights(1)).not.toEqual(await weights(2));
});

test("layers of one name share their parameters", async () => {
  const g = await read([1, 40], [fc, { type: "ReLU" }, fc]);
  expect([...g.tensors.keys()].filter((name) => name.startsWith("fc.weight"))).toEqual(["fc.weight"]);
});

describe("mistakes", () => {
  test.each<[string, number[], Layer, RegExp]>([
    ["no out_channels", [1, 3, 8, 8], { type: "Conv2d", name: "c", kernel_size: 3 }, /architecture: layer "c" \(Conv2d\): it has no out_channels, and there are no weights to tell it\. Add "out_channels" to the layer/],
    ["no kernel_size", [1, 3, 8, 8], { type: "Conv2d", name: "c", out_channels: 3 }, /it has no kernel_size/],
    ["no out_features", [1, 3], { type: "Linear", name: "fc" }, /layer "fc" \(Linear\): it has no out_features/],
    ["no hidden_size", [1, 3, 4], { type: "GRU", name: "r" }, /layer "r" \(GRU\): it has no hidden_size/],
    ["no embedding_dim", [1, 3], { type: "Embedding", name: "e", num_embeddings: 4 }, /it has no embedding_dim/],
    ["a size that the input contradicts", [1, 3], { ...fc, in_features: 4 }, /in_features is 4, its input has 3/],
    ["a size of no layer", [1, 3], { ...fc, out_features: 0 }, /out_features is 0, expected a whole number from 1/],
    ["groups that do not fit", [1, 3, 8, 8], { ...conv, groups: 2 }, /groups is 2, its input has 3 channels/],
    ["outputs that do not fit groups", [1, 4, 8, 8], { ...conv, type: "ConvTranspose2d", groups: 4, out_channels: 6 }, /out_channels is 6, expected a multiple of groups 4/],
    ["no name", [1, 3], { type: "Linear", out_features: 4 }, /it has no name, and its parameters need one/],
    ["another init", [1, 3], { ...fc, init: "he" }, /init is "he", expected "pytorch" or "keras"/],
    ["too large", [1, 3], { ...fc, out_features: 1e9 }, /with a parameter of \[1000000000,3\] the network has too many numbers/],
    ["too many normal numbers", [1, 3], { type: "Embedding", name: "e", num_embeddings: 1e5, embedding_dim: 100 }, /the network has too many numbers/],
    ["too many axes missing", [1, 3], conv, /too few axes|expected/],
    ["too large to be orthogonal", [1, 3, 4], { type: "LSTM", name: "r", hidden_size: 600, init: "keras" }, /hidden_size is 600, too large for an orthogonal start/],
  ])("%s", (_, shape, layer, message) => expect(read(shape, [layer])).rejects.toThrow(message));

  test("no seed", () => expect(readModel(network([1, 3], [fc]), { name: "net.json" })).rejects.toThrow(/architecture: it holds no weights.*--architecture net\.json.*--init-seed 1 draws them/));
  test("a seed that is none", () => expect(read([1, 3], [fc], -1)).rejects.toThrow(/initSeed is -1, expected a whole number from 0/));
  test("a seed for a model with weights", () => expect(readModel(bytesOf({ modelTopology: {} }), { initSeed: 1 })).rejects.toThrow(/tfjs: file: a seed for parameters was given/));
  test("two architectures", () => expect(readModel(network([1, 3], [fc]), { initSeed: 1, architecture: {} })).rejects.toThrow(/given twice/));
  test("nested too deep", () => {
    let layer: Layer = fc;
    for (let i = 0; i < 60; i++) layer = { type: "Sequential", layers: [layer] };
    return expect(read([1, 3], [layer])).rejects.toThrow(/nested deeper than 50/);
  });
});
