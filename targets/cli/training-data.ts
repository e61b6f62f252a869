/** Files on disk → the data set of a trainer. */
import { InvalidArgumentError } from "commander";
import type { Model, Named, Values } from "../../sdk/model.ts";
import type { Dataset, TrainingInfo } from "../../sdk/train/index.ts";
import { largest } from "../../sdk/train/samples.ts";
import { arrays } from "../../sdk/values.ts";
import { OctavoError } from "../../sdk/errors.ts";
import { openModel } from "./open.ts";
import { convertedSamples } from "./runner.ts";
import { readArray, readSamples, type Samples } from "./samples.ts";

/** Where labels come from: a file, or a model that answers. */
export interface LabelSource { labels?: string; teacher?: string }

export async function readDataset(model: Model, info: TrainingInfo, specs: readonly string[], option: string, { labels, teacher }: LabelSource): Promise<Dataset & { count: number }> {
  const samples = await readSamples(specs, model.inputs, option), x = joined(model, samples), { count } = samples;
  if (!teacher) return { x, count, labels: fitting((await readArray(labels!)).data, info, count) };
  const { distill } = await import("../node/train.ts");
  return { ...distill((await openModel(teacher, {})).model, x), count };
}

/** All samples of each input in one array. */
function joined(model: Model, samples: Samples): Named {
  const sizes = model.inputs.map((p) => p.shape.reduce((n, d) => n * d, 1));
  const x = Object.fromEntries(model.inputs.map((p, k): [string, Values] => [p.name, new arrays[p.dtype](sizes[k]! * samples.count)]));
  let n = 0;
  for (const one of convertedSamples(model, samples)) {
    model.inputs.forEach((p, k) => x[p.name]!.set(one[p.name]!, n * sizes[k]!));
    n++;
  }
  return x;
}

/** Classes for rows of one-hot numbers and the other way round, where the file wants the other; anything else is left to the trainer's checks. */
function fitting(labels: ArrayLike<number>, info: TrainingInfo, count: number): ArrayLike<number> {
  const { shape } = info.outputs[0]!, size = shape.reduce((n, d) => n * d, 1), classes = shape.at(-1) ?? 1, rows = (count * size) / classes;
  if (classes < 2 || labels.length !== (info.labels === "index" ? rows * classes : rows)) return labels;
  if (info.labels === "index") return Int32Array.from({ length: rows }, (_, r) => largest(labels, r * classes, classes));
  return Float32Array.from({ length: rows * classes }, (_, i) => Number(labels[Math.floor(i / classes)] === i % classes));
}

/** The last `held` samples apart from those before. */
export function split({ x, labels, count }: Dataset & { count: number }, held: number): { train: Dataset; held: Dataset } {
  const cut = (from: number, to: number): Dataset => ({
    x: Object.fromEntries(Object.entries(x as Named).map(([name, v]) => [name, v.subarray((v.length / count) * from, (v.length / count) * to)])),
    labels: Array.prototype.slice.call(labels, (labels.length / count) * from, (labels.length / count) * to),
  });
  return { train: cut(0, count - held), held: cut(count - held, count) };
}

/** "balanced", or numbers. */
export const parseWeights = (text: string): "balanced" | number[] => {
  const weights = text.split(",").map((w) => (w.trim() ? Number(w) : NaN));
  if (text !== "balanced" && weights.some((w) => !(w >= 0))) throw new InvalidArgumentError("Expected balanced, or numbers from 0 on with commas between.");
  return text === "balanced" ? text : weights;
};

/** Samples ÷ (classes · samples of the class), as scikit-learn balances. */
export function balanced({ labels }: Dataset, { labels: kind, outputs }: TrainingInfo): number[] {
  if (kind !== "index") throw new OctavoError("ERR_OCTAVO_SHAPE", "train: --class-weights balanced counts class numbers, and the loss of this file takes values. Give a number per class.");
  const classes = outputs[0]!.shape.at(-1) ?? 1, counts = new Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]! += 1;
  return counts.map((n) => (n ? labels.length / (classes * n) : 0));
}
