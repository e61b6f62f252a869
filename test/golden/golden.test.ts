/** A model file of every released abi runs, in every build, as it did then. scripts/pin-golden.ts writes the files. */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { load, relaxed, scalar, simd } from "../../targets/node/index.ts";

const names = readdirSync(import.meta.dirname).filter((f) => f.endsWith(".octavo")).map((f) => f.replace(".octavo", ""));
const floats = (file: string) => new Float32Array(new Uint8Array(readFileSync(path.join(import.meta.dirname, file))).buffer);

test("there is a golden file", () => expect(names).toContain("abi-1"));

test.each(names.flatMap((name) => [scalar, simd, relaxed].filter((b) => b.supported()).map((b) => [name, b.name, b] as const)))("%s [%s]", async (name, _, build) => {
  const model = await load(path.join(import.meta.dirname, `${name}.octavo`), { builds: [build] });
  expect(model.run(floats(`${name}.input.f32`))).toEqual(floats(`${name}.output.f32`));
  expect(model.selfTest().passed).toBe(true);
});
