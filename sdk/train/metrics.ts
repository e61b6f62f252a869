/** Figures of merit of the training forward pass and of the committed model. */
import type { Model } from "../model.ts";
import type { Named } from "../values.ts";
import { fillPart, largest, type Samples } from "./samples.ts";
import { inOrder } from "./shuffle.ts";
import type { Memory, Task } from "./memory.ts";

export interface Metrics {
  /** Mean over the samples, as `convert` fixed it. */
  loss: number;
  /** Fraction of right rows (sigmoid: of right values); undefined for losses of regression. */
  accuracy?: number;
}

export const isRegression = ({ info }: Task): boolean => ["meanSquaredError", "meanAbsoluteError", "huber"].includes(info.loss);

/** Answers that a sample counts: rows, or values where each is a yes or no of its own. */
export const answersOf = (task: Task): number => (task.info.loss === "sigmoidCrossEntropy" ? task.outputSize : task.rows);

/**
 * Right answers of sample `n`.
 * @param y f32 [rows, classes] from `at` on · @param threshold from which on a value of a sigmoid loss means yes: 0 of logits
 */
export function hits(task: Task, y: ArrayLike<number>, at: number, labels: ArrayLike<number>, n: number, threshold = 0): number {
  const { info, rows, classes, outputSize, labelSize } = task, label = n * labelSize;
  let count = 0;
  if (info.loss === "sigmoidCrossEntropy") {
    for (let i = 0; i < outputSize; i++) if (y[at + i]! >= threshold === labels[label + i]! >= 0.5) count++;
    return count;
  }
  for (let r = 0; r < rows; r++) {
    const truth = info.labels === "index" ? labels[label + r]! : largest(labels, label + r * classes, classes);
    if (largest(y, at + r * classes, classes) === truth) count++;
  }
  return count;
}

/** What was added up over parts of batches. */
export interface Sums { loss: number; weight: number; hits: number; samples: number }

export const noSums = (): Sums => ({ loss: 0, weight: 0, hits: 0, samples: 0 });

/** A part that just ran: its first `rows` rows are samples order[from], …; `loss`: their weighted losses added up. */
export function addPart(sums: Sums, m: Memory, samples: Samples, order: ArrayLike<number>, from: number, rows: number, loss: number, weight: number): void {
  sums.loss += loss;
  sums.weight += weight;
  sums.samples += rows;
  if (isRegression(m.task)) return;
  for (let r = 0; r < rows; r++) sums.hits += hits(m.task, m.output, r * m.task.outputSize, samples.labels, order[from + r]!);
}

export function metricsOf(task: Task, sums: Sums): Metrics {
  const loss = sums.loss / (sums.weight || 1);
  return isRegression(task) ? { loss } : { loss, accuracy: sums.hits / (sums.samples * answersOf(task)) };
}

/** Loss and accuracy in float, with the masters of now; a part of a batch per turn. */
export function* evaluation(m: Memory, samples: Samples): Generator<undefined, Metrics> {
  const { part } = m.task.info, sums = noSums(), order = inOrder(samples.count), ones = new Float64Array(samples.count).fill(1);
  for (let from = 0; from < samples.count; from += part) {
    const rows = Math.min(part, samples.count - from);
    fillPart(m, samples, order, from, rows, ones, rows);
    addPart(sums, m, samples, order, from, rows, m.forward() * rows, rows);
    yield;
  }
  return metricsOf(m.task, sums);
}

export interface Score { metric: "accuracy" | "meanSquaredError" | "meanAbsoluteError"; value: number }

/** How good the model itself is, the one that `run` runs. States of a stream are kept. */
export function score(model: Model, task: Task, samples: Samples): Score {
  const states = model.getState(), output = model.outputs[0]!.name, threshold = task.info.outputs[0]!.activation === "sigmoid" ? 0.5 : 0;
  const metric = !isRegression(task) ? "accuracy" : task.info.loss === "meanAbsoluteError" ? "meanAbsoluteError" : "meanSquaredError";
  let sum = 0;
  model.reset();
  for (let n = 0; n < samples.count; n++) {
    const y = (model.run(Object.fromEntries(model.inputs.map((p, k) => [p.name, samples.input(k, n)]))) as Named)[output]!;
    sum += metric === "accuracy" ? hits(task, y, 0, samples.labels, n, threshold) : error(task, y, samples.labels, n, metric);
  }
  model.setState(states);
  return { metric, value: sum / (samples.count * (metric === "accuracy" ? answersOf(task) : task.outputSize)) };
}

function error({ outputSize }: Task, y: ArrayLike<number>, labels: ArrayLike<number>, n: number, metric: Score["metric"]): number {
  let sum = 0;
  for (let i = 0; i < outputSize; i++) {
    const d = y[i]! - labels[n * outputSize + i]!;
    sum += metric === "meanAbsoluteError" ? Math.abs(d) : d * d;
  }
  return sum;
}

/** By more than `tolerance`; NaN is worse than anything. */
export function isWorse(after: Score, before: Score, tolerance: number): boolean {
  return after.metric === "accuracy" ? !(after.value >= before.value - tolerance) : !(after.value <= before.value + tolerance);
}
