/** Figures of merit. Outputs come one sample at a time; every metric is a sum until `value` is asked. */
import { OctavoError } from "../../sdk/errors.ts";
import type { NpyArray } from "./npy.ts";

export const metricNames = ["top1", "top5", "mse", "mae", "auc"] as const;
export type MetricName = (typeof metricNames)[number];

export interface Metric {
  /** @param y the model's first output for sample `i` · @param x its first input */
  add(i: number, y: ArrayLike<number>, x: ArrayLike<number>): void;
  /** Fractions for top1, top5 and auc; the mean per value for mse and mae. */
  value(): number;
}

const refuse = (problem: string): never => { throw new OctavoError("ERR_OCTAVO_SHAPE", `eval: labels: ${problem}.`); };

/**
 * @param labels classes [N] or [N,…] (one per row of the output), one-hot rows, or for mse and mae the wanted outputs
 * @param outputShape of one sample's output
 */
export function metricOf(name: MetricName, labels: NpyArray, count: number, outputShape: readonly number[]): Metric {
  const size = outputShape.reduce((n, d) => n * d, 1);
  if (name === "mse") return regression(labels, count, size, (d) => d * d);
  if (name === "mae") return regression(labels, count, size, Math.abs);
  if (name === "auc") return auc(labels, count);
  return topK(name === "top1" ? 1 : 5, labels, count, size, outputShape.at(-1) ?? 1);
}

function regression(labels: NpyArray, count: number, size: number, loss: (d: number) => number): Metric {
  const { data } = labels;
  if (data.length !== count * size) refuse(`${data.length} values, expected ${count} samples of ${size} outputs. Use top1 for classes`);
  let sum = 0, n = 0;
  return {
    add: (i, y) => { for (let k = 0; k < size; k++, n++) sum += loss(y[k]! - data[i * size + k]!); },
    value: () => sum / n,
  };
}

/** The class of each row: as given, or the largest of a one-hot row. */
function classesOf(labels: NpyArray, rows: number, classes: number): ArrayLike<number> {
  const { data } = labels;
  if (data.length === rows) {
    const wrong = data.findIndex((v) => !Number.isInteger(v) || v < 0 || v >= Math.max(2, classes));
    if (wrong >= 0) refuse(`label ${wrong} is ${data[wrong]}, expected a class from 0 to ${Math.max(2, classes) - 1}. Use --metric mse for values`);
    return data;
  }
  if (data.length !== rows * classes) refuse(`${data.length} values, expected ${rows} classes or ${rows} rows of ${classes}`);
  return Array.from({ length: rows }, (_, r) => largest(data.subarray(r * classes, (r + 1) * classes)));
}

function largest(y: ArrayLike<number>): number {
  let best = 0;
  for (let k = 1; k < y.length; k++) if (y[k]! > y[best]!) best = k;
  return best;
}

/**
 * A hit: fewer than k classes are above the true one; equal ones, which int8 outputs often are, stand side by side. One
 * output is a probability. Source: TensorFlow, in_top_k.
 */
function topK(k: number, labels: NpyArray, count: number, size: number, classes: number): Metric {
  const perSample = size / classes, truth = classesOf(labels, count * perSample, classes);
  let hits = 0, n = 0;
  const rank = (y: ArrayLike<number>, at: number, label: number) => {
    let before = 0;
    for (let c = 0; c < classes; c++) if (y[at + c]! > y[at + label]!) before++;
    return Number.isNaN(y[at + label]) ? classes : before;
  };
  const isHit = (y: ArrayLike<number>, at: number, label: number) => (classes === 1 ? (y[at]! >= 0.5 ? 1 : 0) === label : rank(y, at, label) < k);
  return {
    add: (i, y) => { for (let r = 0; r < perSample; r++, n++) if (isHit(y, r * classes, truth[i * perSample + r]!)) hits++; },
    value: () => hits / n,
  };
}

/** Larger means class 1: one output itself, of two the difference, of a reconstruction its mean squared error. */
export function scoreOf(y: ArrayLike<number>, x: ArrayLike<number>): number {
  if (y.length === 1) return y[0]!;
  if (y.length === 2) return y[1]! - y[0]!;
  if (y.length !== x.length) refuse(`auc needs 1 or 2 outputs, or as many as inputs (a reconstruction); the model has ${y.length}`);
  let sum = 0;
  for (let k = 0; k < y.length; k++) sum += (y[k]! - x[k]!) ** 2;
  return sum / y.length;
}

/** Area under the ROC curve: (Σ ranks of positives − P(P+1)/2) / (P·N), equal scores share their mean rank. */
export function areaUnderCurve(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = Array.from(scores, (_, i) => i).sort((a, b) => scores[a]! - scores[b]!);
  let positives = 0, rankSum = 0;
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && scores[order[to]!] === scores[order[from]!]) to++;
    for (let k = from; k < to; k++) if (labels[order[k]!]) { positives++; rankSum += (from + 1 + to) / 2; }
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * (order.length - positives));
}

function auc(labels: NpyArray, count: number): Metric {
  const { data } = labels, scores = new Float64Array(count);
  if (data.length !== count) refuse(`${data.length} values, expected ${count}`);
  if (!data.some((v) => v !== 0) || !data.some((v) => v === 0)) refuse("auc needs both classes, found one");
  return {
    add: (i, y, x) => { scores[i] = scoreOf(y, x); if (Number.isNaN(scores[i])) refuse(`the score of sample ${i} is NaN`); },
    value: () => areaUnderCurve(scores, data),
  };
}
