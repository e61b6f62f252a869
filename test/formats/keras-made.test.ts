/** Every layer in many forms, as .keras and as .h5, against Keras 3 itself; test/fixtures/keras/make.py made them. */
import { describe, expect, test } from "vitest";
import { readModel } from "../../converter/formats/index.ts";
import { bytesOf, distance, madeCases, valuesOf } from "./made.ts";

/** Keras quantizes the activations of a quantized layer too. */
const tolerance = (name: string): number => (name.startsWith("quantized") ? 0.01 : 1e-5);

for (const form of ["keras", "h5"] as const)
  describe(`.${form} of Keras 3`, () => {
    for (const c of madeCases<{ keras: string; h5: string }>("keras"))
      test(c.name, async () => {
        const graph = await readModel(bytesOf(c[form]), { name: `made.${form}` });
        expect(distance(graph, c.inputs.map(valuesOf), c.outputs.map(valuesOf))).toBeLessThan(tolerance(c.name));
      });
  });
