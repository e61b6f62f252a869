import { describe, expect, test } from "vitest";
import { areaUnderCurve, metricOf, type MetricName } from "../../targets/cli/metrics.ts";
import type { NpyArray } from "../../targets/cli/npy.ts";

const ints = (...values: number[]): NpyArray => ({ dtype: "uint8", shape: [values.length], data: Uint8Array.from(values) });
const floats = (shape: number[], ...values: number[]): NpyArray => ({ dtype: "float32", shape, data: Float32Array.from(values) });

function value(name: MetricName, labels: NpyArray, outputs: number[][], shape = [1, outputs[0]!.length], inputs = outputs): number {
  const metric = metricOf(name, labels, outputs.length, shape);
  outputs.forEach((y, i) => metric.add(i, y, inputs[i]!));
  return metric.value();
}

describe("top1 and top5", () => {
  test("counts hits", () => expect(value("top1", ints(0, 2, 1), [[3, 1, 2], [0, 1, 2], [5, 1, 0]])).toBeCloseTo(2 / 3, 12));
  test("equal outputs stand side by side", () => expect(value("top1", ints(0, 1, 2), [[1, 1, 0], [1, 1, 0], [1, 1, 0]])).toBeCloseTo(2 / 3));
  test("NaN is no hit", () => expect(value("top1", ints(0), [[NaN, NaN]])).toBe(0));
  test("top5 takes five", () => expect(value("top5", ints(4, 5), [[6, 5, 4, 3, 2, 1], [6, 5, 4, 3, 2, 1]])).toBe(0.5));
  test("one output is a probability", () => expect(value("top1", ints(1, 0, 1), [[0.9], [0.2], [0.4]])).toBeCloseTo(2 / 3, 12));
  test("one-hot labels", () => expect(value("top1", floats([2, 3], 0, 1, 0, 1, 0, 0), [[0, 5, 0], [0, 5, 0]])).toBe(0.5));
  test("a label per row of a sequence", () => expect(value("top1", ints(0, 1, 1, 1), [[9, 0, 0, 9], [9, 0, 0, 9]], [1, 2, 2])).toBe(0.75));
});

describe("mse, mae", () => {
  test("mean over all values", () => {
    expect(value("mse", floats([2, 2], 0, 0, 1, 1), [[1, 0], [1, 3]])).toBe(5 / 4);
    expect(value("mae", floats([2, 2], 0, 0, 1, 1), [[1, 0], [1, 3]])).toBe(3 / 4);
  });
});

describe("auc", () => {
  test("equals the fraction of ordered pairs", () => {
    const scores = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4], labels = [0, 0, 1, 1, 1, 0];
    let pairs = 0, won = 0;
    for (const [i, a] of scores.entries()) for (const [j, b] of scores.entries()) if (labels[i] === 1 && labels[j] === 0) { pairs++; won += a > b ? 1 : a === b ? 0.5 : 0; }
    expect(areaUnderCurve(scores, labels)).toBeCloseTo(won / pairs, 12);
  });
  test("two outputs are classes 0 and 1", () => expect(value("auc", ints(1, 0, 1, 0), [[0, 1], [1, 0], [0.4, 0.6], [0.45, 0.55]])).toBe(1));
  test("a reconstruction scores its squared error", () => expect(value("auc", ints(0, 1), [[1, 2, 3], [1, 2, 3]], [1, 3], [[1, 2, 3], [9, 2, 3]])).toBe(1));
});

describe("refuses labels that cannot be", () => {
  const cases: [string, MetricName, NpyArray, number[][], RegExp][] = [
    ["too few classes", "top1", ints(0), [[1, 0], [1, 0]], /1 values, expected 2 classes/], ["class out of range", "top1", ints(0, 7), [[1, 0], [1, 0]], /label 1 is 7/],
    ["fractions as classes", "top1", floats([1], 0.5), [[1, 0]], /0\.5/], ["mse of classes", "mse", ints(0, 1), [[1, 0], [1, 0]], /expected 2 samples of 2/],
    ["auc of one class", "auc", ints(1, 1), [[1], [0]], /both classes/], ["auc of many outputs", "auc", ints(1, 0), [[1, 2, 3], [1, 2, 3]], /1 or 2 outputs/], ["a score that is NaN", "auc", ints(1, 0), [[NaN], [0]], /NaN/],
  ];
  for (const [name, metric, labels, outputs, message] of cases) test(name, () => expect(() => value(metric, labels, outputs, undefined, [[1], [1]])).toThrow(message));
});
