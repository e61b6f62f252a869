/** Every build computes the int8 vectors of CMSIS-NN bit for bit with TFLite's rounding. */
import { expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { load } from "../../targets/node/index.ts";
import { caseOf, skipped, vectors } from "./cmsis-nn.ts";
import { builds } from "./run.ts";

test.skipIf(vectors.length)("vectors of CMSIS-NN: ../shared is absent, set OCTAVO_SHARED");

for (const vector of vectors) {
  const reason = skipped(vector);
  test.skipIf(reason)(`${vector.name}${reason ? `: ${reason}` : ""}`, async () => {
    const { graph, inputs, want } = caseOf(vector), { model } = await compile(graph, { rounding: "tflite" });
    for (const build of builds) {
      const y = (await load(model, { builds: [build] })).runRaw(inputs) as Record<string, Int8Array>;
      expect(Array.from(y.y!), build.name).toEqual(want);
    }
  });
}
