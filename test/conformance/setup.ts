/** Converts the example models once, in Node, and tells every engine what Node answers: its scalar build, and after training its simd build. */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { TestProject } from "vitest/node";
import { convert, type ConvertOptions } from "../../converter/convert.ts";
import { digits } from "../../examples/digits.ts";
import { load, scalar } from "../../targets/node/index.ts";
import { trainer } from "../../targets/node/train.ts";
import { trainSimd } from "../../targets/node/train-builds.ts";
import { digestOf, toBase64, trainedDigest, type Case, type TrainingCase } from "./case.ts";

const models = path.resolve(import.meta.dirname, "../../examples/models"), SAMPLES = 20, PIXELS = 784;

function* calibration(input: string): Generator<Record<string, Float32Array>> {
  const { x } = digits(SAMPLES, 2);
  for (let i = 0; i < SAMPLES; i++) yield { [input]: x.subarray(i * PIXELS, (i + 1) * PIXELS) };
}

const variants: Record<string, ConvertOptions> = {
  float32: { precision: "float32" },
  int8: { samples: (ports) => calibration(ports[0]!.name) },
  "int8 as tflite": { samples: (ports) => calibration(ports[0]!.name), rounding: "tflite" },
  "int8, 7-bit weights": { samples: (ports) => calibration(ports[0]!.name), weightBits: 7 },
};

async function caseOf(file: string, variant: string): Promise<Case> {
  const { model } = await convert(readFileSync(path.join(models, file)), { name: file, ...variants[variant] }), { x } = digits(8, 3);
  const y = (await load(model, { builds: [scalar] })).run(x);
  return { name: `${file} ${variant}`, model: toBase64(model), input: toBase64(new Uint8Array(x.buffer)), digest: await digestOf(y) };
}

const trainings: Record<string, ConvertOptions> = {
  "float32, all layers, Adam": { precision: "float32", trainable: "all", trainBatch: 6 },
  "int8, all layers, momentum": { samples: (ports) => calibration(ports[0]!.name), trainable: "all", trainBatch: 6, optimizer: "momentum" },
  "int8, last layer, AdamW": { samples: (ports) => calibration(ports[0]!.name), trainable: "last", trainBatch: 6, optimizer: "adamw" },
};

async function trainingOf(file: string, variant: string): Promise<TrainingCase> {
  const { model } = await convert(readFileSync(path.join(models, file)), { name: file, ...trainings[variant] }), { x, labels } = digits(40, 4);
  const c = { model: toBase64(model), x: toBase64(new Uint8Array(x.buffer)), labels: [...labels] };
  return { name: `${file} ${variant}`, ...c, digest: await trainedDigest((m) => load(m, { builds: [scalar] }), (m) => trainer(m, { builds: [trainSimd] }), c) };
}

export default async function setup(project: TestProject): Promise<void> {
  const cases: Case[] = [];
  for (const file of ["digits-cnn.h5", "digits-lstm.onnx"]) for (const variant of Object.keys(variants)) cases.push(await caseOf(file, variant));
  project.provide("cases", cases);
  const trained: TrainingCase[] = [];
  for (const file of ["digits-cnn.h5", "digits-lstm.onnx"]) for (const variant of Object.keys(trainings)) trained.push(await trainingOf(file, variant));
  project.provide("trainings", trained);
}

declare module "vitest" {
  export interface ProvidedContext { cases: Case[]; trainings: TrainingCase[] }
}
