/** What the training module accepts and the others do not. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { scalar, simd, load, type Model } from "../../targets/node/index.ts";
import type { Build } from "../../sdk/build.ts";
import { builds, oneNode } from "./run.ts";

const PROGRAMS = 12;
const loaded = (model: Uint8Array, build: Build): Promise<Model> => load(model, { builds: [build], integrity: false });

/** Four calls of kernel 2, whose records are read as a second program, of kind 2, with senseless calls. */
async function withSenselessProgram(): Promise<Uint8Array> {
  const b = new GraphBuilder("test", "four"), names = ["sigmoid", "tanh", "sigmoid", "tanh"] as const;
  b.output(names.reduce((x, op) => b.add(op, [x], { alpha: 0, beta: 0 }), b.input("x", "float32", [4])));
  const { model } = await compile(b.graph), view = new DataView(model.buffer, model.byteOffset), at = view.getUint32(4 * PROGRAMS, true);
  expect(view.getUint32(at + 48, true)).toBe(2);
  view.setUint32(at, 2, true);
  return model;
}

test("programs of other kinds than infer concern the training module only", async () => {
  const model = await withSenselessProgram();
  for (const build of [scalar, simd]) expect((await loaded(model, build)).run(new Float32Array(4))).toHaveLength(4);
  for (const build of builds) await expect(loaded(model, build)).rejects.toMatchObject({ code: "ERR_OCTAVO_FORMAT" });
});

test("kernels of training are unknown to the other modules", async () => {
  const { model } = await compile(oneNode("accumulate", [{ shape: [4] }, { shape: [4] }], {}).graph);
  for (const build of [scalar, simd]) await expect(loaded(model, build)).rejects.toMatchObject({ code: "ERR_OCTAVO_OPERATOR" });
});

test("the other modules hold nothing of the kernels of training", () => {
  const bytes = (name: string) => readFileSync(path.resolve(import.meta.dirname, `../../build/${name}.wasm`)).length;
  expect(bytes("scalar-train") - bytes("scalar")).toBeGreaterThan(1000);
  expect(bytes("simd-train") - bytes("simd")).toBeGreaterThan(1000);
});
