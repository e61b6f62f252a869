/** Model files with their golden digests: the examples in every precision, the trained models of ../shared where present, models that run every kernel; and what training makes of the examples. */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ConvertOptions } from "../../converter/convert.ts";
import { digits } from "../../examples/digits.ts";
import { writeNpy } from "../../targets/cli/npy.ts";
import { convert } from "../../targets/converter.ts";
import { load, scalar } from "../../targets/node/index.ts";
import { trainer } from "../../targets/node/train.ts";
import { trainScalar } from "../../targets/node/train-builds.ts";
import { kernelModels } from "../../test/conformance/kernels.ts";
import { DATA, TRAINING, trainedDigest } from "./training.mjs";

export interface Case { name: string; file: string; digest: string }
/** cases.json in the folder that every engine is given. `trained`: so many of the models, the first ones, are trained; the others are small and run kernels. */
export interface Cases { models: Case[]; trained: number; trainings: Case[] }

const root = path.resolve(import.meta.dirname, "../.."), shared = path.resolve(process.env.OCTAVO_SHARED ?? path.join(root, "../shared"), "models/trained");
const examples = ["digits-cnn.h5", "digits-lstm.onnx"].map((file) => path.join(root, "examples/models", file));

function sources(): string[] {
  if (!existsSync(shared)) return examples;
  const trained = readdirSync(shared).flatMap((name) => ["model-batch1.onnx", "model-step.onnx", "model.onnx", "model.h5"].map((f) => path.join(shared, name, f)).find((f) => existsSync(f)) ?? []);
  return [...examples, ...trained];
}

/** Ranges from drawn digits where the size fits, from noise elsewhere: what is compared is bytes, not accuracy. */
function* samples(ports: readonly { name: string; shape: number[]; dtype: string }[]): Generator<Record<string, Float32Array | Int32Array>> {
  let seed = 1;
  const { x } = digits(8, 2), next = () => (seed = (Math.imul(seed, 1664525) + 1013904223) | 0) / 2 ** 31;
  const values = (size: number, i: number) => (size === 784 ? x.subarray(784 * i, 784 * (i + 1)) : Float32Array.from({ length: size }, next));
  for (let i = 0; i < 8; i++) yield Object.fromEntries(ports.map(({ name, shape, dtype }) => {
    const size = shape.reduce((n, d) => n * d, 1);
    return [name, dtype === "float32" ? values(size, i) : new Int32Array(size)];
  }));
}

/** Axes that a source leaves free. */
const inputShapes: Record<string, Record<string, number[]>> = { "keras-lstm100": { lstm_1_input: [1, 9, 100] } };

const variants: Record<string, ConvertOptions> = { float32: { precision: "float32" }, int8: { samples }, "int8 tflite": { samples, rounding: "tflite" }, "int8 7-bit": { samples, weightBits: 7 } };

const trainings: Record<string, ConvertOptions> = {
  "digits-cnn.h5": { samples, trainable: "all", trainBatch: 8, optimizer: "momentum" },
  "digits-lstm.onnx": { samples, trainable: "all", trainBatch: 8 },
};

/** The examples with training programs, digits to train on, and the digest after more than 100 steps. */
async function makeTrainings(folder: string): Promise<Case[]> {
  const { x, labels } = digits(TRAINING.count, 4), found: Case[] = [], y = Uint8Array.from(labels);
  writeFileSync(path.join(folder, DATA.x), writeNpy({ dtype: "float32", shape: [TRAINING.count, 28, 28, 1], data: x }));
  writeFileSync(path.join(folder, DATA.labels), writeNpy({ dtype: "uint8", shape: [TRAINING.count], data: y }));
  for (const [name, options] of Object.entries(trainings)) {
    const { model } = await convert(readFileSync(path.join(root, "examples/models", name)), { name, ...options }), file = `case-train-${found.length}.octavo`;
    writeFileSync(path.join(folder, file), model);
    found.push({ name, file, digest: await trainedDigest(await load(model, { builds: [scalar] }), (m) => trainer(m, { builds: [trainScalar] }), { x, labels: y }) });
  }
  return found;
}

/** @returns the cases, written to `folder`, and what could not be converted */
export async function makeCases(folder: string): Promise<{ cases: Cases; refused: string[] }> {
  mkdirSync(folder, { recursive: true });
  const models: Case[] = [], refused: string[] = [], digest = async (model: Uint8Array) => (await load(model, { builds: [scalar] })).selfTest().digest;
  const add = async (name: string, model: Uint8Array) => {
    const file = `case-${models.length}.octavo`;
    writeFileSync(path.join(folder, file), model);
    models.push({ name, file, digest: await digest(model) });
  };
  for (const source of sources()) for (const [variant, options] of Object.entries(variants).slice(0, examples.includes(source) ? 4 : 2)) {
    const example = examples.includes(source), label = example ? path.basename(source) : path.basename(path.dirname(source)), name = `${label} ${variant}`;
    try {
      await add(name, (await convert(readFileSync(source), { name: path.basename(source), ...(label in inputShapes && { inputShapes: inputShapes[label] }), ...options })).model);
    } catch (error) {
      refused.push(`${name}: ${(error as Error).message}`);
    }
  }
  const trained = models.length;
  for (const { name, model } of await kernelModels()) await add(name, model);
  const cases: Cases = { models, trained, trainings: await makeTrainings(folder) };
  writeFileSync(path.join(folder, "cases.json"), JSON.stringify(cases));
  return { cases, refused };
}
