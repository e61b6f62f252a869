/** What commit writes: without training, the file as it was. */
import { describe, expect, test } from "vitest";
import { convert, type ConvertOptions } from "../../converter/convert.ts";
import { compile } from "../../converter/compile.ts";
import type { Graph, TypedArray } from "../../converter/ir/graph.ts";
import { calibrate } from "../../converter/quantize/calibrate.ts";
import { quantize } from "../../converter/quantize/quantize.ts";
import { chooseLayers, type Channels } from "../../converter/train/parameters.ts";
import { planTraining, type TrainingOptions } from "../../converter/train/plan.ts";
import { parseModelFile } from "../../sdk/model-file.ts";
import { load, scalar } from "../../targets/node/index.ts";
import { trainScalar, trainSimd } from "../../targets/node/train-builds.ts";
import { absent, hasShared, sharedBytes } from "../formats/shared.ts";
import { inputsOf } from "../formats/trained.ts";
import { noClamp } from "../../converter/ir/ops.ts";
import { Net, relu } from "../quantize/nets.ts";
import { Device } from "./device.ts";

const builds = [trainScalar, trainSimd], DIGEST = [88, 96] as const;

/** The image of a model file with the digest of its self-test zero, which converters without kernels leave so. */
function plainImage(image: Uint8Array): Uint8Array {
  const copy = image.slice();
  copy.fill(0, ...DIGEST);
  return copy;
}

function expectUnchanged(model: Uint8Array): void {
  for (const build of builds) {
    const device = new Device(model, build);
    expect(device.exports.octavo_commit()).toBe(0);
    expect(differences(plainImage(device.image()), plainImage(device.file.image))).toEqual([]);
  }
}

/** Offsets of the first bytes that differ. */
function differences(a: Uint8Array, b: Uint8Array): number[] {
  const found: number[] = [];
  for (let i = 0; i < a.length && found.length < 8; i++) if (a[i] !== b[i]) found.push(i);
  return found;
}

/** Small nets over every packing of weights. */
const nets: Record<string, (net: Net) => string> = {
  "3×3, 3 → 5": (n) => n.conv(n.g.input("x", "float32", [1, 6, 6, 3], "nhwc"), 5, { clamp: relu }),
  "1×1, 8 → 16": (n) => n.conv(n.g.input("x", "float32", [1, 6, 6, 8], "nhwc"), 16, { kernel: 1 }),
  "depthwise 3×3, 12": (n) => n.conv(n.g.input("x", "float32", [1, 6, 6, 12], "nhwc"), 12, { depthwise: true, clamp: relu }),
  "depthwise 5×5, stride 2, 3": (n) => n.conv(n.g.input("x", "float32", [1, 9, 9, 3], "nhwc"), 3, { kernel: 5, stride: 2, depthwise: true }),
  "dense 13 → 7": (n) => n.dense(n.g.input("x", "float32", [1, 13]), 7),
  "dense of 5 rows": (n) => n.dense(n.g.input("x", "float32", [1, 5, 12]), 8),
  "transposed 3×3, stride 2, 4 → 5": (n) => n.g.add("convTranspose2d", [n.g.input("x", "float32", [1, 5, 5, 4], "nhwc"), n.weights("w", [5, 3, 3, 4], 36), n.weights("b", [5], 10)], { stride: [2, 2], dilation: [1, 1], pad: [1, 1, 0, 0], groups: 1, outputPadding: [0, 0], clamp: relu }),
  "transposed 1×2, stride 3, 8 → 8": (n) => n.g.add("convTranspose2d", [n.g.input("x", "float32", [1, 1, 5, 8], "nhwc"), n.weights("w", [8, 1, 2, 8], 16), n.weights("b", [8], 10)], { stride: [1, 3], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1, outputPadding: [0, 0], clamp: noClamp }),
  "dense, layer normalization with scale and shift, dense": (n) => {
    const h = n.dense(n.g.input("x", "float32", [1, 6]), 8), y = n.g.add("normalize", [h], { axes: [1], epsilon: 1e-5 });
    return n.dense(n.g.add("add", [n.g.add("mul", [n.weights("scale", [8], 1), y], { clamp: noClamp }), n.weights("shift", [8], 1)], { clamp: noClamp }), 3);
  },
  "lstm 5 → 9": (n) => n.lstm(n.g.input("x", "float32", [6, 1, 5]), 9),
  "bidirectional lstm 4 → 8": (n) => n.lstm(n.g.input("x", "float32", [6, 1, 4]), 8, true),
};

/** @param part what is trained of each layer; of several all of the last, where it is channels */
const made = (graph: Graph, precision: "int8" | "float32", options: TrainingOptions, part: "all" | "bias" | Channels = "all"): Promise<Uint8Array> =>
  chosenOf(graph, precision, options, (i, count) => (typeof part === "object" && i === count - 1 ? "all" : part));

async function chosenOf(graph: Graph, precision: "int8" | "float32", options: TrainingOptions, part: (layer: number, count: number) => "all" | "bias" | Channels): Promise<Uint8Array> {
  const samples = Array.from({ length: 8 }, (_, s) => new Map<string, TypedArray>(graph.inputs.map((name) => [name, wave(graph.tensors.get(name)!.shape.reduce((a, b) => a * b, 1), s)])));
  const quantized = precision === "int8" ? quantize(graph, await calibrate(graph, samples)) : graph;
  const { graph: ordered, prefix, plan } = planTraining(quantized, graph, new Map([...chooseLayers(quantized, "all").keys()].map((layer, i, all) => [layer, part(i, all.length)])), options);
  return (await compile(ordered, { training: { plan, prefix } })).model;
}

const wave = (n: number, s: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(1.7 * i + s) * (1 + (i % 3)));

describe.each(["float32", "int8"] as const)("commit without training, %s", (precision) => {
  test.each(Object.entries(nets))("%s", async (_, build) => {
    const net = new Net(), model = await made(net.finish(build(net)), precision, { batch: 3 });
    expectUnchanged(model);
    const loaded = await load(model, { builds: [scalar] });
    expect(loaded.inputs.length).toBe(1);
  });
});

test("scale and shift of a normalization learn in a float model", async () => {
  const net = new Net(), build = nets["dense, layer normalization with scale and shift, dense"]!, device = new Device(await made(net.finish(build(net)), "float32", { batch: 3 }), trainScalar);
  const names = device.info.parameters.map((p) => p.name).filter((name) => /scale$|shift$/.test(name)), before = names.map((name) => [...device.parameter(name)]);
  expect(names.length).toBe(2);
  device.setHyper({ optimizer: "adam", learningRate: 0.01 });
  device.give(wave(18, 1), [0, 1, 2]);
  device.exports.octavo_train_step();
  names.forEach((name, i) => expect([...device.parameter(name)]).not.toEqual(before[i]));
});

describe.each(["float32", "int8"] as const)("biases alone, %s", (precision) => {
  test.each(Object.entries(nets))("%s", async (_, build) => {
    const net = new Net(), model = await made(net.finish(build(net)), precision, { batch: 3 }, "bias");
    expectUnchanged(model);
    expect(new Device(model, trainScalar).info.parameters.every((p) => /bias|\/activation$/i.test(p.name))).toBe(true);
  });
});

describe.each(["float32", "int8"] as const)("some channels, %s", (precision) => {
  const batch = 3, part = [1, 3, 4];
  /** A dense layer reads all channels, of integers whose scale moves. */
  const before = (name: string) => (n: Net) => {
    const y = nets[name]!(n), size = n.g.graph.tensors.get(y)!.shape.reduce((a, b) => a * b, 1);
    return n.dense(n.g.add("reshape", [y], { shape: [1, size] }), 4);
  };
  const learn = (device: Device, n: number, labels: number[]) => {
    device.setHyper({ optimizer: "sgd", learningRate: 0.002 });
    for (let i = 0; i < 3; i++) {
      device.give(wave(n, 1), labels);
      device.exports.octavo_train_step();
    }
  };
  test.each(["3×3, 3 → 5", "1×1, 8 → 16", "dense 13 → 7"])("%s", async (name) => {
    const build = (net = new Net()) => net.finish(before(name)(net)), options = { batch, loss: "meanSquaredError", labels: "values" } as const;
    const model = await made(build(), precision, options, part), device = new Device(model, trainScalar), whole = new Device(await made(build(), precision, options), trainScalar);
    const [{ name: own, shape }] = device.info.parameters as [{ name: string; shape: number[] }], all = whole.info.parameters[0]!, K = all.size / all.shape[0]!;
    expect([own, shape[0]]).toEqual([`${all.name} 1,3:5`, part.length]);
    expectUnchanged(model);
    const [n, outputs] = [device.file.metadata.inputs[0]!, device.file.metadata.outputs[0]!].map(({ shape: s }) => batch * s.reduce((a, b) => a * b, 1)) as [number, number], labels = [...wave(outputs, 5)];
    for (const d of [device, whole]) {
      d.give(wave(n, 1), labels);
      d.exports.octavo_train_gradient();
    }
    const gradients = whole.parameter(all.name, "gradients");
    expect([...device.parameter(own, "gradients")]).toEqual(part.flatMap((o) => [...gradients.slice(o * K, (o + 1) * K)]));
    await expectCommitted(model, (d) => learn(d, n, labels), own, wave(n, 1), precision === "int8" ? 1.01 : 0);
  });
});

test.each(["float32", "int8"] as const)("channels of a layer behind trained biases: the gradients of training all of it, %s", async (precision) => {
  const build = (n = new Net()) => n.finish(n.dense(n.dense(n.g.add("reshape", [n.conv(n.g.input("x", "float32", [1, 6, 6, 3], "nhwc"), 5, { clamp: relu })], { shape: [1, 180] }), 12, { clamp: relu }), 4));
  const devices = await Promise.all((["all", [1, 3, 4]] as const).map(async (part) => new Device(await chosenOf(build(), precision, { batch: 3 }, (i) => (["bias", part, "all"] as const)[i]!), trainSimd)));
  const [whole, some] = devices.map((device) => {
    device.give(wave(324, 1), [0, 1, 3]);
    device.exports.octavo_train_gradient();
    return (name: RegExp) => [...device.parameter(device.info.parameters.find((p) => name.test(p.name))!.name, "gradients")];
  }) as [(name: RegExp) => number[], (name: RegExp) => number[]];
  const close = (got: number[], want: number[]) => got.forEach((v, i) => expect(Math.abs(v - want[i]!)).toBeLessThanOrEqual(1e-6 * Math.max(...want.map(Math.abs))));
  const weights = whole(/dense\/weight$/), K = weights.length / 12;
  close(some(/dense\/weight 1,3:5$/), [1, 3, 4].flatMap((o) => weights.slice(o * K, (o + 1) * K)));
  close(some(/conv2d\/bias$/), whole(/conv2d\/bias$/));
  expect(Math.max(...whole(/conv2d\/bias$/).map(Math.abs))).toBeGreaterThan(0);
  devices.forEach((device) => expectUnchanged(device.file.bytes));
});

/** Committed, the model computes what the training forward pass does, in both builds with the same bytes, to `steps` of its output's scale; started again, the masters are there, on their grid. */
async function expectCommitted(model: Uint8Array, learn: (device: Device) => void, name: string, x: Float32Array, steps: number): Promise<void> {
  const devices = builds.map((build) => new Device(model, build)), [device] = devices as [Device], { batch } = device.info;
  for (const d of devices) {
    learn(d);
    expect(d.exports.octavo_commit()).toBe(0);
  }
  expect(differences(plainImage(devices[0]!.image()), plainImage(devices[1]!.image()))).toEqual([]);
  expect(differences(plainImage(device.image()), plainImage(device.file.image)).length).toBeGreaterThan(0);
  const learned = device.parameter(name).slice(), bytes = device.file.bytes.slice(), size = x.length / batch;
  device.give(x, device.floats(device.exports.octavo_train_labels(), 0));
  device.exports.octavo_train_forward();
  bytes.set(device.image());
  const loaded = await load(bytes, { builds: [scalar], integrity: false }), outputs = loaded.outputs[0]!.shape.reduce((a, b) => a * b, 1);
  const want = device.floats(device.exports.octavo_train_output(0), batch * outputs).slice(), scale = loaded.outputs[0]!.scale ?? 0;
  for (let i = 0; i < batch; i++) {
    const got = loaded.run(x.slice(i * size, (i + 1) * size)) as Float32Array;
    got.forEach((v, k) => expect(Math.abs(v - want[i * outputs + k]!)).toBeLessThanOrEqual(Math.max(steps * scale, 1e-5 * Math.abs(v), 1e-6)));
  }
  device.exports.octavo_train_start();
  device.parameter(name).forEach((v, i) => expect(Math.abs(v - learned[i]!)).toBeLessThanOrEqual(steps ? 0.03 : 0));
}

describe("scales of activations", () => {
  const net = (frozen: boolean) => {
    const n = new Net(), pooled = n.g.add("maxPool2d", [n.conv(n.g.input("x", "float32", [1, 6, 6, 3], "nhwc"), 5, { clamp: relu })], { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pad: [0, 0, 0, 0], clamp: noClamp });
    const y = n.dense(n.g.add("reshape", [pooled], { shape: [1, 45] }), 4);
    return n.finish(frozen ? n.g.add("softmax", [y], { axis: 1 }) : y);
  };
  const options = { batch: 3, loss: "meanSquaredError", labels: "values", optimizer: "adam" } as const, x = wave(3 * 108, 1), labels = Float32Array.from({ length: 12 }, (_, i) => 40 * Math.sin(i));
  const scaleOf = (d: Device) => d.info.parameters.filter((p) => p.name.endsWith("/activation")).map((p) => d.parameter(p.name)[0]!);
  const learn = (d: Device, steps = 200) => {
    d.setHyper({ optimizer: "adam", learningRate: 0.02 });
    return Array.from({ length: steps }, () => {
      d.give(x, labels);
      return d.exports.octavo_train_step();
    });
  };

  test("follow what is learned, and reach the file: table, ports and all that reads them", async () => {
    const model = await made(net(false), "int8", options), device = new Device(model, trainSimd), before = scaleOf(device), losses = learn(device), after = scaleOf(device);
    expect(losses.at(-1)).toBeLessThan(0.1 * losses[0]!);
    expect(before.length).toBe(2);
    after.forEach((s, i) => expect(s).toBeGreaterThan(before[i]!));
    await expectCommitted(model, (d) => learn(d), device.info.parameters.find((p) => p.name.endsWith("weight"))!.name, x, 1.01);
    expect(device.exports.octavo_commit()).toBe(0);
    const bytes = model.slice();
    bytes.set(device.image());
    const { ports, scales, metadata } = parseModelFile(bytes, 1), output = ports.find((p) => p.kind === "output")!;
    expect(after).toContain(output.raw!.scale);
    const moved = metadata.tensors!.filter((t) => after.includes(scales[t.at]!)).length;
    expect(moved).toBe(4); // of the convolution, pooled, flat, and of the output
    const again = new Device(bytes, trainScalar);
    expect(scaleOf(again)).toEqual(after);
  });

  test("stay where another layer reads them, where the loss is not finite, and in a forward pass", async () => {
    const device = new Device(await made(net(false), "int8", options), trainScalar), before = scaleOf(device);
    device.give(x, labels);
    device.exports.octavo_train_forward();
    expect(scaleOf(device)).toEqual(before);
    device.setHyper({ optimizer: "adam", learningRate: 0.02 });
    device.give(x, labels.map(() => NaN));
    expect(device.exports.octavo_train_step()).toBeNaN();
    expect(scaleOf(device)).toEqual(before);
    const frozen = new Device(await made(net(true), "int8", { ...options, loss: "softmaxCrossEntropy" }), trainScalar);
    expect(frozen.info.parameters.map((p) => p.name).filter((name) => name.endsWith("/activation")).length).toBe(1); // the convolution's; softmax reads the other
  });

  test("a file that lets commit change anything but a scale is refused", async () => {
    const model = await made(net(false), "int8", options), { image, base } = parseModelFile(model, 1), view = new DataView(model.buffer), word = (i: number) => view.getUint32(4 * i, true);
    const train = word(12) + 16 + 32, info = view.getUint32(train + 20, true) - base; // programs: infer, train
    const inputs = view.getUint32(info + 4 * 14, true), outputs = info + 4 * (15 + 2 * inputs), cells = outputs + 4 + 8 * view.getUint32(outputs, true);
    expect(view.getUint32(cells, true)).toBe(4 + 2);
    const firstCall = view.getUint32(view.getUint32(word(12) + 16 + 4, true) - base + 4, true);
    for (const to of [firstCall, base, base + word(10), base + word(12) + 16, image.length + base, base + word(18) + 1, view.getUint32(cells + 4, true) + 4096]) {
      const lying = model.slice();
      new DataView(lying.buffer).setUint32(cells + 4, to, true);
      for (const build of builds) expect(() => new Device(lying, build), `${to}`).toThrow(/load: 7/);
    }
  });
});

describe.skipIf(!hasShared)(`trained models${hasShared ? "" : ` (${absent})`}`, () => {
  const samplesOf = (name: string, input: string, count: number): ConvertOptions["samples"] => {
    const all = inputsOf(name, count), size = all.length / count;
    return Array.from({ length: count }, (_, i) => ({ [input]: all.slice(i * size, (i + 1) * size) as TypedArray }));
  };
  test.each(["seed-cnn24", "mnist-lstm", "mnist-gru", "mobilenetv2-tiny"])("%s", async (name) => {
    const { model } = await convert(sharedBytes(`models/trained/${name}/model.onnx`), { name: "model.onnx", samples: samplesOf(name, "input", 16), trainable: "all", trainBatch: 2 });
    expectUnchanged(model);
  });
  test.each(["kws", "resnet8"])("%s_int8.tflite", async (name) => {
    const { model } = await convert(sharedBytes(`models/${name}_int8.tflite`), { name: "model.tflite", trainable: "all", trainBatch: 2 });
    expectUnchanged(model);
  });
});
