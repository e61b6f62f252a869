/** Losses of a batch and their gradients by the prediction. */
import type { LossKind, TrainAttributes } from "../ops.train.ts";
import type { Value } from "./value.ts";

/** Loss of a row and its gradient. */
type Row = (x: number[], target: number[], parameter: number) => { l: number; d: number[] };

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]) => sum(values) / values.length;

/** log softmax(x / T) */
function logSoftmax(x: readonly number[], T = 1): number[] {
  const most = Math.max(...x.map((v) => v / T)), logSum = most + Math.log(sum(x.map((v) => Math.exp(v / T - most))));
  return x.map((v) => v / T - logSum);
}

/** Mean over the elements of a row. */
const elementwise = (l: (e: number, parameter: number) => number, d: (e: number, parameter: number) => number): Row => (x, q, parameter) =>
  ({ l: mean(x.map((v, i) => l(v - q[i]!, parameter))), d: x.map((v, i) => d(v - q[i]!, parameter) / x.length) });

const rows: Record<LossKind, Row> = {
  softmaxCrossEntropy: (x, q) => {
    const logs = logSoftmax(x), mass = sum(q);
    return { l: sum(logs.map((v, i) => (q[i] === 0 ? 0 : -q[i]! * v))), d: logs.map((v, i) => mass * Math.exp(v) - q[i]!) };
  },
  sigmoidCrossEntropy: (x, q) => ({
    l: mean(x.map((v, i) => Math.max(v, 0) - v * q[i]! + Math.log1p(Math.exp(-Math.abs(v))))), d: x.map((v, i) => (1 / (1 + Math.exp(-v)) - q[i]!) / x.length),
  }),
  meanSquaredError: elementwise((e) => e * e, (e) => 2 * e),
  meanAbsoluteError: elementwise(Math.abs, (e) => (e === 0 ? 0 : Math.sign(e))),
  huber: elementwise((e, delta) => (Math.abs(e) > delta ? delta * (Math.abs(e) - delta / 2) : (e * e) / 2), (e, delta) => Math.min(Math.max(e, -delta), delta)),
  distillation: (x, teacher, T) => {
    const [logs, logTeacher] = [logSoftmax(x, T), logSoftmax(teacher, T)];
    return { l: T * T * sum(logs.map((v, i) => Math.exp(logTeacher[i]!) * (logTeacher[i]! - v))), d: logs.map((v, i) => T * (Math.exp(v) - Math.exp(logTeacher[i]!))) };
  },
  negativeLogLikelihood: (x, q) => ({ l: sum(x.map((v, i) => (q[i] === 0 ? 0 : -q[i]! * v))), d: q.map((v) => -v) }),
};

/** loss = Σ weight · l, d = weight · ∂l; a row counts weights[n] over the rows of its sample, n. */
export function loss({ kind, labels: form, parameter }: TrainAttributes["loss"], [prediction, labels, weights]: Value[], [total, d]: Value[]): void {
  const shape = prediction!.shape, C = shape.at(-1)!, count = prediction!.data.length / C, perSample = count / shape[0]!;
  let result = 0;
  for (let row = 0; row < count; row++) {
    const weight = weights!.data[Math.floor(row / perSample)]! / perSample;
    if (weight === 0) continue;
    const x = [...prediction!.data.subarray(row * C, (row + 1) * C)], target = form === "index" ? oneHot(labels!.data[row]!, C) : [...labels!.data.subarray(row * C, (row + 1) * C)];
    const found = rows[kind](x, target, parameter);
    result += weight * found.l;
    d?.data.set(found.d.map((v) => weight * v), row * C);
  }
  if (total) total.data[0] = result;
}

/** A class that is none of 0 … C − 1 makes the loss NaN. */
const oneHot = (k: number, C: number): number[] => Array.from({ length: C }, (_, c) => (c === k ? 1 : c === 0 && !(Number.isInteger(k) && k >= 0 && k < C) ? NaN : 0));
