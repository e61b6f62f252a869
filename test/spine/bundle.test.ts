/** A bundle holds the model and the kernels that it calls, nothing else. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { bundle } from "../../converter/bundle/bundle.ts";
import { compile } from "../../converter/compile.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { load, simd } from "../../targets/node/index.ts";
import { random } from "../kernels/random.ts";

const build = readFileSync(path.resolve(import.meta.dirname, "../../build/simd.wasm"));

function denseModel(I: number, O: number) {
  const b = new GraphBuilder("test", "dense"), r = random(1);
  const x = b.input("x", "float32", [1, I]), w = b.constant("w", "float32", [O, I], r.floats(O * I));
  b.output(b.add("dense", [x, w], { clamp: [-Infinity, Infinity] }, ["y"]));
  return compile(b.graph);
}

/** A convolution that one dense layer follows: both kernels. */
function convolutionModel() {
  const b = new GraphBuilder("test", "conv"), r = random(1), clamp: [number, number] = [-Infinity, Infinity];
  const y = b.add("conv2d", [b.input("x", "float32", [1, 4, 4, 2]), b.constant("w", "float32", [3, 3, 3, 2], r.floats(54))], { stride: [1, 1], dilation: [1, 1], pad: [0, 0, 0, 0], groups: 1, clamp });
  b.output(b.add("dense", [b.add("reshape", [y], { shape: [1, 12] }), b.constant("v", "float32", [10, 12], r.floats(120))], { clamp }, ["y"]));
  return compile(b.graph);
}

/** Bytes of a bundle beside the model file. */
const codeOf = async ({ model }: { model: Uint8Array }) => (await bundle(model, build)).length - model.length;

test("a dense-only bundle runs, equals load, and has no other kernel", async () => {
  const { model } = await denseModel(32, 10), x = random(2).floats(32), wasm = await bundle(model, build);
  const exports = new WebAssembly.Instance(new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>), {}).exports as Record<string, CallableFunction> & { memory: WebAssembly.Memory };
  new Float32Array(exports.memory.buffer, exports.octavo_input!(0), 32).set(x);
  exports.octavo_run!();
  expect(new Float32Array(exports.memory.buffer, exports.octavo_output!(0), 10)).toEqual((await load(model, { builds: [simd] })).run(x));
  expect(WebAssembly.Module.imports(new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>))).toEqual([]);
});

test("the convolution is in the bundle that calls it, and not in the one that does not", async () => {
  const dense = await codeOf(await denseModel(32, 10)), both = await codeOf(await convolutionModel());
  expect(dense).toBeLessThan(build.length / 8);
  expect(both - dense).toBeGreaterThan(1500); // conv2dF32, its packing and its product
});
