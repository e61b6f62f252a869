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

test("a dense-only bundle runs, equals load, and has no other kernel", async () => {
  const { model } = await denseModel(32, 10), x = random(2).floats(32), wasm = await bundle(model, build);
  const exports = new WebAssembly.Instance(new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>), {}).exports as Record<string, CallableFunction> & { memory: WebAssembly.Memory };
  new Float32Array(exports.memory.buffer, exports.octavo_input!(0), 32).set(x);
  exports.octavo_run!();
  expect(new Float32Array(exports.memory.buffer, exports.octavo_output!(0), 10)).toEqual((await load(model, { builds: [simd] })).run(x));
  expect(wasm.length - model.length).toBeLessThan(build.length / 10);
  expect(WebAssembly.Module.imports(new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>))).toEqual([]);
});
