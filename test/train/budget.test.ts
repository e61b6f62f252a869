/** `trainMemory`: what is trained fits, more memory trains more, and what does not fit says so. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { convert } from "../../converter/convert.ts";
import { digits } from "../../examples/digits.ts";
import { trainScalar } from "../../targets/node/train-builds.ts";
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

test("what is left of a budget trains channels of a layer", async () => {
  const { report } = await within(300), names = report.training!.parameters.map((p) => p.name);
  expect(names).toContainEqual(expect.stringMatching(/^dense\/.*weight \d+:\d+$/));
  expect(names).toContainEqual(expect.stringMatching(/^dense_1.*weight$/));
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
