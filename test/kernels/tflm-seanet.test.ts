/** TFLite Micro's SEANet layers, int16 activations by int8 weights: every build gives the golden integers. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { convert } from "../../converter/convert.ts";
import { load, type Values } from "../../targets/node/index.ts";
import { builds } from "./run.ts";

const shared = process.env.OCTAVO_SHARED ?? path.resolve(import.meta.dirname, "../../../shared");
const folder = path.join(shared, "conformance/tflm-seanet");
const models = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith(".tflite")).sort() : [];

test.skipIf(models.length)("SEANet of TFLite Micro: ../shared is absent, set OCTAVO_SHARED");

const numbers = (file: string) => readFileSync(file, "utf8").split(/[\s,]+/).filter(Boolean).map(Number);
const integers = { int8: Int8Array, int16: Int16Array, int32: Int32Array };

/** One file per input and per model of golden values: NAME_input0_int16.csv, NAME_golden_int16.csv. */
function valuesOf(stem: string, kind: string): number[] {
  const folder = path.dirname(stem), file = readdirSync(folder).find((f) => f.startsWith(`${path.basename(stem)}_${kind}_`));
  return numbers(path.join(folder, file!));
}

test.each(models)("%s", async (model) => {
  const file = path.join(folder, model), stem = file.replace(/\.tflite$/, ""), bytes = new Uint8Array(readFileSync(file));
  const { model: converted } = await convert(bytes, { name: model, rounding: "tflite" }), want = valuesOf(stem, "golden");
  for (const build of builds) {
    const loaded = await load(converted, { builds: [build] });
    const inputs = loaded.inputs.map((t, i) => [t.name, integers[t.rawDtype as keyof typeof integers].from(valuesOf(stem, `input${i}`))] as const);
    const outputs = loaded.runRaw(Object.fromEntries(inputs)) as Record<string, Values>;
    expect(Array.from(outputs[loaded.outputs[0]!.name] as Int16Array), build.name).toEqual(want);
  }
});
