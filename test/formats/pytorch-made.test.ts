/** Modules and functions through torch.export, its core operators, and state_dict with architecture; test/fixtures/pytorch/make.py made them. */
import { describe, expect, test } from "vitest";
import { readModel } from "../../converter/formats/index.ts";
import { bytesOf, distance, madeCases, valuesOf, type MadeCase } from "./made.ts";

interface Made { pt2: string; core?: string; pt?: string; architecture?: object }
const cases = madeCases<Made>("pytorch");

async function check(c: MadeCase, bytes: Uint8Array, name: string, options: object = {}): Promise<void> {
  const graph = await readModel(bytes, { name, ...options });
  expect(distance(graph, c.inputs.map(valuesOf), c.outputs.map(valuesOf))).toBeLessThan(c.name.startsWith("quantized") ? 0.01 : 1e-5);
}

/** Exported for any batch at axis 0, which here is time. */
const shapes = (c: MadeCase) =>
  (/^(LSTM|GRU|RNN)\(6, 4[^)]*\)$/.test(c.name) && !c.name.includes("batch_first") ? { inputShapes: { x_0: c.inputs[0]!.shape } } : {});

describe(".pt2", () => {
  for (const c of cases) test(c.name, () => check(c, bytesOf(c.pt2), "made.pt2", shapes(c)));
});
describe(".pt2 of core operators", () => {
  for (const c of cases) if (c.core) test(c.name, () => check(c, bytesOf(c.core!), "made.pt2", shapes(c)));
});
describe(".pt with architecture", () => {
  for (const c of cases) if (c.pt) test(c.name, () => check(c, bytesOf(c.pt!), "made.pt", { architecture: c.architecture }));
});
