/** The golden digest: embedded by the converter, computed again by every build, the command and the WASI command. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, expect, test } from "vitest";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { compile } from "../../converter/compile.ts";
import { withSelfTest } from "../../converter/write/self-test.ts";
import { digits } from "../../examples/digits.ts";
import { convert } from "../../targets/converter.ts";
import { load, relaxed, scalar, simd } from "../../targets/node/index.ts";
import { wasiCommand } from "./wasi-command.ts";

const models = path.resolve(import.meta.dirname, "../../examples/models"), folder = mkdtempSync(path.join(tmpdir(), "octavo-self-test-"));
let file: Uint8Array;

beforeAll(async () => {
  const { x } = digits(8, 2), samples = ([port]: readonly { name: string }[]) => Array.from({ length: 8 }, (_, i) => ({ [port!.name]: x.subarray(784 * i, 784 * (i + 1)) }));
  ({ model: file } = await convert(readFileSync(path.join(models, "digits-cnn.h5")), { name: "digits-cnn.h5", samples }));
});

test.each([scalar, simd, relaxed].map((b) => [b.name, b] as const))("%s passes", async (name, build) => {
  const model = await load(file, { builds: [build] });
  expect(model.selfTest()).toEqual({ passed: true, build: name, digest: expect.stringMatching(/^[0-9a-f]{16}$/) });
});

test("the inputs and the digest are as docs/model-file.md says", async () => {
  const model = await load(file), { scale = 0, zeroPoint = 0 } = model.inputs[0]!;
  let s = 1;
  const x = Float32Array.from({ length: 784 }, () => Math.fround(Math.fround(scale) * (((s = (Math.imul(s, 1664525) + 1013904223) | 0) >> 24) - zeroPoint))), y = model.run(x);
  let hash = 0xcbf29ce484222325n;
  for (const byte of new Uint8Array(y.buffer)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  expect(model.inputs[0]!.rawDtype).toBe("int8");
  expect(model.selfTest().digest).toBe(hash.toString(16).padStart(16, "0"));
});

test("a model whose weights changed does not pass", async () => {
  const changed = file.slice(), view = new DataView(changed.buffer), at = view.getUint32(64, true), end = at + view.getUint32(68, true);
  for (let i = at; i < end; i += 8) changed[i]! ^= 1;
  const model = await load(changed, { integrity: false });
  expect(model.selfTest().passed).toBe(false);
});

test("states are kept", async () => {
  const b = new GraphBuilder("test", "sum"), x = b.input("x", "float32", [4]), h = b.input("h", "float32", [4]);
  const y = b.add("add", [x, h], { clamp: [-Infinity, Infinity] }, ["y"]);
  b.output(y);
  const { model: plain } = await compile({ ...b.graph, inputs: ["x"], states: [{ input: "h", output: "y", initial: Float32Array.of(1, 2, 3, 4) }] });
  const model = await load(await withSelfTest(plain, scalar.module()));
  model.run(Float32Array.of(1, 1, 1, 1));
  const before = model.getState();
  expect(model.selfTest().passed).toBe(true);
  expect(model.getState()).toEqual(before);
  expect(model.selfTest().passed).toBe(true);
});

test("a file without a digest says so", async () => {
  const b = new GraphBuilder("test", "relu");
  b.output(b.add("tanh", [b.input("x", "float32", [4])], {}, ["y"]));
  const model = await load((await compile(b.graph)).model);
  expect(() => model.selfTest()).toThrow(/no golden digest/);
});

test.each(["octavo-run", "octavo-run-simd"])("%s --self-test", async (build) => {
  const bad = file.slice();
  bad[88]! ^= 1;
  writeFileSync(path.join(folder, "m.octavo"), file);
  writeFileSync(path.join(folder, "bad.octavo"), bad);
  const { digest } = (await load(file)).selfTest();
  expect(wasiCommand(build, folder, new Uint8Array(0), "--self-test", "/models/m.octavo")).toMatchObject({ code: 0, err: "", text: `${digest}\n` });
  expect(wasiCommand(build, folder, new Uint8Array(0), "--self-test", "/models/bad.octavo")).toMatchObject({ code: 1, err: expect.stringContaining("other bytes"), text: `${digest}\n` });
});
