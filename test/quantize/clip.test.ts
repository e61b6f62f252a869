/** What each method makes of distributions whose best range is known. */
import { expect, test } from "vitest";
import { clipRange, methods, type Method } from "../../converter/quantize/clip.ts";
import { createHistogram, record } from "../../converter/quantize/histogram.ts";
import { normals, random } from "./nets.ts";

const clip = (values: Float32Array, method: Method, percentile = 99.99) => {
  const h = createHistogram();
  record(h, values);
  return clipRange(h, { method, percentile, levels: 256 });
};
const squaredError = (values: Float32Array, [low, high]: readonly [number, number]) => {
  const step = (high - low) / 255;
  return values.reduce((sum, v) => sum + (Math.max(low, Math.min(high, Math.round(v / step) * step)) - v) ** 2, 0);
};

test("minmax keeps everything", () => {
  const values = normals(random(1), 1000);
  expect(clip(values, "minmax")).toEqual([Math.min(...values), Math.max(...values)]);
});

test("percentile leaves its share beyond each bound", () => {
  const values = Float32Array.from({ length: 100001 }, (_, i) => i - 50000), [low, high] = clip(values, "percentile", 99);
  expect(Math.abs(low + 49000)).toBeLessThan(33);
  expect(Math.abs(high - 49000)).toBeLessThan(33);
});

test("percentile keeps the few values of a small tensor", () => {
  expect(clip(normals(random(8), 500), "percentile")).toEqual(clip(normals(random(8), 500), "minmax"));
});

test("entropy leaves a lone outlier out, and an even distribution whole", () => {
  const outlier = Float32Array.from([...normals(random(5), 50000), 400]);
  expect(clip(outlier, "entropy")[1]).toBeLessThan(100);
  const [low, high] = clip(Float32Array.from({ length: 50000 }, (_, i) => i / 25000 - 1), "entropy");
  expect(high - low).toBeGreaterThan(1.9);
});

test("mse has the least squared error of all methods", () => {
  const next = random(6);
  for (const values of [normals(next, 30000), normals(next, 30000).map((v) => v ** 3), normals(next, 30000).map((v) => Math.max(0, v)) ]) {
    const least = squaredError(values, clip(values, "mse"));
    for (const method of methods) expect(least).toBeLessThanOrEqual(squaredError(values, clip(values, method)) * 1.02);
  }
});

test.each(methods)("%s of zeros and of a constant", (method) => {
  expect(clip(new Float32Array(4), method)).toEqual([0, 0]);
  const [low, high] = clip(new Float32Array(4).fill(3), method);
  expect(low).toBeLessThanOrEqual(3);
  expect(high).toBeGreaterThanOrEqual(2.99);
});
