/** Streaming histograms against the sorted data that they summarise. */
import { expect, test } from "vitest";
import { BINS, centre, createHistogram, quantile, record } from "../../converter/quantize/histogram.ts";
import { normals, random } from "./nets.ts";

const fromChunks = (chunks: Iterable<Float32Array>) => {
  const h = createHistogram();
  for (const chunk of chunks) record(h, chunk);
  return h;
};

test("counts do not depend on the order of the samples", () => {
  const next = random(1), chunks = Array.from({ length: 40 }, (_, i) => normals(next, 100, 10 ** (i / 10 - 3)));
  const forward = fromChunks(chunks), backward = fromChunks([...chunks].reverse());
  expect(backward.width).toBe(forward.width);
  const filled = (h: typeof forward) => [...h.counts].flatMap((n, i) => (n ? [[h.first + i, n]] : []));
  expect(filled(backward)).toEqual(filled(forward));
});

test("every value lies in the bin that counts it", () => {
  const values = normals(random(2), 5000, 3), h = fromChunks([values.subarray(0, 100), values.subarray(100)]);
  const expected = new Float64Array(BINS);
  for (const v of values) expected[Math.floor(v / h.width) - h.first]!++;
  expect([...h.counts]).toEqual([...expected]);
  expect(h.counts.reduce((a, b) => a + b) + h.zeros).toBe(5000);
});

test("quantiles are those of the sorted values, to one bin", () => {
  const values = normals(random(3), 20000), h = fromChunks([values]), sorted = values.toSorted();
  for (const share of [0.0001, 0.01, 0.3, 0.5, 0.9, 0.9999]) expect(Math.abs(quantile(h, share) - sorted[Math.floor(share * 20000)]!)).toBeLessThanOrEqual(h.width);
  expect(quantile(h, 1)).toBe(h.max);
});

test("zeros, constants, tiny and huge values", () => {
  expect(fromChunks([new Float32Array(9)])).toMatchObject({ zeros: 9, total: 9, min: 0, max: 0 });
  const constant = fromChunks([new Float32Array(5).fill(7)]);
  expect(constant.counts.reduce((a, b) => a + b)).toBe(5);
  const wide = fromChunks([Float32Array.of(1e-45), Float32Array.of(3e38, -3e38)]);
  expect(wide.counts.reduce((a, b) => a + b)).toBe(3);
  expect(centre(wide, BINS - 1)).toBeGreaterThan(0);
});

test("an outlier merges bins, and loses no count", () => {
  const h = fromChunks([normals(random(4), 1000), Float32Array.of(1e6)]);
  expect(h.counts.reduce((a, b) => a + b)).toBe(1001);
  expect(h.max).toBe(1e6);
});
