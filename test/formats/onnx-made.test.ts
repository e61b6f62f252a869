/** Operators in many forms, quantized models and scikit-learn's, against onnxruntime; test/fixtures/onnx/made.py made them. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readModel } from "../../converter/formats/index.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { tensorOf, type TypedArray } from "../../converter/ir/graph.ts";

interface Stored { dtype: string; shape: number[]; data: string }
interface Made { model: string; inputs: Record<string, Stored>; outputs: Record<string, Stored> }
const file = gunzipSync(readFileSync(new URL("../fixtures/onnx/made.json.gz", import.meta.url))).toString();
const { models } = JSON.parse(file) as { models: Record<string, Made> };

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, "base64"));
function valuesOf({ dtype, data }: Stored): TypedArray {
  const { buffer } = bytesOf(data);
  switch (dtype) {
    case "float32": return new Float32Array(buffer);
    case "int64": return Float64Array.from(new BigInt64Array(buffer), Number);
    case "int32": return new Int32Array(buffer);
    case "int8": return new Int8Array(buffer);
    case "uint8": return new Uint8Array(buffer);
    default: throw new Error(`the fixture holds ${dtype}`);
  }
}

/** Largest difference in units of the largest value, or in steps of integers. */
function distance(found: TypedArray, expected: TypedArray): number {
  const scale = expected instanceof Float32Array ? Math.max(1e-6, ...Array.from(expected, Math.abs)) : 1;
  return Math.max(0, ...Array.from(expected, (e, i) => Math.abs(found[i]! - e) / scale));
}

/** onnxruntime quantizes activations on the way, the float evaluator does not; integer results differ by a step where sums are close to a half. */
const tolerance = (name: string): number => (/quantized/.test(name) ? 0.03 : /^(QLinear|QGemm)/.test(name) ? 1 : 1e-5);

describe("operators against onnxruntime", () => {
  for (const [name, made] of Object.entries(models))
    test(name, async () => {
      const graph = await readModel(bytesOf(made.model), { name: "made.onnx" });
      const inputs = new Map(Object.entries(made.inputs).map(([k, v]) => [k, valuesOf(v)])), values = evaluate(graph, inputs, { keep: new Set(graph.outputs) });
      for (const [output, stored] of Object.entries(made.outputs)) {
        expect(tensorOf(graph, output).shape).toEqual(stored.shape);
        expect(distance(values.get(output)!, valuesOf(stored))).toBeLessThanOrEqual(tolerance(name));
      }
    });
});
