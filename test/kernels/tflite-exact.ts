/** Small .tflite files of one operator each, int8 or int16, and what TFLite's reference kernels answer: test/fixtures/tflite-exact/operators.py, or another file of cases that OCTAVO_EXACT_CASES names. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { TypedArray } from "../../converter/ir/graph.ts";

interface Packed { dtype: string; shape: number[]; data: string }
/** tolerance: relative to the largest result, where the reference kernel adds floats in an order of its own; 0 elsewhere. */
export interface ExactCase { name: string; model: Uint8Array; stateful: boolean; tolerance: number; runs: { inputs: TypedArray[]; outputs: TypedArray[] }[] }

const arrays: Record<string, (b: ArrayBuffer) => TypedArray> = {
  float32: (b) => new Float32Array(b), int8: (b) => new Int8Array(b), uint8: (b) => new Uint8Array(b), bool: (b) => new Uint8Array(b), int16: (b) => new Int16Array(b), int32: (b) => new Int32Array(b),
};
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
const unpack = ({ dtype, data }: Packed) => arrays[dtype]!(bytesOf(data).buffer);

interface Stored { name: string; model: string; stateful?: boolean; tolerance?: number; runs: { inputs: Packed[]; outputs: Packed[] }[] }

function casesOf(file: string | URL): ExactCase[] {
  const { cases } = JSON.parse(gunzipSync(readFileSync(file)).toString()) as { cases: Stored[] };
  return cases.map(({ name, model, stateful = false, tolerance = 0, runs }) => ({
    name, model: bytesOf(model), stateful, tolerance, runs: runs.map(({ inputs, outputs }) => ({ inputs: inputs.map(unpack), outputs: outputs.map(unpack) })),
  }));
}

const fixture = (name: string) => new URL(`../fixtures/tflite-exact/${name}.json.gz`, import.meta.url), given = process.env.OCTAVO_EXACT_CASES;

export const exactCases = casesOf(given ?? fixture("operators"));
/** Where several kernels stand for one of TFLite's: hybrid layers and rare cases. */
export const composedCases = given ? [] : casesOf(fixture("composed"));
