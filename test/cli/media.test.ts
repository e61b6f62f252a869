/** Pictures and sound straight into run, eval and --calibrate. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attempts, count } from "../formats/attempt.ts";
import { mutate } from "../formats/mutate.ts";
import { bytesOf, valuesOf, type MadeCase } from "../formats/made.ts";
import { modelOf, node, value } from "../formats/onnx-model.ts";
import { readMedia } from "../../targets/cli/media.ts";
import { octavo } from "./octavo.ts";

interface File extends MadeCase { file: string; extension: string; shape: number[] }
const { cases } = JSON.parse(gunzipSync(readFileSync(new URL("../fixtures/media/made.json.gz", import.meta.url))).toString()) as { cases: { files: File[]; sounds: File[] } };
const folder = mkdtempSync(join(tmpdir(), "octavo-media-")), at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const put = (name: string, content: Uint8Array | string) => { writeFileSync(at(name), content); return at(name); };
const answer = async (...words: string[]) => {
  const { code, out, err } = await octavo(...words);
  expect(err.includes("internal error")).toBe(false);
  return code ? err : (JSON.parse(out) as { count: number; value?: number; outputs: Record<string, { shape: number[]; values: number[] }> });
};

describe("decoded as Pillow does", () => {
  for (const c of cases.files) test(c.name, async () => {
    const path = put(`picture.${c.extension}`, bytesOf(c.file)), channels = c.shape[2] ?? 1, expected = valuesOf(c.outputs[0]!);
    const found = await readMedia(path, { name: "x", dtype: "float32", layout: "nhwc", shape: [1, c.shape[0]!, c.shape[1]!, channels] }, { kind: "image", scale: 1 });
    // Decoders of JPEG round differently.
    const limit = c.extension === "jpeg" ? 6 : 1e-3;
    expect(Math.max(...Array.from(expected, (e, i) => Math.abs(found[i]! - e)))).toBeLessThan(limit);
  });
});

test(`${count} damaged pictures and sounds end in values or an error that says why`, () => attempts(count, async (k) => {
  const c = [...cases.files, ...cases.sounds][k % (cases.files.length + cases.sounds.length)]!, path = put(`damaged.${c.extension ?? "wav"}`, mutate(bytesOf(c.file), k));
  return readMedia(path, { name: "x", dtype: "float32", layout: "nhwc", shape: [1, 4, 5, 3] }, c.extension ? { kind: "image" } : { kind: "audio", sampleRate: 8000 });
}));

describe("on the command line", () => {
  const image = () => at("image.octavo"), sound = () => at("sound.octavo"), picture = () => at("a.png"), other = () => at("b.jpeg"), wav = () => at("a.wav");
  beforeAll(async () => {
    const model = put("image.onnx", modelOf({ input: [value("x", [1, 3, 4, 6])], output: [value("y", [1, 3])], node: [node("GlobalAveragePool", ["x"], ["p"]), node("Flatten", ["p"], ["y"])] }));
    const heard = put("sound.onnx", modelOf({ input: [value("x", [1, 50])], output: [value("y", [1, 50])], node: [node("Neg", ["x"], ["y"])] }));
    put("image.json", JSON.stringify({ kind: "image", scale: 1, mean: [10, 20, 30], resize: "antialias" }));
    put("sound.json", JSON.stringify({ kind: "audio", sampleRate: 16000 }));
    put("a.png", bytesOf(cases.files.find((c) => c.name === "rgb")!.file));
    put("b.jpeg", bytesOf(cases.files.find((c) => c.name === "jpeg")!.file));
    put("a.wav", bytesOf(cases.sounds[1]!.file));
    for (const [source, out, how] of [[model, image(), "image.json"], [heard, sound(), "sound.json"]] as const) expect((await octavo("convert", source, "-o", out, "--precision", "float32", "--preprocess", at(how), "--quiet")).err).toBe("");
  });

  test("a picture, and several as samples", async () => {
    const pixels = valuesOf(cases.files.find((c) => c.name === "rgb")!.outputs[0]!), mean = [0, 1, 2].map((c) => pixels.filter((_, i) => i % 3 === c).reduce((a, v) => a + v, 0) / (pixels.length / 3) - [10, 20, 30][c]!);
    const one = await answer("run", image(), "--input", picture(), "--json"), two = await answer("run", image(), "--input", picture(), "--input", `x=${other()}`, "--json");
    expect(one).toMatchObject({ count: 1, outputs: { y: { shape: [1, 3] } } });
    (one as { outputs: Record<string, { values: number[] }> }).outputs.y!.values.forEach((v, c) => expect(Math.abs(v - mean[c]!)).toBeLessThan(2));
    expect(two).toMatchObject({ count: 2, outputs: { y: { shape: [2, 3] } } });
  });
  test("a sound", async () => {
    const found = await answer("run", sound(), "--input", wav(), "--json"), expected = valuesOf(cases.sounds[1]!.outputs[0]!);
    (found as { outputs: Record<string, { values: number[] }> }).outputs.y!.values.forEach((v, i) => expect(v).toBeCloseTo(-expected[i]!, 3));
  });
  test("calibration on pictures", async () => {
    expect((await octavo("convert", at("image.onnx"), "-o", at("int8.octavo"), "--calibrate", picture(), "--calibrate", other(), "--preprocess", at("image.json"))).code).toBe(0);
    expect(await answer("run", at("int8.octavo"), "--input", picture(), "--json")).toMatchObject({ count: 1 });
  });
  for (const [what, words, message] of [
    ["a model that does not say how", () => ["run", at("image.onnx"), "--input", picture()], /preparation of its data is missing from the model, expected kind "image"\. Convert the model with --preprocess/],
    ["a sound for a picture", () => ["run", image(), "--input", wav()], /is of kind "image", expected kind "audio"/],
    ["text called a picture", () => ["run", image(), "--input", put("text.jpg", "no picture at all")], /picture: file ".*text\.jpg": .*Save it again as PNG or JPEG/],
    ["a cut off picture", () => ["run", image(), "--input", put("cut.png", bytesOf(cases.files[0]!.file).slice(0, 120))], /cut\.png/],
    ["a picture of too many pixels", () => { const big = bytesOf(cases.files[0]!.file).slice(); big.set([0, 1, 0, 0, 0, 1, 0, 0], 16); return ["run", image(), "--input", put("big.png", big)]; }, /65536 × 65536 pixels/],
    ["a picture that is not there", () => ["run", image(), "--input", at("none.png")], /none\.png/],
    ["a preparation that does not fit the model", () => ["convert", at("sound.onnx"), "-o", at("no.octavo"), "--precision", "float32", "--preprocess", at("image.json")], /input "x" of shape \[1,50\]: it is no picture/],
    ["a preparation with a mistake", () => ["convert", at("image.onnx"), "-o", at("no.octavo"), "--precision", "float32", "--preprocess", put("typo.json", JSON.stringify({ kind: "image", scal: 1 }))], /preprocess: it has "scal"/],
  ] as const) test(`refuses ${what}`, async () => expect(await octavo(...words())).toMatchObject({ code: 1, err: expect.stringMatching(message) }));
});
