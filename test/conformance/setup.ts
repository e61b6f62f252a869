/** Converts the models once, in Node, and tells every engine what Node answers: its scalar build, and after training its simd build. */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { TestProject } from "vitest/node";
import { convert, type ConvertOptions } from "../../converter/convert.ts";
import { digits } from "../../examples/digits.ts";
import { load, scalar } from "../../targets/node/index.ts";
import { trainer } from "../../targets/node/train.ts";
import { trainSimd } from "../../targets/node/train-builds.ts";
import { digestOf, toBase64, trainedDigest, type Case, type KernelCase, type TrainingCase } from "./case.ts";
import { kernelModels } from "./kernels.ts";

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

async function kernelCases(): Promise<KernelCase[]> {
  const digest = async (model: Uint8Array) => (await load(model, { builds: [scalar] })).selfTest().digest;
  return Promise.all((await kernelModels()).map(async ({ name, kernels, model }) => ({ name, kernels, model: toBase64(model), digest: await digest(model) })));
}

interface Suite { cases: Case[]; kernels: KernelCase[]; trainings: TrainingCase[] }

async function makeSuite(): Promise<Suite> {
  const suite: Suite = { cases: [], kernels: await kernelCases(), trainings: [] };
  for (const file of ["digits-cnn.h5", "digits-lstm.onnx"]) {
    for (const variant of Object.keys(variants)) suite.cases.push(await caseOf(file, variant));
    for (const variant of Object.keys(trainings)) suite.trainings.push(await trainingOf(file, variant));
  }
  return suite;
}

/** Projects load this file each for itself, in one process. */
const shared = globalThis as { octavoSuite?: Promise<Suite> };

export default async function setup(project: TestProject): Promise<void> {
  const { cases, kernels, trainings } = await (shared.octavoSuite ??= makeSuite());
  project.provide("cases", cases);
  project.provide("kernels", kernels);
  project.provide("trainings", trainings);
}

declare module "vitest" {
  export interface ProvidedContext { cases: Case[]; kernels: KernelCase[]; trainings: TrainingCase[] }
}
