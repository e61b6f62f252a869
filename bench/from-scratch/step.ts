/** Median time of one training step: `node bench/from-scratch/step.ts`; step.py is PyTorch's side. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { convert } from "../../converter/convert.ts";
import { trainSimd } from "../../targets/node/train-builds.ts";
import { Device, type Hyper } from "../../test/train/device.ts";

const cases: { what: string; file: string; batch: number; hyper: Hyper }[] = [
  { what: "seed CNN, batch 16, momentum", file: "seed-cnn.architecture.json", batch: 16, hyper: { optimizer: "momentum", learningRate: 0.01 } },
  { what: "LSTM 100 → 128, 28 steps, batch 32, Adam", file: "seed-lstm.architecture.json", batch: 32, hyper: { optimizer: "adam", learningRate: 0.001 } },
];
const median = (v: number[]) => v.sort((a, b) => a - b)[v.length >> 1]!;

for (const { what, file, batch, hyper } of cases) {
  const source = new Uint8Array(readFileSync(path.join(import.meta.dirname, file)));
  const { model } = await convert(source, { name: file, initSeed: 1, precision: "float32", trainable: "all", trainBatch: batch, optimizer: hyper.optimizer });
  const device = new Device(model, trainSimd), size = device.file.metadata.inputs[0]!.shape.reduce((a, b) => a * b);
  const x = Float32Array.from({ length: batch * size }, (_, i) => Math.sin(i * i)), labels = Array.from({ length: batch }, (_, n) => n % 10), times: number[] = [];
  device.setHyper(hyper);
  for (let i = 0; i < 210; i++) {
    const start = performance.now();
    device.give(x, labels);
    device.exports.octavo_train_step();
    if (i >= 10) times.push(performance.now() - start);
  }
  console.log(`Octavo: ${what} ${median(times).toFixed(2)} ms`);
}
