/** Every int8 .tflite of ../shared/models with TFLite's rounding: the integers of its reference kernels, from every build. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { convert } from "../../converter/convert.ts";
import { sizeOf } from "../../converter/ir/graph.ts";
import { load, type Values } from "../../targets/node/index.ts";
import fixture from "../fixtures/tflite-exact/models.json" with { type: "json" };
import { models } from "./models.ts";
import { builds } from "./run.ts";

/** Inputs that the slow ones are tested on; with OCTAVO_EXACT_ALL=1 all of them on all 100. */
const few: Record<string, number> = process.env.OCTAVO_EXACT_ALL ? {} : { mbv2_int8: 2, vww_int8: 20, person_int8: 20, resnet8_int8: 20 };

/** Steps of the LSTMs' inputs from −128. */
const inputScales: Record<string, number> = { mnistlstm: 1 / 255, speechlstm: 0.611438, dtln: 0.0685789 };

/** As test/fixtures/tflite-exact/models.py makes them. */
function madeInput(k: number, size: number): Int8Array {
  let state = Math.imul(k + 1, 2654435761) >>> 0 || 1;
  const byte = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 16) & 255;
  };
  const centre = byte() - 128, spread = 8 + (byte() >> 1), around = () => centre + (((byte() + byte() + byte() + byte() - 510) * spread) >> 8);
  return Int8Array.from({ length: size }, k % 4 === 0 ? () => byte() - 128 : () => Math.max(-128, Math.min(127, around())));
}

function digest(arrays: readonly Values[]): string {
  let h = 0x811c9dc5;
  for (const a of arrays) for (const b of new Uint8Array(a.buffer, a.byteOffset, a.byteLength)) h = Math.imul(h ^ b, 16777619);
  return (h >>> 0).toString(16).padStart(8, "0");
}

/** An image of MNIST's test set as the layer takes it: byte − 128. */
const digit = (k: number): Int8Array => new Int8Array(readFileSync(path.join(models, "../data/mnist/test-images.u8")).subarray(784 * k, 784 * (k + 1)).map((v) => v ^ 128));

const only = (y: Record<string, Values>): Float32Array => Object.values(y)[0] as Float32Array;

describe.skipIf(!existsSync(models))(`int8 models of TFLite (${existsSync(models) ? models : `${models} is absent, set OCTAVO_SHARED`})`, () => {
  test.each(Object.entries(fixture.models))("%s", async (name, answers) => {
    const { model } = await convert(new Uint8Array(readFileSync(path.join(models, `${name}.tflite`))), { name: `${name}.tflite`, rounding: "tflite" });
    for (const build of builds) {
      const loaded = await load(model, { builds: [build] }), [x] = loaded.inputs, wanted = answers.slice(0, few[name]);
      const got = wanted.map((_, k) => {
        loaded.reset();
        const y = loaded.runRaw({ [x!.name]: madeInput(k, sizeOf(x!.shape)) }) as Record<string, Values>;
        return digest(loaded.outputs.map((o) => y[o.name]!));
      });
      expect(got, build.name).toEqual(wanted);
    }
  }, 600_000);

  test.each(Object.entries(inputScales))("%s by default: as close to its float twin as TFLite's integers", async (name, scale) => {
    const converted = async (file: string, options: object) => load((await convert(new Uint8Array(readFileSync(path.join(models, file))), { name: file, ...options })).model);
    const integers = [await converted(`${name}_int8.tflite`, {}), await converted(`${name}_int8.tflite`, { rounding: "tflite" })], float = await converted(`${name}_fp32.tflite`, { precision: "float32" });
    const errors = [0, 0], [x] = integers[0]!.inputs;
    for (let k = 0; k < 100; k++) {
      const q = name === "mnistlstm" ? digit(k) : madeInput(k, sizeOf(x!.shape)), real = Float32Array.from(q, (v) => scale * (v + 128));
      for (const m of [float, ...integers]) m.reset();
      const wanted = only(float.run({ [float.inputs[0]!.name]: real }));
      integers.forEach((m, i) => only(m.run({ [x!.name]: real })).forEach((v, j) => (errors[i]! += (v - wanted[j]!) ** 2)));
    }
    expect(Math.sqrt(errors[0]! / errors[1]!)).toBeLessThan(1);
  });
});
