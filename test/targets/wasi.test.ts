/** The WASI command in node:wasi: the same bytes as the SDK, and clear refusals. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { readNpy, writeNpy } from "../../targets/cli/npy.ts";
import { load, scalar } from "../../targets/node/index.ts";
import { random } from "../kernels/random.ts";
import { wasiCommand } from "./wasi-command.ts";

const folder = mkdtempSync(path.join(tmpdir(), "octavo-wasi-"));
const command = (build: string, input: Uint8Array, ...args: string[]) => wasiCommand(build, folder, input, ...args);

async function model(): Promise<Uint8Array> {
  const b = new GraphBuilder("test", "dense"), r = random(3), x = b.input("x", "float32", [1, 20]);
  b.output(b.add("dense", [x, b.constant("w", "float32", [7, 20], r.floats(140))], { clamp: [0, Infinity] }, ["y"]));
  return (await compile(b.graph)).model;
}

test.each(["octavo-run", "octavo-run-simd"])("%s answers as the SDK does", async (build) => {
  const bytes = await model(), x = random(4).floats(60);
  writeFileSync(path.join(folder, "dense.octavo"), bytes);
  const { code, out, err } = command(build, writeNpy({ data: x, shape: [3, 20], dtype: "float32" }), "/models/dense.octavo");
  expect(err).toBe("");
  expect(code).toBe(0);
  const y = readNpy(out, "y");
  expect(y.shape).toEqual([3, 7]);
  expect(y.data).toEqual((await load(bytes, { builds: [scalar] })).run(x));
});

test("no model, a damaged model, a short input: a message, exit 2 or 1", async () => {
  const bytes = await model(), x = writeNpy({ data: random(4).floats(60), shape: [3, 20], dtype: "float32" });
  writeFileSync(path.join(folder, "dense.octavo"), bytes);
  writeFileSync(path.join(folder, "bad.octavo"), bytes.slice(0, 300));
  expect(command("octavo-run", x)).toMatchObject({ code: 2, err: expect.stringContaining("usage") });
  expect(command("octavo-run", x, "/models/none.octavo")).toMatchObject({ code: 1, err: expect.stringContaining("none.octavo") });
  expect(command("octavo-run", x, "/models/bad.octavo")).toMatchObject({ code: 1, err: expect.stringContaining("no valid model file") });
  expect(command("octavo-run", x.slice(0, 200), "/models/dense.octavo")).toMatchObject({ code: 1, err: expect.stringContaining("last sample") });
  expect(command("octavo-run", x.slice(0, 5), "/models/dense.octavo")).toMatchObject({ code: 1, err: expect.stringContaining(".npy") });
});
