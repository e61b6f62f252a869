/** The digit models of the package with training programs, and digits to train them on. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { convert, type ConvertOptions } from "../../converter/convert.ts";
import { digits } from "../../examples/digits.ts";
import { load, type Model } from "../../targets/node/index.ts";
import { trainer, type Dataset, type Trainer, type TrainerOptions } from "../../targets/node/train.ts";

export const PIXELS = 784, CLASSES = 10;
export type File = "digits-cnn.h5" | "digits-lstm.onnx";

/** `count` digits with their classes. */
export const data = (count: number, seed = 1): Dataset & { x: Float32Array; labels: Uint8Array } => digits(count, seed);
export const part = ({ x, labels }: ReturnType<typeof data>, from: number, to: number) => ({ x: x.subarray(PIXELS * from, PIXELS * to), labels: labels.subarray(from, to) });

const made = new Map<string, Promise<Uint8Array>>();

/** int8 unless the options say otherwise; the last layer is trainable unless they do. */
export function trainable(file: File, options: ConvertOptions = {}): Promise<Uint8Array> {
  const key = JSON.stringify([file, options]), { x } = digits(20, 2);
  const samples: ConvertOptions["samples"] = ([port]) => Array.from({ length: 20 }, (_, i) => ({ [port!.name]: x.subarray(PIXELS * i, PIXELS * (i + 1)) }));
  const source = readFileSync(path.resolve(import.meta.dirname, "../../examples/models", file));
  if (!made.has(key)) made.set(key, convert(source, { name: file, samples, trainable: "last", ...options }).then((c) => c.model));
  return made.get(key)!;
}

/** A model and its trainer. */
export async function pair(file: File = "digits-cnn.h5", { convert: how = {}, ...options }: TrainerOptions & { convert?: ConvertOptions } = {}): Promise<{ model: Model; trainer: Trainer }> {
  const model = await load(await trainable(file, how));
  return { model, trainer: trainer(model, options) };
}

/** Every parameter a little random: there is something to learn again. */
export function forgetAll(t: Trainer, seed = 1): void {
  let s = seed;
  const next = () => (s = (Math.imul(s, 1664525) + 1013904223) | 0) / 2 ** 31;
  t.setParameters(Object.fromEntries(Object.entries(t.parameters()).map(([name, { data, shape }]) => [name, data.map(() => (shape.length > 1 ? 0.1 * next() : 0))])));
}

export const code = (name: string, words = /./) => expect.objectContaining({ code: `ERR_OCTAVO_${name}`, message: expect.stringMatching(words) });
export const thrown = (call: () => unknown): unknown => { try { return call(); } catch (e) { return e; } };
