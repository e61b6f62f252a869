/** Spare classes: the model's own answers stay as they were, the new ones never win before they were trained. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { convert } from "../../converter/convert.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { withSpareClasses } from "../../converter/spare-classes.ts";
import { digits } from "../../examples/digits.ts";
import { load } from "../../targets/node/index.ts";

const OWN = 10, SPARE = 3, COUNT = 40, { x } = digits(COUNT, 5);
const source = (name: string) => readFileSync(path.resolve(import.meta.dirname, "../../examples/models", name));
const largest = (y: ArrayLike<number>) => Array.from(y).indexOf(Math.max(...Array.from(y)));

test.each([["digits-cnn.h5", "input_1"], ["digits-lstm.onnx", "input"]])("%s", async (name, input) => {
  const samples = Array.from({ length: COUNT }, (_, i) => ({ [input]: x.subarray(784 * i, 784 * (i + 1)) }));
  for (const options of [{ precision: "float32" as const }, { samples }]) {
    const plain = await load((await convert(source(name), { name, ...options })).model), wide = await load((await convert(source(name), { name, spareClasses: SPARE, ...options })).model);
    expect(wide.outputs[0]!.shape.at(-1)).toBe(OWN + SPARE);
    const a = plain.run(x), b = wide.run(x), row = (y: Float32Array, i: number, n: number) => y.subarray(i * n, (i + 1) * n);
    const same = samples.filter((_, i) => largest(row(a, i, OWN)) === largest(row(b, i, OWN + SPARE))).length;
    expect(same).toBeGreaterThanOrEqual(options.precision ? COUNT : COUNT - 1);
  }
});

test.each(["another operator at the end", "two outputs"])("refused: %s", (what) => {
  const b = new GraphBuilder("test", "net"), x = b.input("x", "float32", [1, 4]), y = b.add("dense", [x, b.constant("w", "float32", [3, 4], new Float32Array(12))], { clamp: [-Infinity, Infinity] });
  b.output(b.add("tanh", [y], { alpha: 0, beta: 0 }));
  if (what === "two outputs") b.output(y);
  expect(() => withSpareClasses(b.graph, 1)).toThrow(expect.objectContaining({ code: "ERR_OCTAVO_OPERATOR" }));
});
