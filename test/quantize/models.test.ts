/** Trained models: int8 against float, and against TFLite's own int8 file; models that came quantized, against what they say. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { evaluate } from "../../converter/ir/eval.ts";
import { sizeOf, tensorOf, type Graph } from "../../converter/ir/graph.ts";
import { readModel } from "../../converter/formats/index.ts";
import { optimise } from "../../converter/optimise/index.ts";
import { calibrate, type Sample } from "../../converter/quantize/calibrate.ts";
import { compareGraphs, integerInputs, realValues } from "../../converter/quantize/compare.ts";
import { correctBiases, samplesWorth } from "../../converter/quantize/correct-bias.ts";
import { importQuantized } from "../../converter/quantize/import.ts";
import { quantize } from "../../converter/quantize/quantize.ts";
import { normal, random } from "./nets.ts";

const shared = process.env.OCTAVO_SHARED ?? path.resolve(import.meta.dirname, "../../../shared");
const found = existsSync(path.join(shared, "models"));
if (!found) console.warn(`test/quantize/models: skipped, no models in ${shared}`);

const bytes = (file: string) => new Uint8Array(readFileSync(path.join(shared, file)));
const read = async (name: string): Promise<Graph> => optimise(await readModel(bytes(`models/${name}`), { name }));

function output(graph: Graph, sample: Sample): ArrayLike<number> {
  const name = graph.outputs[0]!;
  return realValues(tensorOf(graph, name), evaluate(graph, integerInputs(graph, sample), { keep: new Set([name]) }).get(name)!);
}

/** Signal to noise in dB over all samples. */
function sqnr(float: Graph, other: Graph, samples: Sample[], renamed = (s: Sample) => s): number {
  let signal = 0, noise = 0;
  for (const sample of samples) {
    const a = output(float, sample), b = output(other, renamed(sample));
    for (let i = 0; i < a.length; i++) [signal, noise] = [signal + a[i]! ** 2, noise + (a[i]! - b[i]!) ** 2];
  }
  return 10 * Math.log10(signal / noise);
}

/** Images of CIFAR-10 as the model's input [size,size,channels], `map` of 0 … 255. */
function images(split: string, count: number, size: number, channels: number, map: (v: number) => number): Float32Array[] {
  const all = bytes(`data/cifar10/${split}-images.u8`), at = (i: number) => Math.min(31, Math.floor((i * 32) / size));
  return Array.from({ length: count }, (_, n) => Float32Array.from({ length: size * size * channels }, (_, i) => {
    const pixel = ((n * 32 + at(Math.floor(i / channels / size))) * 32 + at(Math.floor(i / channels) % size)) * 3;
    return map(channels === 3 ? all[pixel + (i % 3)]! : 0.299 * all[pixel]! + 0.587 * all[pixel + 1]! + 0.114 * all[pixel + 2]!);
  }));
}

const noise = (count: number, size: number, seed: number, map: (v: number) => number): Float32Array[] => {
  const next = random(seed);
  return Array.from({ length: count }, () => Float32Array.from({ length: size }, () => map(normal(next))));
};

const models: [name: string, inputs: (split: "train" | "test") => Float32Array[]][] = [
  ["resnet8", (split) => images(split, 24, 32, 3, (v) => v)],
  ["vww", (split) => images(split, 24, 96, 3, (v) => v / 255)],
  ["ad", (split) => noise(40, 640, split === "train" ? 1 : 2, (v) => Math.max(-84, Math.min(14, 15 * v - 35)))],
  ["strww", (split) => noise(40, 1200, split === "train" ? 1 : 2, (v) => Math.max(0, Math.min(0.94, 0.2 * v + 0.4)))],
];

describe.skipIf(!found)("trained models", () => {
  test.each(models)("%s: the output is at least as close to float as TFLite's own int8 file, less 1 dB", { timeout: 120_000 }, async (name, inputs) => {
    const float = await read(`${name}_fp32.tflite`), given = await read(`${name}_int8.tflite`);
    const samples = (split: "train" | "test") => inputs(split).map((x) => new Map([[float.inputs[0]!, x]])), seen = samples("train"), unseen = samples("test");
    const quantized = await correctBiases(float, quantize(float, await calibrate(float, seen)), seen.slice(0, samplesWorth(float)));
    const error = (graph: Graph) => sqnr(float, graph, unseen, (s) => new Map([[graph.inputs[0]!, s.get(float.inputs[0]!)!]]));
    expect(error(quantized)).toBeGreaterThan(error(given) - 1);
  });

  /** Two outputs that depend on each other scatter by 5 dB between sets of images; the 256 features before them do not. */
  test("person: the features are at least as close to float as those of TFLite's own int8 file, less 1 dB", { timeout: 120_000 }, async () => {
    const float = await read("person_fp32.tflite"), given = await read("person_int8.tflite"), sample = (x: Float32Array) => new Map([[float.inputs[0]!, x]]);
    const seen = images("train", 24, 96, 1, (v) => v / 127.5 - 1).map(sample), unseen = images("test", 24, 96, 1, (v) => v / 127.5 - 1).map(sample);
    const quantized = await correctBiases(float, quantize(float, await calibrate(float, seen)), seen.slice(0, samplesWorth(float)));
    const features = async (graph: Graph) => (await compareGraphs(float, graph, unseen)).find((e) => e.op === "averagePool2d")!.sqnr;
    expect(await features(quantized)).toBeGreaterThan((await features(given)) - 1);
  });

  test("kws: as many of 300 inputs as float, less one in two hundred", { timeout: 60_000 }, async () => {
    const float = await read("kws_fp32.tflite"), raw = bytes("data/kws01.bin"), labels = bytes("data/kws01_labels.u8"), q = new Int8Array(raw.buffer, raw.byteOffset, raw.length);
    const sample = (n: number): Sample => new Map([[float.inputs[0]!, Float32Array.from(q.subarray(n * 490, (n + 1) * 490), (v) => (v - 83) * 0.5847029089927673)]]);
    const seen = Array.from({ length: 100 }, (_, n) => sample(n)), int8 = await correctBiases(float, quantize(float, await calibrate(float, seen)), seen.slice(0, 32));
    const best = (y: ArrayLike<number>) => Array.from(y).indexOf(Math.max(...Array.from(y)));
    const hits = (graph: Graph) => Array.from({ length: 300 }, (_, n) => Number(best(output(graph, sample(100 + n))) === labels[100 + n])).reduce((a, b) => a + b);
    expect(hits(int8)).toBeGreaterThanOrEqual(hits(float) - 1.5);
  });

  test.each(["kws", "resnet8", "ad", "vww", "person", "strww"])("%s from ONNX with quantize and dequantize nodes is integers throughout, and the same", { timeout: 60_000 }, async (name) => {
    for (const form of ["s8", "u8"]) {
      const source = await read(`${name}_int8_${form}.onnx`), graph = importQuantized(source), input = tensorOf(source, source.inputs[0]!), shift = input.dtype === "uint8" ? 128 : 0, next = random(4);
      for (const node of graph.nodes) for (const output of node.outputs) expect(["int8", "uint8"]).toContain(tensorOf(graph, output).dtype);
      for (let n = 0; n < 3; n++) {
        const values = Array.from({ length: sizeOf(input.shape) }, () => Math.floor(256 * next()) - 128 + shift), x = new Map([[input.name, shift ? Uint8Array.from(values) : Int8Array.from(values)]]);
        expect([...Array.from(output(graph, x))]).toEqual([...Array.from(output(source, x))]);
      }
    }
  });

  test.each(["kws", "resnet8", "person", "mnistlstm", "dtln"])("%s_int8.tflite keeps its integers for training", { timeout: 60_000 }, async (name) => {
    const source = await read(`${name}_int8.tflite`), graph = importQuantized(source, { trainable: true }), input = tensorOf(source, source.inputs[0]!), next = random(4);
    const x = new Map([[input.name, Int8Array.from({ length: sizeOf(input.shape) }, () => Math.floor(256 * next()) - 128)]]);
    expect(Array.from(output(graph, x))).toEqual(Array.from(output(source, x)));
  });
});
