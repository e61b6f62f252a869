/** `trainMemory`: what is trained fits, more memory trains more, and what does not fit says so. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { convert } from "../../converter/convert.ts";
import { digits } from "../../examples/digits.ts";
import { load } from "../../targets/node/index.ts";
import { trainer as trainerOf } from "../../targets/node/train.ts";
import { trainScalar, trainSimd } from "../../targets/node/train-builds.ts";
import { OctavoError } from "../../converter/ir/error.ts";
import { chooseWithin, divisors } from "../../converter/train/budget.ts";
import { chooseLayers, type Choice } from "../../converter/train/parameters.ts";
import { Net } from "../quantize/nets.ts";
import { Device } from "./device.ts";

const source = new Uint8Array(readFileSync(new URL("../../examples/models/digits-cnn.h5", import.meta.url))), KB = 1024;
const { x, labels } = digits(16, 3), samples = (ports: { name: string }[]) => Array.from({ length: 16 }, (_, i) => ({ [ports[0]!.name]: x.subarray(i * 784, (i + 1) * 784) }));
const within = async (kilobytes: number) => (await convert(source, { name: "digits-cnn.h5", samples, trainMemory: kilobytes * KB, optimizer: "momentum" }));

test("parameters grow with the budget, and memory stays within it", async () => {
  const counts = [];
  for (const kilobytes of [128, 512, 4096]) {
    const { report, model } = await within(kilobytes), training = report.training!, device = new Device(model, trainScalar);
    expect(training.memory.total).toBeLessThanOrEqual(kilobytes * KB);
    expect(device.exports.memory.buffer.byteLength).toBeLessThan(device.file.memoryBytes + training.memory.total + 2 * 65536);
    counts.push(training.parameters.reduce((n, p) => n + p.size, 0));
  }
  expect(counts[0]).toBeLessThan(counts[2]!);
  expect(counts[0]).toBeLessThanOrEqual(counts[1]!);
});

test.each([30, 60, 100, 200, 300, 400])("%i KB: never more than that", async (kilobytes) => {
  const { report, model } = await within(kilobytes), { memory, part, batch } = report.training!, device = new Device(model, trainScalar);
  expect(memory.total).toBeLessThanOrEqual(kilobytes * KB);
  expect([batch, device.exports.octavo_train_batch(), device.exports.octavo_train_step_rows()]).toEqual([16, part, 16]);
});

const names = ({ training }: Awaited<ReturnType<typeof within>>["report"]) => training!.parameters.map((p) => p.name);

test("what is left of a budget trains channels of the layer before, weights and biases", async () => {
  const all = names((await within(100)).report), [, channels] = / ([\d:,]+)$/.exec(all[0]!)!;
  expect(all.filter((n) => !n.endsWith("activation"))).toEqual([`dense/dense/weight ${channels}`, `dense/dense/bias ${channels}`, "dense_1/dense/weight", "dense_1/dense/bias"]);
});

test("channels learn, with the same bytes in both builds, and the model answers as the forward pass did", async () => {
  const { model } = await within(60), set = digits(64, 9), results = await Promise.all([trainScalar, trainSimd].map(async (build) => {
    const loaded = await load(model), trainer = trainerOf(loaded, { builds: [build], learningRate: 0.02 });
    trainer.setParameters(Object.fromEntries(Object.entries(trainer.parameters()).filter(([name]) => !name.endsWith("activation")).map(([name, { data }]) => [name, data.map((v, i) => 0.3 * v + 0.02 * Math.sin(i))])));
    const { epochs } = await trainer.fit(set, { epochs: 12 });
    trainer.commit();
    await trainer.fit(set, { epochs: 2 }); // the frozen channels of now, on the scale that was committed
    trainer.commit();
    return { epochs, bytes: loaded.save(), float: trainer.evaluate(set), score: trainer.score(set) };
  }));
  expect(results[0]!.bytes).toEqual(results[1]!.bytes);
  const { epochs, float, score } = results[0]!;
  expect(epochs.at(-1)!.loss).toBeLessThan(epochs[0]!.loss / 3);
  expect(Math.abs(score.value - float.accuracy!)).toBeLessThanOrEqual(2 / 64);
  expect(score.value).toBeGreaterThan(0.8);
});

test("layers before one that cannot be trained are left alone", async () => {
  const net = new Net(), graph = net.finish(net.dense(net.dense(net.dense(net.g.input("x", "float32", [1, 6]), 8), 8), 4)), [first, second, last] = [...chooseLayers(graph, "all").keys()] as [string, string, string];
  const problem = new OctavoError("ERR_OCTAVO_OPERATOR", "not this one"), memory = (refused: string[]) => async (choice: Choice, part: number) => {
    if (refused.some((name) => choice.has(name))) throw problem;
    return 10 * choice.size * part;
  };
  const choose = async (refused: string[], budget: number) => {
    const { choice, part } = await chooseWithin(graph, chooseLayers(graph, "all"), divisors(12), budget, memory(refused));
    return [[...choice.keys()], part];
  };
  expect(await choose([], 1000)).toEqual([[first, second, last], 12]);
  expect(await choose([first], 100)).toEqual([[second, last], 4]);
  expect(await choose([second], 45)).toEqual([[last], 4]);
  await expect(choose([last], 1000)).rejects.toBe(problem);
  await expect(choose([], 9)).rejects.toThrow(/alone takes 10 bytes, the budget is 9/);
});

test("what fits learns", async () => {
  const { model } = await convert(source, { name: "digits-cnn.h5", samples, trainMemory: 300 * KB, optimizer: "sgd" }), device = new Device(model, trainScalar);
  device.setHyper({ optimizer: "sgd", learningRate: 0.05 });
  const losses = Array.from({ length: 8 }, () => {
    const loss = device.gradient(x, [...labels]);
    expect(device.exports.octavo_train_update()).toBe(1);
    return loss;
  });
  expect(losses.at(-1)).toBeLessThan(losses[0]!);
  expect(device.exports.octavo_commit()).toBe(0);
});

test("a budget for nothing", async () => {
  await expect(within(2)).rejects.toThrow(/last layer ".*" alone takes \d+ bytes, the budget is 2048\. Raise --train-memory/);
});
