/** Parameter structs that lie. */
import { expect } from "vitest";
import { compile } from "../../converter/compile.ts";
import type { Graph } from "../../converter/ir/graph.ts";
import { OctavoError } from "../../sdk/errors.ts";
import type { Build } from "../../sdk/build.ts";
import { load, type Values } from "../../targets/node/index.ts";
import { random } from "./random.ts";
import type { Inputs } from "./run.ts";

const PARAMS = 14, CASES = 250;
const hostile = [0, 1, 2, 3, 4, 5, 7, 8, 16, 17, 64, 255, 256, 1000, 4096, 65535, 65536, 100000, 1 << 20, (1 << 28) - 1, 1 << 28, (1 << 28) + 1, 1 << 30, 2 ** 31 - 1, -1, -2, -16, -4096, -(2 ** 31), 0x7f800000, 0x7fc00000];

/** One to three fields of the parameter structs replaced: a hostile number, a neighbour of the old one, or another field's. */
function damage(model: Uint8Array, r: ReturnType<typeof random>): Uint8Array {
  const bytes = model.slice(), view = new DataView(bytes.buffer), start = view.getUint32(4 * PARAMS, true), fields = view.getUint32(4 * PARAMS + 4, true) / 4;
  for (let n = r.whole(1, 3); n > 0; n--) {
    const at = start + 4 * r.whole(0, fields - 1), old = view.getInt32(at, true), choice = r.whole(0, 3);
    const value = choice === 0 ? old + r.whole(-3, 3) : choice === 1 ? view.getInt32(start + 4 * r.whole(0, fields - 1), true) : choice === 2 ? old ^ (1 << r.whole(0, 31)) : hostile[r.whole(0, hostile.length - 1)]!;
    view.setInt32(at, value, true);
  }
  return bytes;
}

/** Damaged copies of the graph's model file are refused, or run to their end. */
export async function expectNoHarm(graph: Graph, inputs: Inputs, build: Build, seed: number): Promise<void> {
  await expectDamageDoesNoHarm((await compile(graph)).model, Object.fromEntries(inputs) as Record<string, Values>, build, seed);
}

/** The same of a model file; `raw`: given its integers. */
export async function expectDamageDoesNoHarm(model: Uint8Array, given: Record<string, Values>, build: Build, seed: number, raw = false): Promise<void> {
  const r = random(seed);
  let refused = 0, slowest = 0;
  for (let i = 0; i < CASES; i++) {
    const start = performance.now();
    try {
      const loaded = await load(damage(model, r), { builds: [build], integrity: false });
      if (raw) loaded.runRaw(given);
      else loaded.run(given);
    } catch (e) {
      if (!(e instanceof OctavoError)) throw e;
      expect(e.code).toBe("ERR_OCTAVO_FORMAT");
      refused++;
    }
    slowest = Math.max(slowest, performance.now() - start);
  }
  expect(refused).toBeGreaterThan(CASES / 10);
  expect(slowest).toBeLessThan(10_000);
}
