/** What the comparison of engines rests on: twins hold the same network, ratios are what they say, a page comes out. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import type { Contender, Entry } from "../../bench/peers/contenders.ts";
import { inputFor, realOf } from "../../bench/peers/contenders.ts";
import { fixedTflite, floatOnnx, floatTflite } from "../../bench/peers/twins.ts";
import { growthChart, latencyChart } from "../../bench/report/charts.ts";
import { ratioOf } from "../../bench/report/ratios.ts";
import { modelsFolder } from "../../bench/trained.ts";
import { convert } from "../../converter/convert.ts";
import { noise } from "../../targets/cli/bench.ts";
import { load, scalar } from "../../targets/node/index.ts";

const missing = existsSync(modelsFolder) ? "" : `: there are no models at ${modelsFolder}`;
const read = (file: string) => new Uint8Array(readFileSync(path.join(modelsFolder, file)));

async function answers(bytes: Uint8Array, name: string): Promise<number[]> {
  const { model } = await convert(bytes, { name, precision: "float32", layout: "nhwc" }), loaded = await load(model, { builds: [scalar] });
  return Object.values(loaded.run(noise(loaded))).flatMap((y) => [...y as Float32Array]);
}

describe.skipIf(missing)(`twins${missing}`, () => {
  test.each(["person", "strww"])("%s: its float TFLite file is the int8 one with weights dequantized", async (name) => {
    expect(await answers(floatTflite(read(`${name}_int8.tflite`)), "twin.tflite")).toEqual(await answers(read(`${name}_fp32.tflite`), "published.tflite"));
  });

  test.each(["person", "kws", "resnet8"])("%s: its float ONNX file is the QDQ one without the pairs", async (name) => {
    const twin = await answers(floatOnnx(read(`${name}_int8_u8.onnx`)), "twin.onnx"), float = await answers(floatTflite(read(`${name}_int8.tflite`)), "twin.tflite");
    twin.forEach((y, i) => expect(y).toBeCloseTo(float[i]!, 4));
  });

  test.each(["person", "kws"])("%s: what is fixed for LiteRT.js keeps its integers", async (name) => {
    const { model } = await convert(fixedTflite(read(`${name}_int8.tflite`)), { name: "m.tflite" }), { model: published } = await convert(read(`${name}_int8.tflite`), { name: "m.tflite" });
    expect(Buffer.compare(model, published)).toBe(0);
  });
});

const entry: Entry = { name: "m", kind: "cnn", macs: 1e6, files: [], bytes: { float: 1, octavo: 1 }, input: { shape: [1, 1, 2, 2], scale: 0.5, zeroPoint: -1 }, output: { shape: [2], scale: 2, zeroPoint: 3 }, onnxShape: [1, 2, 1, 2] };
const form = (file: string, engine: Contender["engine"] = "ortWeb"): Contender => ({ name: file, engine, file, hosts: ["node"] });

test("inputs reach every form in its type, order and units", () => {
  const x = Int8Array.of(1, 2, 3, 4);
  expect(inputFor(entry, form("int8.tflite"), x)).toEqual(x);
  expect(inputFor(entry, form("float.tflite"), x)).toEqual(Float32Array.of(1, 1.5, 2, 2.5));
  expect(inputFor(entry, form("s8.onnx"), x)).toEqual(Int8Array.of(1, 3, 2, 4));
  expect(inputFor(entry, form("u8.onnx"), x)).toEqual(Uint8Array.of(129, 131, 130, 132));
  expect(inputFor(entry, form("float.onnx"), x)).toEqual(Float32Array.of(1, 2, 1.5, 2.5));
  expect(realOf(entry, form("u8.onnx"), Uint8Array.of(131, 132))).toEqual(Float32Array.of(0, 2));
  expect(realOf(entry, form("int8.octavo"), Int8Array.of(3, 4))).toEqual(Float32Array.of(0, 2));
});

const timing = (ms: number) => ({ ms, medianMs: ms, deviation: 0 });
const timings = { a: { ours: timing(1), slow: timing(9), fast: timing(2) }, b: { ours: timing(1), fast: timing(8), broken: { error: "no" } }, c: { fast: timing(1) } };

test("a ratio is the fastest peer's time over ours, where both have one", () => {
  const claim = { what: "", models: "all" as const, ours: "ours", peers: /slow|fast|broken/, run: "node" as const, asked: {} };
  const { models, ratios, least, mean } = ratioOf(claim, ["a", "b", "c"].map((name) => ({ name, kind: "cnn" })), timings);
  expect({ models, ratios, least, mean: Math.round(mean * 1e6) / 1e6 }).toEqual({ models: ["a", "b"], ratios: [2, 8], least: 2, mean: 4 });
});

test("charts are SVG with a mark for every engine and model", () => {
  const models = [{ name: "a", macs: 1e6 }, { name: "b", macs: 1e7 }], run = { version: "1", timings: { a: { "Octavo simd, int8": timing(0.1), "LiteRT.js, int8": timing(0.2) }, b: { "Octavo simd, int8": timing(1) } } };
  for (const svg of [latencyChart(models, run), growthChart(models, run)]) {
    const { document } = parseHTML(svg), marks = [...document.querySelectorAll("title")].map((t) => t.textContent);
    expect(marks).toEqual(["Octavo simd, int8, a: 0.100 ms", "LiteRT.js, int8, a: 0.200 ms", "Octavo simd, int8, b: 1.00 ms"]);
    expect(svg).not.toContain("NaN");
  }
});
