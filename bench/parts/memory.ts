/** `--memory`: linear memory after loading a model, and that runs allocate nothing: heap and memory before and after. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import v8 from "node:v8";
import vm from "node:vm";
import { convert } from "../../converter/convert.ts";
import { root } from "../../scripts/engines/tools.ts";
import { load, type Model } from "../../targets/node/index.ts";
import type { Part } from "../figures.ts";
import { modelsFolder } from "../trained.ts";

/** kws where it is at hand, else the digits of the examples. */
export async function smallModel(): Promise<{ name: string; file: Uint8Array }> {
  const kws = path.join(modelsFolder, "kws_int8.tflite"), digits = path.join(root, "examples/models/digits-cnn.h5");
  if (existsSync(kws)) return { name: "kws", file: (await convert(new Uint8Array(readFileSync(kws)), { name: "kws.tflite" })).model };
  return { name: "digits-cnn", file: (await convert(new Uint8Array(readFileSync(digits)), { name: "digits-cnn.h5", precision: "float32" })).model };
}

function collector(): () => void {
  v8.setFlagsFromString("--expose-gc");
  return vm.runInNewContext("gc") as () => void;
}

/** Bytes of heap in use after a collection, and of linear memory. */
function state(model: Model, collect: () => void): { heap: number; linear: number } {
  collect();
  const { memory } = (model as unknown as { exports: { memory: WebAssembly.Memory } }).exports;
  return { heap: process.memoryUsage().heapUsed, linear: memory.buffer.byteLength };
}

export const memory: Part = {
  name: "memory", better: "less", tolerance: 0.01,
  async measure({ runs }) {
    const { name, file } = await smallModel(), model = await load(file), sizeOf = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1), collect = collector();
    const x = new Float32Array(sizeOf(model.inputs[0]!.shape)), y = new Float32Array(sizeOf(model.outputs[0]!.shape));
    for (let i = 0; i < 10_000; i++) model.runInto(x, y);
    const before = state(model, collect);
    for (let i = 0; i < runs; i++) model.runInto(x, y);
    const uncollected = process.memoryUsage().heapUsed, after = state(model, collect);
    console.log(`\n${name}: ${file.length} bytes of file, ${model.memory.arena} of arena, ${model.memory.linear} of linear memory
${runs.toLocaleString("en")} runs: heap ${before.heap} -> ${uncollected} bytes (${after.heap} after a collection), linear memory ${before.linear} -> ${after.linear} bytes`);
    return { [`linear memory of ${name}`]: model.memory.linear, [`linear memory of ${name} after the runs`]: after.linear };
  },
};
