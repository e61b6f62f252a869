/** From scratch: an architecture file and a seed, training, and the parameters back into another model of the same source. */
import { expect, test } from "vitest";
import { convert, type ConvertOptions } from "../../converter/convert.ts";
import { readWeights, writeWeights } from "../../converter/train/weights-file.ts";
import { load } from "../../targets/node/index.ts";
import { trainScalar, trainSimd } from "../../targets/node/train-builds.ts";
import { Device } from "./device.ts";

type Layer = Record<string, unknown>;
const file = (shape: number[], layers: Layer[], dtype = "float32") => new TextEncoder().encode(JSON.stringify({ inputs: { x: { shape, dtype } }, layers }));
const fc = { type: "Linear", name: "fc", out_features: 3 }, lastStep = { type: "select", dim: 1, index: -1 };
const networks: Record<string, Uint8Array> = {
  cnn: file([1, 2, 8, 8], [
    { type: "Conv2d", name: "conv", out_channels: 6, kernel_size: 3, padding: 1, bias: false }, { type: "BatchNorm2d", name: "norm" }, { type: "ReLU" }, { type: "MaxPool2d", kernel_size: 2 },
    { type: "Conv2d", name: "depthwise", out_channels: 6, kernel_size: 3, groups: 6 }, { type: "GroupNorm", name: "group", num_groups: 2 }, { type: "ReLU" }, { type: "Flatten" }, fc,
  ]),
  lstm: file([1, 5, 4], [{ type: "LSTM", name: "rnn", hidden_size: 6, batch_first: true, bidirectional: true }, lastStep, fc]),
  gru: file([1, 5, 4], [{ type: "GRU", name: "rnn", hidden_size: 6, batch_first: true, num_layers: 2 }, lastStep, { ...fc, bias: false }]),
  rnn: file([1, 5, 4], [{ type: "RNN", name: "rnn", hidden_size: 6, batch_first: true, bias: false }, lastStep, fc]),
};
const trained: ConvertOptions = { name: "net.json", initSeed: 7, precision: "float32", trainable: "all", trainBatch: 8, optimizer: "momentum" };

/** Three classes: which third of the numbers is larger. */
function batch(device: Device): { x: Float32Array; labels: number[] } {
  const size = device.file.metadata.inputs[0]!.shape.reduce((a, b) => a * b), labels = Array.from({ length: 8 }, (_, n) => n % 3);
  return { labels, x: Float32Array.from({ length: 8 * size }, (_, i) => Math.sin(i) + (Math.floor(((i % size) * 3) / size) === labels[Math.floor(i / size)] ? 1 : 0)) };
}

function train(model: Uint8Array, build: typeof trainSimd): { device: Device; losses: number[] } {
  const device = new Device(model, build), { x, labels } = batch(device);
  device.setHyper({ optimizer: "momentum", learningRate: 0.1 });
  const losses = Array.from({ length: 80 }, () => {
    device.give(x, labels);
    return device.exports.octavo_train_step();
  });
  return { device, losses };
}

const masters = (device: Device) => Object.fromEntries(device.info.parameters.map(({ name, shape }) => [name, { shape, data: device.parameter(name).slice() }]));

for (const [name, source] of Object.entries(networks)) {
  test(`${name}: the loss falls, with the same bytes in both builds, and what was learned goes into another model`, async () => {
    const { model } = await convert(source, trained), [simd, scalar] = [train(model, trainSimd), train(model, trainScalar)];
    expect(simd.losses.at(-1)!).toBeLessThan(0.5 * simd.losses[0]!);
    expect(scalar.losses).toEqual(simd.losses);
    expect(masters(scalar.device)).toEqual(masters(simd.device));

    const weights = readWeights(writeWeights(masters(simd.device))), { x } = batch(simd.device), size = x.length / 8;
    const again = await convert(source, { ...trained, weights });
    expect(simd.device.exports.octavo_commit()).toBe(0);
    const back = new Device(again.model, trainSimd);
    expect(await outputs(again.model, x, size)).toEqual(await committed(simd.device, model, x, size));
    for (const [key, { data }] of Object.entries(masters(simd.device))) if (!key.includes("ias")) expect(back.parameter(key), key).toEqual(data);

    const samples = Array.from({ length: 8 }, (_, n) => ({ x: x.slice(n * size, (n + 1) * size) })), { model: int8 } = await convert(source, { name: "net.json", initSeed: 7, weights, samples });
    const [want, got] = [await outputs(again.model, x, size), await outputs(int8, x, size)];
    expect(got.map(best)).toEqual(want.map(best));
  });
}

const best = (y: Float32Array) => y.indexOf(Math.max(...y));

async function outputs(model: Uint8Array, x: Float32Array, size: number): Promise<Float32Array[]> {
  const loaded = await load(model);
  return Array.from({ length: x.length / size }, (_, n) => loaded.run(x.slice(n * size, (n + 1) * size)) as Float32Array);
}

/** Of the file with what the device learned. */
async function committed(device: Device, model: Uint8Array, x: Float32Array, size: number): Promise<Float32Array[]> {
  const file = model.slice();
  file.set(device.image());
  file.fill(0, 96, 128);
  file.set(new Uint8Array(await crypto.subtle.digest("SHA-256", file)), 96);
  return outputs(file, x, size);
}

test("weights of some channels take the place of those rows", async () => {
  const rows = Float32Array.from({ length: 2 * 4 }, (_, i) => i + 1), source = file([1, 4], [{ type: "Linear", name: "fc", out_features: 3 }]);
  const { model } = await convert(source, { ...trained, weights: { "fc/weight 1:3": { shape: [2, 4], data: rows } } }), before = new Device((await convert(source, trained)).model, trainScalar);
  expect([...new Device(model, trainScalar).parameter("fc/weight")]).toEqual([...before.parameter("fc/weight").slice(0, 4), ...rows]);
  await expect(convert(source, { ...trained, weights: { "fc/weight 1:4": rows } })).rejects.toThrow(/no such parameter/);
});

test("weights are checked by name, shape and value", async () => {
  const source = networks.lstm!, refused = (weights: ConvertOptions["weights"]) => expect(convert(source, { name: "net.json", initSeed: 7, precision: "float32", weights: weights! })).rejects;
  await refused({ "rnn.l0/weights": new Float32Array(96) }).toThrow(/pytorch: weights "rnn\.l0\/weights": the model has no such parameter, it has "rnn\.l0\/weight", "rnn\.l0\/recurrent"/);
  await refused({ "fc/bias": new Float32Array(4) }).toThrow(/weights "fc\/bias": found 4 values, expected \[3\]/);
  await refused({ "fc/weight": { shape: [12, 3], data: new Float32Array(36) } }).toThrow(/weights "fc\/weight": found \[12,3\], expected \[3,12\]/);
  await refused({ "fc/bias": Float32Array.of(0, NaN, 0) }).toThrow(/weights "fc\/bias": found NaN at 1, expected finite numbers/);
});
