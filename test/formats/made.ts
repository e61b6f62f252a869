/** Fixtures that the make.py of test/fixtures/keras, tfjs and pytorch made, and the distance of a graph from its maker's outputs. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { evaluate } from "../../converter/ir/eval.ts";
import { checkGraph } from "../../converter/ir/check.ts";
import { sizeOf, tensorOf, type Graph, type TypedArray } from "../../converter/ir/graph.ts";

export interface Stored { shape: number[]; dtype: "float32" | "int32"; data: string }
export interface MadeCase { name: string; inputs: Stored[]; outputs: Stored[] }

export function madeCases<T>(folder: string): (MadeCase & T)[] {
  const file = gunzipSync(readFileSync(new URL(`../fixtures/${folder}/made.json.gz`, import.meta.url))).toString();
  return (JSON.parse(file) as { cases: (MadeCase & T)[] }).cases;
}

export const bytesOf = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(text, "base64"));
export const valuesOf = ({ dtype, data }: Stored): TypedArray =>
  (dtype === "float32" ? new Float32Array(bytesOf(data).buffer) : new Int32Array(bytesOf(data).buffer));

/** One sample as the graph takes it: int64 lives in doubles. */
const asInput = (graph: Graph, name: string, data: TypedArray): TypedArray =>
  (tensorOf(graph, name).dtype === "int64" ? Float64Array.from(data) : data);

/**
 * Largest difference over all samples and outputs, in units of the largest value of the output.
 * @param inputs,outputs of several samples, in the order of the graph's
 */
export function distance(graph: Graph, inputs: TypedArray[], outputs: TypedArray[]): number {
  checkGraph(graph);
  const sizes = graph.inputs.map((name) => sizeOf(tensorOf(graph, name).shape)), samples = inputs[0]!.length / sizes[0]!;
  const results = graph.outputs.map((): number[] => []);
  for (let n = 0; n < samples; n++) {
    const sample = new Map(graph.inputs.map((name, i) => [name, asInput(graph, name, inputs[i]!.subarray(n * sizes[i]!, (n + 1) * sizes[i]!))]));
    const values = evaluate(graph, sample, { keep: new Set(graph.outputs) });
    graph.outputs.forEach((name, i) => results[i]!.push(...values.get(name)!));
  }
  return Math.max(...outputs.map((expected, i) => worst(results[i]!, expected)));
}

/** Infinity where sizes differ. */
function worst(found: ArrayLike<number>, expected: TypedArray): number {
  const range = Math.max(1e-6, ...Array.from(expected, Math.abs));
  return found.length !== expected.length ? Infinity
    : Math.max(0, ...Array.from(expected, (e, i) => (Math.abs(found[i]! - e) <= Infinity ? Math.abs(found[i]! - e) / range : Infinity)));
}
