/** Data of the user → checked samples → rows of a batch. */
import { OctavoError } from "../errors.ts";
import type { Model, TensorInfo } from "../model.ts";
import { arrays, type Named, type Values } from "../values.ts";
import type { Memory, Task } from "./memory.ts";

export interface Dataset {
  /** Samples one after another, each of the input's shape, as `model.run` takes them; by name where the model has several inputs. */
  x: Values | Named;
  /** Per sample a class (per row of a sequence), or as many numbers as the output has. */
  labels: ArrayLike<number>;
}

export interface Samples {
  count: number;
  /** Values of input `k` for sample `n`: a view. */
  input(k: number, n: number): Values;
  /** `labelSize` numbers per sample. */
  labels: ArrayLike<number>;
}

const refuse = (code: "SHAPE" | "DTYPE", problem: string): never => { throw new OctavoError(`ERR_OCTAVO_${code}`, `train: ${problem}`); };

/** @throws OctavoError ERR_OCTAVO_SHAPE for sizes and labels that do not fit, ERR_OCTAVO_DTYPE for another type of array */
export function samplesOf(model: Model, task: Task, { x, labels }: Dataset): Samples {
  const inputs = model.inputs.map((port) => inputOf(port, x, model.inputs)), sizes = task.inputSizes;
  const counts = inputs.map((values, k) => values.length / Math.max(1, sizes[k]!)), count = counts[0] ?? 0;
  const odd = counts.findIndex((n) => !Number.isInteger(n) || n < 1);
  if (odd >= 0) refuse("SHAPE", `input "${model.inputs[odd]!.name}" has ${inputs[odd]!.length} values, expected a multiple of ${sizes[odd]} (shape [${model.inputs[odd]!.shape.join(",")}] per sample).`);
  if (counts.some((n) => n !== count)) refuse("SHAPE", `the inputs hold ${counts.join(", ")} samples, expected the same number of each.`);
  checkLabels(labels, count, task);
  return { count, labels, input: (k, n) => inputs[k]!.subarray(n * sizes[k]!, (n + 1) * sizes[k]!) };
}

function inputOf(port: TensorInfo, x: Values | Named, ports: readonly TensorInfo[]): Values {
  const values = ArrayBuffer.isView(x) ? (ports.length === 1 ? x : undefined) : x?.[port.name], wanted = arrays[port.dtype];
  if (values === undefined) refuse("SHAPE", `no values for input "${port.name}", expected the inputs { ${ports.map((p) => p.name).join(", ")} } by name.`);
  if (!(values instanceof wanted)) refuse("DTYPE", `input "${port.name}" is ${Object.prototype.toString.call(values).slice(8, -1)}, expected ${wanted.name}.`);
  return values!;
}

function checkLabels(labels: ArrayLike<number>, count: number, { info, classes, rows, labelSize, outputSize }: Task): void {
  const length = labels?.length, index = info.labels === "index";
  const wanted = !index ? `${outputSize} values per sample` : rows > 1 ? `a class per row, ${rows} rows per sample` : "a class per sample";
  if (length !== count * labelSize) refuse("SHAPE", `${length ?? "no"} labels for ${count} samples, expected ${count * labelSize}: ${wanted}. ${remedy(length, count, rows, outputSize, index)}`);
  for (let i = 0; i < length; i++) {
    const v = labels[i]!;
    if (index ? !(Number.isInteger(v) && v >= 0 && v < classes) : !Number.isFinite(v)) refuse("SHAPE", `label ${i} is ${v}, expected ${index ? `a class from 0 to ${classes - 1}` : "a finite number"}.`);
  }
}

function remedy(length: number, count: number, rows: number, outputSize: number, index: boolean): string {
  if (index && length === count * outputSize) return "Give class numbers, or convert with a loss that takes distributions.";
  return !index && length === count * rows ? "Give one-hot rows, or convert with a loss that takes class numbers." : "Give as many labels as samples.";
}

/**
 * Samples order[from], order[from + 1], … become the first `rows` rows of a part of the batch; the rest is zero and counts nothing.
 * @param weights per sample, divided by `total` · rows ≤ part
 */
export function fillPart(m: Memory, samples: Samples, order: ArrayLike<number>, from: number, rows: number, weights: ArrayLike<number>, total: number): void {
  const { inputSizes, labelSize } = m.task;
  for (let r = 0; r < rows; r++) {
    const n = order[from + r]!;
    inputSizes.forEach((size, k) => m.inputs[k]!.set(samples.input(k, n), r * size));
    for (let i = 0; i < labelSize; i++) m.labels[r * labelSize + i] = samples.labels[n * labelSize + i]!;
    m.weights[r] = weights[n]! / total;
  }
  m.inputs.forEach((x, k) => x.fill(0, rows * inputSizes[k]!));
  m.labels.fill(0, rows * labelSize);
  m.weights.fill(0, rows);
}

/**
 * What each sample counts: 1, or the weight of its class.
 * @throws OctavoError ERR_OCTAVO_SHAPE where samples have no single class, or weights are not one number ≥ 0 per class
 */
export function sampleWeights(samples: Samples, task: Task, classWeights?: ArrayLike<number>): Float64Array {
  const weights = new Float64Array(samples.count).fill(1);
  if (!classWeights) return weights;
  const { rows, classes } = task, expected = Math.max(2, classes);
  if (rows !== 1 || ["meanSquaredError", "meanAbsoluteError", "huber"].includes(task.info.loss)) refuse("SHAPE", `classWeights need one class per sample, the loss is ${task.info.loss} over ${rows} rows.`);
  if (classWeights.length !== expected || !Array.from(classWeights).every((w) => w >= 0 && w < Infinity)) refuse("SHAPE", `classWeights are [${Array.from(classWeights).join(", ")}], expected ${expected} numbers from 0 on.`);
  return weights.map((_, n) => classWeights[classOf(samples.labels, n, task)]!);
}

/** The class that the label of a one-row sample means. */
function classOf(labels: ArrayLike<number>, n: number, { info, classes }: Task): number {
  if (info.labels === "index") return labels[n]!;
  return classes === 1 ? Number(labels[n]! >= 0.5) : largest(labels, n * classes, classes);
}

/** Position of the first largest of `count` values from `at` on. */
export function largest(values: ArrayLike<number>, at: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (values[at + i]! > values[at + best]!) best = i;
  return best;
}
