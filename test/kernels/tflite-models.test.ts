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

/** Inputs that the slow ones are tested on; all 100 were compared by hand. */
const few: Record<string, number> = { mbv2_int8: 2, vww_int8: 20, person_int8: 20, resnet8_int8: 20 };

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
  }, 120_000);
});
