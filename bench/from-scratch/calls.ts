/** Where a training step goes, call by call: `node bench/from-scratch/calls.ts [lstm|cnn]`. Each call runs in its place of the step, the fastest of many counts. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { convert } from "../../converter/convert.ts";
import { FIRST_TRAIN, kernelNames, trainKernelNames } from "../../converter/write/layout.ts";
import { trainSimd } from "../../targets/node/train-builds.ts";
import { Device, type Hyper } from "../../test/train/device.ts";

const cases: Record<string, { file: string; batch: number; hyper: Hyper }> = {
  lstm: { file: "seed-lstm.architecture.json", batch: 32, hyper: { optimizer: "adam", learningRate: 0.001 } },
  cnn: { file: "seed-cnn.architecture.json", batch: 16, hyper: { optimizer: "momentum", learningRate: 0.01 } },
};
const PROGRAMS_AT = 48, PROGRAM_BYTES = 32, CALL_BYTES = 8, TRAIN = 2;

/** The record of the train program: u32 kind, calls, count, first. */
function trainProgram(memory: DataView, base: number): number {
  const at = base + memory.getUint32(base + PROGRAMS_AT, true), count = memory.getUint32(at, true);
  return Array.from({ length: count }, (_, i) => at + 16 + PROGRAM_BYTES * i).find((p) => memory.getUint32(p, true) === TRAIN)!;
}

const nameOf = (kernel: number) => (kernel < FIRST_TRAIN ? kernelNames[kernel - 1] : trainKernelNames[kernel - FIRST_TRAIN])!;

for (const which of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(cases)) {
  const { file, batch, hyper } = cases[which]!, source = new Uint8Array(readFileSync(path.join(import.meta.dirname, file)));
  const { model } = await convert(source, { name: file, initSeed: 1, precision: "float32", trainable: "all", trainBatch: batch, optimizer: hyper.optimizer });
  const device = new Device(model, trainSimd), size = device.file.metadata.inputs[0]!.shape.reduce((a, b) => a * b), { exports } = device;
  const x = Float32Array.from({ length: batch * size }, (_, i) => Math.sin(i * i)), labels = Array.from({ length: batch }, (_, n) => n % 10);
  device.setHyper(hyper);
  const memory = new DataView(exports.memory.buffer), program = trainProgram(memory, device.file.base), calls = memory.getUint32(program + 4, true), count = memory.getUint32(program + 8, true);
  const best = new Float64Array(count).fill(Infinity);
  memory.setUint32(program + 12, 1, true); // gradient() walks one call: the first
  for (let step = 0; step < 300; step++) {
    device.give(x, labels);
    for (let i = 0; i < count; i++) {
      memory.setUint32(program + 4, calls + CALL_BYTES * i, true);
      const start = performance.now();
      exports.octavo_train_gradient();
      best[i] = Math.min(best[i]!, performance.now() - start);
    }
  }
  console.log(`${which}: ${best.reduce((a, b) => a + b).toFixed(3)} ms`);
  best.forEach((ms, i) => ms > 0.004 && console.log(`${ms.toFixed(3).padStart(8)}  ${nameOf(memory.getUint32(calls + CALL_BYTES * i, true))}`));
}
