/**
 * What training from scratch gave: accuracy on the 2,000 test images of the reference, of our float32 weights, and of int8
 * by the normal conversion with them (200 training images calibrate). `node bench/from-scratch/results.ts FOLDER [cnn|lstm …]`
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { convert } from "../../converter/convert.ts";
import { readWeights } from "../../converter/train/weights-file.ts";
import { load } from "../../targets/node/index.ts";
import type { Samples } from "./data.ts";
import { tasks, type TaskName } from "./tasks.ts";

const [folder, ...wanted] = process.argv.slice(2) as [string, ...TaskName[]];

const one = (samples: Samples, row: number): Float32Array => {
  const x = new Float32Array(samples.size);
  samples.read(row, x, 0);
  return x;
};

async function accuracy(model: Uint8Array, samples: Samples): Promise<number> {
  const loaded = await load(model);
  let right = 0;
  for (let i = 0; i < samples.count; i++) {
    const y = loaded.run(one(samples, i)) as Float32Array;
    if (y.indexOf(Math.max(...y)) === samples.labels[i]) right++;
  }
  return right / samples.count;
}

async function row(name: TaskName, seed: number): Promise<number[]> {
  const { file, data, options } = tasks[name], read = (end: string) => new Uint8Array(readFileSync(path.join(folder, `${name}-${seed}${end}`))), train = data("train"), test = data("test");
  const reference = (JSON.parse(new TextDecoder().decode(read(".json"))) as { accuracy: number[] }).accuracy.at(-1)!, source = { ...options, weights: readWeights(read(".safetensors")) };
  const float = await convert(read(file), { ...source, precision: "float32" });
  const int8 = await convert(read(file), { ...source, samples: ([port]) => Array.from({ length: 200 }, (_, i) => ({ [port!.name]: one(train, i) })) });
  return [reference, await accuracy(float.model, test), await accuracy(int8.model, test)];
}

const show = (values: number[]) => values.map((v) => (100 * v).toFixed(2)).join(" | ");
for (const name of wanted.length ? wanted : (["cnn", "lstm"] as const)) {
  const seeds = [1, 2, 3].filter((seed) => existsSync(path.join(folder, `${name}-${seed}.safetensors`))), rows: number[][] = [];
  for (const seed of seeds) {
    rows.push(await row(name, seed));
    console.log(`| ${name} | ${seed} | ${show(rows.at(-1)!)} |`);
  }
  console.log(`| ${name} | mean of ${rows.length} | ${show([0, 1, 2].map((k) => rows.reduce((sum, r) => sum + r[k]!, 0) / rows.length))} |`);
}
