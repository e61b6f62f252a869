/** Every operator of the TFLite reader against TFLite's own kernels: models and answers of test/fixtures/tflite. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { tflite } from "../../converter/formats/tflite.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { tensorOf, type Graph, type Node, type TypedArray } from "../../converter/ir/graph.ts";

interface Packed { dtype: string; shape: number[]; data: string }
interface Case {
  name: string; model: string; runs: { inputs: Packed[]; outputs: Packed[] }[];
  /** Largest difference of integers, in steps. */
  tolerance?: number;
  /** TFLite quantizes the activations of these on the fly; the graph computes in float. */
  hybrid?: boolean;
  stateful?: boolean;
  /** Operators that the graph must consist of. */
  nodes?: string[];
  /** An operator that must be among them, and no sigmoid or tanh beside it. */
  has?: string;
  /** Names that inputs and outputs must have. */
  names?: string[];
}

const folder = new URL("../fixtures/tflite/", import.meta.url);

const arrays: Record<string, (b: ArrayBuffer) => TypedArray> = {
  float32: (b) => new Float32Array(b), int8: (b) => new Int8Array(b), uint8: (b) => new Uint8Array(b), bool: (b) => new Uint8Array(b),
  int16: (b) => new Int16Array(b), int32: (b) => new Int32Array(b), int64: (b) => Float64Array.from(new BigInt64Array(b), Number),
};
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
const unpack = (p: Packed) => arrays[p.dtype]!(new Uint8Array(bytesOf(p.data)).buffer);

for (const file of readdirSync(folder).filter((f) => f.endsWith(".json"))) {
  describe(file.replace(".json", ""), () => {
    const { cases } = JSON.parse(readFileSync(new URL(file, folder), "utf8")) as { cases: Case[] };
    for (const c of cases) test(c.name, async () => check(c));
  });
}

async function check(c: Case): Promise<void> {
  const graph = await tflite.read(bytesOf(c.model), { stateful: c.stateful ?? false });
  if (c.nodes) expect(live(graph).map((n) => n.op)).toEqual(c.nodes);
  if (c.has) {
    const found = live(graph).map((n) => n.op as string);
    expect(found).toContain(c.has);
    expect(found.filter((op) => op === "sigmoid" || op === "tanh")).toEqual([]);
  }
  if (c.names) expect([...graph.inputs, ...graph.outputs]).toEqual(c.names);
  let states = new Map(graph.states.map((s) => [s.input, s.initial]));
  for (const run of c.runs) {
    const values = evaluate(graph, new Map([...states, ...graph.inputs.map((name, i): [string, TypedArray] => [name, unpack(run.inputs[i]!)])]));
    run.outputs.forEach((o, i) => compare(c, graph, graph.outputs[i]!, values, o));
    states = new Map(graph.states.map((s) => [s.input, values.get(s.output)!]));
  }
}

/** The nodes that an output depends on. */
function live(graph: Graph): Node[] {
  const wanted = new Set(graph.outputs);
  return graph.nodes.toReversed().filter((n) => n.outputs.some((o) => wanted.has(o)) && n.inputs.every((i) => wanted.add(i))).reverse();
}

/** float32: 1e-5 of the output's range (hybrid: 2 %), integers: one step. */
function compare(c: Case, graph: Graph, name: string, values: Map<string, TypedArray>, wanted: Packed): void {
  const { shape, dtype } = tensorOf(graph, name), y = values.get(name)!, expected = unpack(wanted);
  expect({ shape, dtype }).toEqual({ shape: wanted.shape, dtype: wanted.dtype });
  const range = Math.max(...Array.from(expected, Math.abs), 1e-3);
  const allowed = wanted.dtype === "float32" ? range * (c.hybrid ? 0.02 : 1e-5) : (c.tolerance ?? 1);
  const worst = Math.max(0, ...Array.from(expected, (e, i) => Math.abs(e - y[i]!)));
  expect(worst, `${Array.from(y).slice(0, 12)} for ${Array.from(expected).slice(0, 12)}`).toBeLessThanOrEqual(allowed);
}
