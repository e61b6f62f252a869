/** Model files with their golden digests: the examples in every precision, and the trained models of ../shared where present. */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ConvertOptions } from "../../converter/convert.ts";
import { digits } from "../../examples/digits.ts";
import { convert } from "../../targets/converter.ts";
import { load, scalar } from "../../targets/node/index.ts";

export interface Case { name: string; file: string; digest: string }

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

const variants: Record<string, ConvertOptions> = { float32: { precision: "float32" }, int8: { samples }, "int8 tflite": { samples, rounding: "tflite" }, "int8 7-bit": { samples, weightBits: 7 } };

/** @returns the cases, written to `folder`, and what could not be converted */
export async function makeCases(folder: string): Promise<{ cases: Case[]; refused: string[] }> {
  mkdirSync(folder, { recursive: true });
  const cases: Case[] = [], refused: string[] = [];
  for (const source of sources()) for (const [variant, options] of Object.entries(variants).slice(0, examples.includes(source) ? 4 : 2)) {
    const name = `${examples.includes(source) ? path.basename(source) : path.basename(path.dirname(source))} ${variant}`, file = `case-${cases.length}.octavo`;
    try {
      const { model } = await convert(readFileSync(source), { name: path.basename(source), ...options });
      writeFileSync(path.join(folder, file), model);
      cases.push({ name, file, digest: (await load(model, { builds: [scalar] })).selfTest().digest });
    } catch (error) {
      refused.push(`${name}: ${(error as Error).message}`);
    }
  }
  writeFileSync(path.join(folder, "cases.json"), JSON.stringify(cases));
  return { cases, refused };
}
