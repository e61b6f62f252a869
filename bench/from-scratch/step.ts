/**
 * Time of one training step: `node bench/from-scratch/step.ts [PYTHON]`; with a Python that has PyTorch its steps (step.py) in turn with
 * ours, a few at a time: both see the same machine.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { convert } from "../../converter/convert.ts";
import { trainSimd } from "../../targets/node/train-builds.ts";
import { Device, type Hyper } from "../../test/train/device.ts";

interface Case { what: string; file: string; torch: string; batch: number; hyper: Hyper }
const cases: Case[] = [
  { what: "seed CNN, batch 16, momentum", file: "seed-cnn.architecture.json", torch: "cnn", batch: 16, hyper: { optimizer: "momentum", learningRate: 0.01 } },
  { what: "LSTM 100 → 128, 28 steps, batch 32, Adam", file: "seed-lstm.architecture.json", torch: "lstm", batch: 32, hyper: { optimizer: "adam", learningRate: 0.001 } },
];
const WINDOWS = 40, STEPS = 8;

/** Milliseconds of each of `count` steps. */
type Steps = (count: number) => Promise<number[]>;

async function octavo({ file, batch, hyper }: Case): Promise<Steps> {
  const source = new Uint8Array(readFileSync(path.join(import.meta.dirname, file)));
  const { model } = await convert(source, { name: file, initSeed: 1, precision: "float32", trainable: "all", trainBatch: batch, optimizer: hyper.optimizer });
  const device = new Device(model, trainSimd), size = device.file.metadata.inputs[0]!.shape.reduce((a, b) => a * b);
  const x = Float32Array.from({ length: batch * size }, (_, i) => Math.sin(i * i)), labels = Array.from({ length: batch }, (_, n) => n % 10);
  device.setHyper(hyper);
  return async (count) => Array.from({ length: count }, () => {
    const start = performance.now();
    device.give(x, labels);
    device.exports.octavo_train_step();
    return performance.now() - start;
  });
}

/** A process that answers a line with the number of steps by a line of their milliseconds. */
function pytorch(python: string, { torch }: Case): { steps: Steps; stop: () => void } {
  const child = spawn(python, [path.join(import.meta.dirname, "step.py"), torch], { stdio: ["pipe", "pipe", "inherit"] }), lines = readline.createInterface(child.stdout)[Symbol.asyncIterator]();
  const steps: Steps = async (count) => {
    child.stdin.write(`${count}\n`);
    return JSON.parse((await lines.next()).value as string) as number[];
  };
  return { steps, stop: () => child.stdin.end() };
}

const sorted = (v: number[]) => [...v].sort((a, b) => a - b);
const show = (name: string, v: number[]) => console.log(`  ${name}: median ${sorted(v)[v.length >> 1]!.toFixed(2)} ms, least ${sorted(v)[0]!.toFixed(2)} ms`);

for (const c of cases) {
  const other = process.argv[2] ? pytorch(process.argv[2], c) : undefined, sides = [await octavo(c), ...(other ? [other.steps] : [])], times = sides.map((): number[] => []);
  for (const steps of sides) await steps(STEPS);
  for (let w = 0; w < WINDOWS; w++) for (const [i, steps] of sides.entries()) times[i]!.push(...await steps(STEPS));
  other?.stop();
  console.log(c.what);
  show("Octavo", times[0]!);
  if (!other) continue;
  show("PyTorch", times[1]!);
  console.log(`  ${[0.5, 0].map((q) => sorted(times[0]!)[Math.floor(q * times[0]!.length)]! / sorted(times[1]!)[Math.floor(q * times[1]!.length)]!).map((r) => r.toFixed(2)).join(" × by medians, ")} × by the least`);
}
