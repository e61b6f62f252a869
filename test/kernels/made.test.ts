/** What current tools saved (test/fixtures), through optimise, compile and the simd kernels, against what their makers answer. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { isQuantized } from "../../converter/convert.ts";
import { readModel } from "../../converter/formats/index.ts";
import type { ReadOptions } from "../../converter/formats/reader.ts";
import { sizeOf, tensorOf, type Graph, type TypedArray } from "../../converter/ir/graph.ts";
import { optimise } from "../../converter/optimise/index.ts";
import { importQuantized } from "../../converter/quantize/import.ts";
import { load, simd, type Model, type TensorInfo, type Values } from "../../targets/node/index.ts";
import { bytesOf, madeCases, valuesOf, type MadeCase } from "../formats/made.ts";

/** Integer models differ from their makers by roundings, of integers or of float16. */
const tolerance = (name: string): number => (/quantized/.test(name) ? 0.05 : /^(QLinear|QGemm)/.test(name) ? 0.02 : /float16/.test(name) ? 2e-3 : 1e-4);

async function compiled(bytes: Uint8Array, options: ReadOptions & { name: string }): Promise<{ graph: Graph; model: Model }> {
  const graph = await readModel(bytes, options), float = optimise(graph);
  const { model } = await compile(isQuantized(float) ? importQuantized(float) : float);
  return { graph, model: await load(model, { builds: [simd] }) };
}

/** The real values of what a quantized port holds in the file; uint8 is int8 inside. */
function real({ dtype, rawDtype, scale = 1, zeroPoint = 0 }: TensorInfo, values: TypedArray): TypedArray {
  if (dtype !== "float32" || values instanceof Float32Array) return values;
  const zero = zeroPoint + (values instanceof Uint8Array && rawDtype === "int8" ? 128 : 0);
  return Float32Array.from(values, (q) => (q - zero) * scale);
}

/** Largest difference in units of the output's largest value, over all samples. */
function distance({ graph, model }: { graph: Graph; model: Model }, inputs: Map<string, TypedArray>, outputs: Map<string, TypedArray>): number {
  const given = model.inputs.map((port) => [port.name, port.dtype === "int64" ? Int32Array.from(inputs.get(port.name)!) : real(port, inputs.get(port.name)!)] as [string, Values]);
  const samples = given.length ? given[0]![1].length / sizeOf(tensorOf(graph, given[0]![0]).shape) : 1, found = new Map(graph.outputs.map((name) => [name, [] as number[]]));
  for (let n = 0; n < samples; n++) {
    const part = (v: Values) => v.subarray((n * v.length) / samples, ((n + 1) * v.length) / samples) as Values;
    const result = model.run(Object.fromEntries(given.map(([name, v]) => [name, part(v)]))) as Record<string, Values>;
    model.reset();
    for (const [name, values] of found) values.push(...result[name]!);
  }
  return Math.max(...[...outputs].map(([name, expected]) => worst(found.get(name)!, real(model.outputs.find((o) => o.name === name)!, expected))));
}

function worst(found: ArrayLike<number>, expected: TypedArray): number {
  if (found.length !== expected.length) return Infinity;
  const range = Math.max(1e-6, ...Array.from(expected, Math.abs)), d = Array.from(expected, (e, i) => Math.abs(found[i]! - e) / range);
  return Math.max(0, ...d.map((v) => (v === v ? v : Infinity)));
}

const inOrder = (names: string[], values: TypedArray[]) => new Map(names.map((name, i) => [name, values[i]!]));

async function far<C extends MadeCase>(cases: C[], open: (c: C) => Promise<{ graph: Graph; model: Model }>): Promise<string[]> {
  const problems: string[] = [];
  for (const c of cases) {
    const opened = await open(c), { graph } = opened, d = distance(opened, inOrder(graph.inputs, c.inputs.map(valuesOf)), inOrder(graph.outputs, c.outputs.map(valuesOf)));
    if (!(d < tolerance(c.name))) problems.push(`${c.name}: ${d}`);
  }
  return problems;
}

/** Exported for any batch at axis 0, which here is time. */
const shapesOf = (c: MadeCase): ReadOptions => (/^(LSTM|GRU|RNN)\(6, 4[^)]*\)$/.test(c.name) && !c.name.includes("batch_first") ? { inputShapes: { x_0: c.inputs[0]!.shape } } : {});

describe("by kernels", () => {
  for (const form of ["keras", "h5"] as const)
    test(`.${form}`, async () => expect(await far(madeCases<{ keras: string; h5: string }>("keras"), (c) => compiled(bytesOf(c[form]), { name: `m.${form}` }))).toEqual([]));
  const torch = madeCases<{ pt2: string; pt?: string; architecture?: object }>("pytorch");
  test(".pt2", async () => expect(await far(torch, (c) => compiled(bytesOf(c.pt2), { name: "m.pt2", ...shapesOf(c) }))).toEqual([]));
  test(".pt", async () => expect(await far(torch.filter((c) => c.pt), (c) => compiled(bytesOf(c.pt!), { name: "m.pt", architecture: c.architecture }))).toEqual([]));
  test("GraphModel", async () => expect(await far(madeCases<{ model: object; weights: string }>("tfjs"), (c) =>
    compiled(new TextEncoder().encode(JSON.stringify(c.model)), { name: "model.json", resolve: async () => bytesOf(c.weights) }))).toEqual([]));
  test("ONNX", async () => {
    interface Stored { dtype: string; data: string }
    const arrays: Record<string, (b: ArrayBuffer) => TypedArray> = {
      float32: (b) => new Float32Array(b), int64: (b) => Float64Array.from(new BigInt64Array(b), Number), int32: (b) => new Int32Array(b), int8: (b) => new Int8Array(b), uint8: (b) => new Uint8Array(b),
    };
    const valuesIn = (stored: Record<string, Stored>) => new Map(Object.entries(stored).map(([name, { dtype, data }]) => [name, arrays[dtype]!(bytesOf(data).buffer)]));
    const { models } = JSON.parse(gunzipSync(readFileSync(new URL("../fixtures/onnx/made.json.gz", import.meta.url))).toString()) as { models: Record<string, { model: string; inputs: Record<string, Stored>; outputs: Record<string, Stored> }> };
    const problems: string[] = [];
    for (const [name, made] of Object.entries(models)) {
      const d = distance(await compiled(bytesOf(made.model), { name: "m.onnx" }), valuesIn(made.inputs), valuesIn(made.outputs));
      if (!(d < tolerance(name))) problems.push(`${name}: ${d}`);
    }
    expect(problems).toEqual([]);
  });
});
