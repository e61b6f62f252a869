/** An architecture file as the model on the command line, and trained weights beside one. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { writeWeights } from "../../converter/train/weights-file.ts";
import { readNpy, writeNpy } from "../../targets/cli/npy.ts";
import { octavo } from "./octavo.ts";

const folder = mkdtempSync(join(tmpdir(), "octavo-scratch-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name), put = (name: string, bytes: Uint8Array | string) => { writeFileSync(at(name), bytes); return at(name); };
const net = put("net.architecture.json", JSON.stringify({ inputs: { x: [1, 4] }, layers: [{ type: "Linear", name: "fc", out_features: 3 }] }));
const convert = (...words: string[]) => octavo("convert", net, "-o", at("net.octavo"), "--precision", "float32", ...words);

test("the same seed gives the same file, another seed another", async () => {
  const made = async (seed: string) => {
    expect(await convert("--init-seed", seed, "--trainable", "all")).toMatchObject({ code: 0, err: expect.stringMatching(/trains fc/) });
    return readFileSync(at("net.octavo"));
  };
  expect(await made("7")).toEqual(await made("7"));
  expect(await made("7")).not.toEqual(await made("8"));
});

test("without a seed the message says what to do", async () =>
  expect(await convert()).toMatchObject({ code: 1, err: expect.stringMatching(/it holds no weights.*--architecture net\.json.*--init-seed 1/) }));
test("a seed that does not parse is wrong usage", async () => expect(await convert("--init-seed", "-3")).toMatchObject({ code: 2 }));

test("trained weights take the place of the model's own", async () => {
  const weights = (shape: number[]) => put("w.safetensors", writeWeights({ "fc/weight": { shape, data: Float32Array.from({ length: 12 }, (_, i) => (i % 5 === 0 ? 1 : 0)) }, "fc/bias": { shape: [3], data: Float32Array.of(0, 0, 5) } }));
  expect(await convert("--init-seed", "7", "--weights", weights([3, 4]))).toMatchObject({ code: 0 });
  const input = put("x.npy", writeNpy({ dtype: "float32", shape: [1, 4], data: Float32Array.of(1, 2, 3, 4) }));
  await octavo("run", at("net.octavo"), "--input", input, "--output", at("y.npy"));
  expect(readNpy(readFileSync(at("y.npy")), "y.npy").data).toEqual(Float32Array.of(1, 2, 8));
  expect(await convert("--init-seed", "7", "--weights", weights([4, 3]))).toMatchObject({ code: 1, err: expect.stringMatching(/weights "fc\/weight": found \[4,3\], expected \[3,4\]/) });
  expect(await convert("--init-seed", "7", "--weights", input)).toMatchObject({ code: 1, err: expect.stringMatching(/^weights: /m) });
});

test("from nothing to int8: convert, train, convert", async () => {
  const x = Float32Array.from({ length: 240 }, (_, i) => Math.sin(i * i)), labels = Float32Array.from({ length: 60 }, (_, n) => [0, 1, 2].sort((a, b) => x[4 * n + b]! - x[4 * n + a]!)[0]!);
  const data = put("train.npy", writeNpy({ dtype: "float32", shape: [60, 4], data: x })), truth = put("labels.npy", writeNpy({ dtype: "float32", shape: [60], data: labels }));
  expect((await convert("--init-seed", "7", "--trainable", "all")).code).toBe(0);
  expect(await octavo("train", at("net.octavo"), "--data", data, "--labels", truth, "--epochs", "20", "--learning-rate", "0.05", "-o", at("trained.octavo"), "--weights", at("trained.safetensors"))).toMatchObject({ code: 0 });
  expect(await octavo("convert", net, "--init-seed", "7", "--weights", at("trained.safetensors"), "--calibrate", data, "-o", at("int8.octavo"))).toMatchObject({ code: 0 });
  for (const file of ["trained", "int8"]) expect((JSON.parse((await octavo("eval", at(`${file}.octavo`), "--data", data, "--labels", truth, "--json")).out) as { value: number }).value, file).toBeGreaterThan(0.9);
});
