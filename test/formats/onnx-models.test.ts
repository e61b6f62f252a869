/** The models of ../shared against what onnxruntime answers, and against the references that their makers left. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModel } from "../../converter/formats/index.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { allocate, sizeOf, tensorOf, type Graph, type TypedArray } from "../../converter/ir/graph.ts";
import { shared } from "./onnx-suite.ts";

interface Answer { inputs: Record<string, number[]>; outputs: Record<string, { shape: number[]; data: string }> }
const answers = JSON.parse(readFileSync(new URL("../fixtures/onnx/answers.json", import.meta.url), "utf8")) as { models: Record<string, Answer> };
const models = join(shared, "models"), present = existsSync(models);
const bytesOf = (path: string) => new Uint8Array(readFileSync(join(models, path)));
const floatsOf = (path: string) => new Float32Array(bytesOf(path).buffer);

/** As answers.py makes it. */
function madeUp(graph: Graph, name: string, number: number): TypedArray {
  const { dtype, shape } = tensorOf(graph, name), data = allocate(dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) {
    const hash = (Math.imul(i + 1000 * number, 2654435761) >>> 0) >>> 16;
    data[i] = dtype === "int64" ? hash % 60 : dtype === "uint8" ? hash % 256 : dtype === "int8" ? (hash % 256) - 128 : hash / 32768 - 1;
  }
  return data;
}

function errors(found: ArrayLike<number>, expected: ArrayLike<number>): { largest: number; range: number; snr: number } {
  let largest = 0, low = Infinity, high = -Infinity, signal = 0, noise = 0;
  for (let i = 0; i < expected.length; i++) {
    const e = expected[i]!, d = Math.abs(found[i]! - e);
    [largest, low, high, signal, noise] = [Math.max(largest, d), Math.min(low, e), Math.max(high, e), signal + e * e, noise + d * d];
  }
  return { largest, range: Math.max(high - low, Math.abs(high)), snr: noise ? 10 * Math.log10(signal / noise) : Infinity };
}

/** Integer models: onnxruntime sums in integers and, on dynamic ones, quantizes activations too; the float evaluator does neither. */
const leastSnr = (path: string) => (path.includes("dyn.onnx") ? 38 : 30);

describe.skipIf(!present)(`models of ../shared${present ? "" : " (absent)"}`, () => {
  for (const [path, answer] of Object.entries(answers.models).filter(([path]) => present && existsSync(join(models, path))))
    test(`${path} answers as onnxruntime`, async () => {
      const graph = await readModel(bytesOf(path), { inputShapes: answer.inputs });
      expect(graph.inputs).toEqual(Object.keys(answer.inputs));
      expect(graph.outputs).toEqual(Object.keys(answer.outputs));
      const values = evaluate(graph, new Map(graph.inputs.map((name, k) => [name, madeUp(graph, name, k)])), { keep: new Set(graph.outputs) });
      for (const [name, { shape, data }] of Object.entries(answer.outputs)) {
        const e = errors(values.get(name)!, new Float32Array(Uint8Array.from(Buffer.from(data, "base64")).buffer));
        expect(tensorOf(graph, name).shape).toEqual(shape);
        if (path.includes("int8")) expect(e.snr).toBeGreaterThan(leastSnr(path));
        else expect(e.largest).toBeLessThanOrEqual(1e-4 * e.range);
      }
    });
});

/** Samples [n, …] through a model of one sample. */
async function answersOf(path: string, samples: TypedArray): Promise<Float32Array> {
  const graph = await readModel(bytesOf(path)), [input] = graph.inputs as [string], [output] = graph.outputs as [string];
  const size = sizeOf(tensorOf(graph, input).shape), rows: number[] = [];
  for (let at = 0; at < samples.length; at += size) {
    rows.push(...evaluate(graph, new Map([[input, samples.subarray(at, at + size) as TypedArray]]), { keep: new Set([output]) }).get(output)!);
  }
  return Float32Array.from(rows);
}

describe.skipIf(!present)("references of trained models", () => {
  for (const model of ["anomaly-conv-ae", "anomaly-lstm-ae", "pm25-lstm", "char-fill-bilstm"])
    for (const file of ["model.onnx", "model-dynamo.onnx", "model-batch1.onnx"].filter((f) => existsSync(join(models, "trained", model, f))))
      test(`${model}/${file}`, async () => {
        const folder = `trained/${model}`, tokens = model === "char-fill-bilstm";
        const samples = tokens ? Float64Array.from(new Int32Array(bytesOf(`${folder}/reference-input.i32`).buffer)) : floatsOf(`${folder}/reference-input.f32`);
        const e = errors(await answersOf(`${folder}/${file}`, samples), floatsOf(`${folder}/reference-output.f32`));
        expect(e.largest).toBeLessThanOrEqual(1e-4 * e.range);
      });

  test("char-lm step by step, its states passed on", async () => {
    const graph = await readModel(bytesOf("trained/char-lm/model-step.onnx")), folder = "trained/char-lm";
    const tokens = new Int32Array(bytesOf(`${folder}/reference-tokens.i32`).buffer), logits = floatsOf(`${folder}/reference-logits.f32`);
    let h: TypedArray = new Float32Array(256), c: TypedArray = new Float32Array(256);
    const found: number[] = [];
    for (const token of tokens) {
      const values = evaluate(graph, new Map<string, TypedArray>([["tokens", Float64Array.of(token)], ["h", h], ["c", c]]), { keep: new Set(graph.outputs) });
      found.push(...values.get("logits")!);
      [h, c] = [values.get("h_out")!, values.get("c_out")!];
    }
    const e = errors(found, logits);
    expect(e.largest).toBeLessThanOrEqual(1e-4 * e.range);
    expect(errors(h, floatsOf(`${folder}/reference-h.f32`)).largest).toBeLessThanOrEqual(1e-4);
  });
});
