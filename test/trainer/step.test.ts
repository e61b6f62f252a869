/** One batch at a time: what it changes, what it refuses, what it leaves alone. */
import { expect, test } from "vitest";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { compile } from "../../converter/compile.ts";
import { load } from "../../targets/node/index.ts";
import { trainer as trainerOf, type TrainingInfo } from "../../targets/node/train.ts";
import { CLASSES, code, data, forgetAll, pair, part, thrown, trainable } from "./model.ts";

const flat = (t: { parameters(): Record<string, { data: Float32Array }> }) => Object.values(t.parameters()).flatMap((p) => [...p.data]);
const closeTo = (a: readonly number[], b: readonly number[], tolerance: number) => {
  const scale = Math.max(...b.map(Math.abs));
  a.forEach((v, i) => expect(Math.abs(v - b[i]!)).toBeLessThanOrEqual(tolerance * scale));
};

test("steps lower the loss", async () => {
  const { trainer } = await pair("digits-cnn.h5", { learningRate: 0.01 }), d = part(data(64, 3), 0, 16);
  const losses = Array.from({ length: 30 }, () => trainer.step(d.x, d.labels));
  expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
});

test("rows that are missing leave no trace", async () => {
  const a = (await pair()).trainer, b = (await pair()).trainer, d = data(32, 3), few = part(d, 16, 19);
  a.evaluate(part(d, 0, 16));
  expect(a.step(few.x, few.labels)).toBe(b.step(few.x, few.labels));
  expect(flat(a)).toEqual(flat(b));
});

test("gradients of two batches that are accumulated are those of one batch", async () => {
  const d = part(data(16, 4), 0, 16), whole = (await pair("digits-cnn.h5", { optimizer: "sgd", learningRate: 1 })).trainer, halves = (await pair("digits-cnn.h5", { optimizer: "sgd", learningRate: 1, accumulate: 2 })).trainer;
  const start = flat(whole), loss = whole.step(d.x, d.labels), [p, q] = [part(d, 0, 8), part(d, 8, 16)];
  const first = halves.step(p.x, p.labels);
  expect(flat(halves)).toEqual(start);
  expect(Object.values(halves.gradients()).some(({ data }) => data.some((v) => v !== 0))).toBe(true);
  const second = halves.step(q.x, q.labels);
  expect((first + second) / 2).toBeCloseTo(loss, 5);
  closeTo(flat(halves).map((v, i) => v - start[i]!), flat(whole).map((v, i) => v - start[i]!), 1e-4);
});

test("a class of weight 0 counts as if its samples were not there", async () => {
  const d = part(data(16, 5), 0, 16), kept = [...d.labels.keys()].filter((i) => d.labels[i] !== 3), options = { optimizer: "sgd" as const, learningRate: 1 };
  const weighted = (await pair("digits-cnn.h5", { ...options, classWeights: Array.from({ length: CLASSES }, (_, c) => (c === 3 ? 0 : 2)) })).trainer, plain = (await pair("digits-cnn.h5", options)).trainer;
  const start = flat(plain), x = Float32Array.from(kept.flatMap((i) => [...d.x.subarray(784 * i, 784 * (i + 1))]));
  expect(weighted.step(d.x, d.labels)).toBeCloseTo(plain.step(x, kept.map((i) => d.labels[i]!)), 5);
  closeTo(flat(weighted).map((v, i) => v - start[i]!), flat(plain).map((v, i) => v - start[i]!), 1e-4);
});

test("every optimizer that fits the file learns", async () => {
  const d = part(data(16, 6), 0, 16);
  for (const optimizer of ["sgd", "momentum", "nesterov", "adam", "adamw", "adagrad", "rmsprop"] as const) {
    const { trainer } = await pair("digits-cnn.h5", { optimizer, learningRate: optimizer === "sgd" ? 0.1 : 0.01, weightDecay: 1e-4, clipNorm: 5 });
    const losses = Array.from({ length: 20 }, () => trainer.step(d.x, d.labels));
    expect([optimizer, losses.at(-1)! < 0.8 * losses[0]!]).toEqual([optimizer, true]);
  }
});

test("both builds give the same bytes", async () => {
  const node = await import("../../targets/node/train.ts"), d = data(48, 7);
  const states = await Promise.all([node.scalar, node.simd].map(async (build) => {
    const { trainer } = await pair("digits-lstm.onnx", { builds: [build], convert: { trainable: "all" } });
    for (let i = 0; i < 6; i++) { const b = part(d, 8 * i, 8 * i + 8); trainer.step(b.x, b.labels); }
    return trainer.checkpoint();
  }));
  expect(states[0]).toEqual(states[1]);
});

test("parameters by name", async () => {
  const { trainer } = await pair(), { info } = trainer, all = trainer.parameters();
  expect(Object.keys(all)).toEqual(info.parameters.map((p) => p.name));
  for (const p of info.parameters) expect([all[p.name]!.shape, all[p.name]!.data.length]).toEqual([p.shape, p.shape.reduce((n, d) => n * d, 1)]);
  const [name] = Object.keys(all), values = all[name!]!.data.map((_, i) => i / 100);
  trainer.setParameters({ [name!]: values });
  expect(trainer.parameters()[name!]!.data).toEqual(values);
  const before = flat(trainer);
  for (const wrong of [{ nothing: values }, { [name!]: values.subarray(1) }, { [name!]: values.map((v, i) => (i === 3 ? NaN : v)) }]) expect(thrown(() => trainer.setParameters(wrong))).toEqual(code("SHAPE", /^setParameters: /));
  expect(flat(trainer)).toEqual(before);
});

test("what does not fit is refused by what it is, and nothing changes", async () => {
  const { trainer, model } = await pair(), d = part(data(40, 8), 0, 16), before = trainer.checkpoint(), many = data(40, 8);
  const wrong: [() => unknown, ReturnType<typeof code>][] = [
    [() => trainer.step(d.x, [...d.labels.subarray(0, 15), 10]), code("SHAPE", /label 15 is 10, expected a class from 0 to 9/)],
    [() => trainer.step(d.x, [...d.labels.subarray(0, 15), -1]), code("SHAPE", /label 15 is -1/)],
    [() => trainer.step(d.x, [...d.labels.subarray(0, 15), 0.5]), code("SHAPE", /label 15 is 0.5/)],
    [() => trainer.step(d.x, d.labels.subarray(1)), code("SHAPE", /15 labels for 16 samples/)],
    [() => trainer.step(d.x.subarray(1), d.labels), code("SHAPE", /expected a multiple of 784/)],
    [() => trainer.step(new Float32Array(0), []), code("SHAPE")],
    [() => trainer.step(Float64Array.from(d.x) as never, d.labels), code("DTYPE", /Float64Array, expected Float32Array/)],
    [() => trainer.step({ z: d.x }, d.labels), code("SHAPE", /by name/)],
    [() => trainer.step(many.x, many.labels), code("SHAPE", /40 samples, the file's batch has 16 rows/)],
    [() => trainerOf(model, { classWeights: [1, 2] }).step(d.x, d.labels), code("SHAPE", /classWeights/)],
    [() => trainerOf(model, { maxMemory: 1000 }), code("MEMORY", /maxMemory is 1000/)],
    [() => { trainer.learningRate = -1; }, code("DTYPE")],
  ];
  for (const [call, error] of wrong) expect(thrown(call)).toEqual(error);
  expect(trainer.checkpoint()).toEqual(before);
});

test("a file without training programs says how to get them", async () => {
  const b = new GraphBuilder("test", "plain"), x = b.input("x", "float32", [1, 4]);
  b.output(b.add("dense", [x, b.constant("w", "float32", [3, 4], new Float32Array(12))], { clamp: [-Infinity, Infinity] }));
  const model = await load((await compile(b.graph)).model);
  expect(thrown(() => trainerOf(model))).toEqual(code("FORMAT", /--trainable/));
});

/** The file with other metadata.training. */
function lying(file: Uint8Array, change: (training: TrainingInfo) => object | null): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset), at = view.getUint32(80, true), metadata = JSON.parse(new TextDecoder().decode(file.subarray(at))) as { training: TrainingInfo };
  const json = new TextEncoder().encode(JSON.stringify({ ...metadata, training: change(metadata.training) })), out = new Uint8Array(at + json.length), header = new DataView(out.buffer);
  out.set(file.subarray(0, at));
  out.set(json, at);
  header.setUint32(12, out.length, true);
  header.setUint32(84, json.length, true);
  return out;
}

test.each<[string, (t: TrainingInfo) => object | null]>([
  ["nothing", () => null], ["a number", () => 7 as never], ["another loss", (t) => ({ ...t, loss: "hope" })], ["no batch", (t) => ({ ...t, batch: 0 })], ["another batch", (t) => ({ ...t, batch: 1e6 })],
  ["outputs without end", (t) => ({ ...t, outputs: [{ ...t.outputs[0], shape: [1, 1e6] }] })], ["no outputs", (t) => ({ ...t, outputs: [] })], ["parameters beyond the masters", (t) => ({ ...t, parameters: [{ name: "w", shape: [9], at: t.count, size: 9 }] })],
  ["more masters", (t) => ({ ...t, count: t.count + 4 })], ["more slots", (t) => ({ ...t, slots: 9 })], ["less state", (t) => ({ ...t, memory: { ...t.memory, state: 64 } })],
])("metadata.training that holds %s is refused", async (_, change) => {
  const model = await load(lying(await trainable("digits-cnn.h5"), change), { integrity: false });
  expect(thrown(() => trainerOf(model))).toEqual(code("FORMAT", /^train: /));
});

test("an optimizer whose state does not fit is refused with the remedy", async () => {
  const model = await load(await trainable("digits-cnn.h5", { optimizer: "sgd" }));
  expect(thrown(() => trainerOf(model, { optimizer: "adam" }))).toEqual(code("MEMORY", /--optimizer adam/));
  expect(trainerOf(model).info.slots).toBe(0);
});

test("inputs that are not finite stop the step and change nothing", async () => {
  const { trainer } = await pair("digits-cnn.h5", { convert: { trainable: "all", precision: "float32" } }), d = part(data(16, 9), 0, 16), before = trainer.checkpoint(), x = d.x.slice();
  x[100] = NaN;
  expect(thrown(() => trainer.step(x, d.labels))).toEqual(code("NAN", /nothing was changed/));
  expect(trainer.checkpoint()).toEqual(before);
  expect(Number.isFinite(trainer.step(d.x, d.labels))).toBe(true);
});

test("disposed is over; the model stays", async () => {
  const { trainer, model } = await pair(), d = data(1);
  trainer.dispose();
  for (const call of [() => trainer.step(d.x, d.labels), () => trainer.commit(), () => trainer.checkpoint(), () => trainer.learningRate]) expect(thrown(call)).toEqual(code("DISPOSED"));
  expect(model.run(d.x)).toHaveLength(CLASSES);
});

test("a mean squared error wants values", async () => {
  const file = await trainable("digits-cnn.h5", { loss: "meanSquaredError" }), trainer = trainerOf(await load(file), { learningRate: 0.01 }), d = data(8);
  const wanted = Float32Array.from({ length: 80 }, (_, i) => Number(d.labels[Math.floor(i / 10)] === i % 10));
  expect(trainer.info).toMatchObject({ loss: "meanSquaredError", labels: "values" });
  forgetAll(trainer);
  const losses = Array.from({ length: 30 }, () => trainer.step(d.x, wanted));
  expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
  expect(thrown(() => trainer.step(d.x, d.labels))).toEqual(code("SHAPE", /one-hot/));
  expect(trainer.evaluate({ x: d.x, labels: wanted }).accuracy).toBeUndefined();
  expect(trainer.score({ x: d.x, labels: wanted }).metric).toBe("meanSquaredError");
});

test("convert refuses what it cannot train", async () => {
  await expect(trainable("digits-cnn.h5", { trainable: ["nowhere"] })).rejects.toEqual(code("SHAPE", /nowhere/));
});
