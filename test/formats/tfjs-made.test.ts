/** GraphModels of TensorFlow graphs, frozen, folded and optimised, against TensorFlow; test/fixtures/tfjs/make.py made them. */
import { expect, test } from "vitest";
import { readModel } from "../../converter/formats/index.ts";
import { bytesOf, distance, madeCases, valuesOf } from "./made.ts";

for (const c of madeCases<{ model: object; weights: string }>("tfjs"))
  test(c.name, async () => {
    const json = new TextEncoder().encode(JSON.stringify(c.model));
    const graph = await readModel(json, { name: "model.json", resolve: async () => bytesOf(c.weights) });
    expect(distance(graph, c.inputs.map(valuesOf), c.outputs.map(valuesOf))).toBeLessThan(1e-5);
  });
