/** States are carried from run to run, on floats and on integers alike. */
import { expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import type { Quantization } from "../../converter/ir/graph.ts";
import { load } from "../../targets/node/index.ts";

const q = (scale: number): { dtype: "int8"; quantization: Quantization } => ({ dtype: "int8", quantization: { scale: Float32Array.of(scale), zeroPoint: Int32Array.of(0), axis: 0 } });

/** y = x + s, s' = y. */
async function accumulator() {
  const b = new GraphBuilder("test", "sum"), clamp: [number, number] = [-Infinity, Infinity];
  const x = b.input("x", "int8", [1, 4], "", q(0.5).quantization);
  b.graph.tensors.set("s", { name: "s", shape: [1, 4], ...q(0.5) });
  b.output(b.add("add", [x, "s"], { clamp }, ["y"], q(0.5)));
  b.graph.states.push({ input: "s", output: "y", initial: Int8Array.of(0, 0, 0, 2) });
  return load((await compile(b.graph)).model);
}

test("run adds up, reset starts again", async () => {
  const model = await accumulator(), x = Float32Array.of(1, 2, 3, 4);
  expect(model.run(x)).toEqual(Float32Array.of(1, 2, 3, 5));
  expect(model.run(x)).toEqual(Float32Array.of(2, 4, 6, 9));
  model.reset();
  expect(model.run(x)).toEqual(Float32Array.of(1, 2, 3, 5));
});

test("runRaw carries the same states", async () => {
  const model = await accumulator();
  expect(model.runRaw(Int8Array.of(2, 4, 6, 8))).toEqual(Int8Array.of(2, 4, 6, 10));
  expect(model.runRaw(Int8Array.of(2, 4, 6, 8))).toEqual(Int8Array.of(4, 8, 12, 18));
});

test("one model serves several streams", async () => {
  const model = await accumulator(), x = Float32Array.of(1, 1, 1, 1);
  model.run(x);
  const first = model.getState();
  model.reset();
  model.run(x);
  model.run(x);
  model.setState(first);
  expect(model.run(x)).toEqual(Float32Array.of(2, 2, 2, 3));
  expect(() => model.setState(first.slice(1))).toThrow(/getState/);
});
