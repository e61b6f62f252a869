/** Every build computes the vectors of CMSIS-NN bit for bit with TFLite's rounding. */
import { expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { load } from "../../targets/node/index.ts";
import { caseOf, differing, skipped } from "./cmsis-nn.layers.ts";
import { vectors } from "./cmsis-nn.ts";
import { builds } from "./run.ts";

test.skipIf(vectors.length)("vectors of CMSIS-NN: ../shared is absent, set OCTAVO_SHARED");

for (const vector of vectors) {
  const reason = skipped(vector), difference = differing[vector.name];
  test.skipIf(reason)(`${vector.name}${reason ?? difference ? `: ${reason ?? difference}` : ""}`, async () => {
    const { graph, inputs, want } = caseOf(vector), { model } = await compile(graph, { rounding: "tflite" });
    for (const build of builds) {
      const [y] = Object.values((await load(model, { builds: [build] })).runRaw(inputs)) as [Int8Array];
      if (difference) expect(Math.max(...want.map((v, i) => Math.abs(v - y[i]!))), build.name).toBe(1);
      else expect(Array.from(y), build.name).toEqual(want);
    }
  });
}
