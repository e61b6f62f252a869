/** Small model files that together run every inference kernel, with each operator that is lowered to it: chosen from the fixtures of the readers. */
import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { compile } from "../../converter/compile.ts";
import type { Conversion, ConvertOptions } from "../../converter/convert.ts";
import { GraphBuilder } from "../../converter/ir/builder.ts";
import { withSelfTest } from "../../converter/write/self-test.ts";
import { convert } from "../../targets/converter.ts";
import { scalar } from "../../targets/scalar.ts";
import { exactCases } from "../kernels/tflite-exact.ts";
import { random } from "../kernels/random.ts";

export interface KernelModel { name: string; model: Uint8Array; kernels: string[] }
interface Source { name: string; bytes: Uint8Array; options: ConvertOptions }

const fixtures = new URL("../fixtures/", import.meta.url), decode = (text: string) => new Uint8Array(Buffer.from(text, "base64"));
const json = <T>(file: string): T => JSON.parse((file.endsWith(".gz") ? gunzipSync(readFileSync(new URL(file, fixtures))) : readFileSync(new URL(file, fixtures))).toString()) as T;

function* samples(ports: readonly { name: string; shape: number[]; dtype: string }[]): Generator<Record<string, Float32Array | Int32Array>> {
  const r = random(7);
  for (let i = 0; i < 4; i++) yield Object.fromEntries(ports.map(({ name, shape, dtype }) => {
    const size = shape.reduce((n, d) => n * d, 1);
    return [name, dtype === "float32" ? r.floats(size) : new Int32Array(size).fill(1)];
  }));
}

/** A normalization by TFLite's rounding is many calls of kernels that other cases show one by one. */
const roundings = (name: string) => (name.startsWith("L2_NORMALIZATION") ? (["fast"] as const) : (["tflite", "fast"] as const));

/** int8 and int16 with the rounding of TFLite and with that of Octavo, float operators, recurrent layers in float and int8. */
function* sources(): Generator<Source> {
  for (const { name, model, stateful } of exactCases) for (const rounding of roundings(name)) yield { name: `${name}.tflite`, bytes: model, options: { rounding, stateful } };
  for (const file of readdirSync(new URL("tflite", fixtures)).filter((f) => f.endsWith(".json"))) for (const { name, model } of json<{ cases: { name: string; model: string }[] }>(`tflite/${file}`).cases)
    yield { name: `${name}.tflite`, bytes: decode(model), options: { precision: "float32" } };
  for (const [name, { model }] of Object.entries(json<{ models: Record<string, { model: string }> }>("onnx/made.json.gz").models)) if (/^(LSTM|GRU|RNN) forward plain/.test(name))
    for (const precision of ["float32", "int8"] as const) yield { name: `${name}.onnx`, bytes: decode(model), options: { precision, samples } };
  yield { name: "digits-lstm.onnx", bytes: readFileSync(new URL("../../examples/models/digits-lstm.onnx", import.meta.url)), options: { samples } };
}

const described = (name: string, { model, report }: Conversion): KernelModel => ({ name, model, kernels: [...new Set(report.layers.map(({ kernel, op }) => `${kernel} ${op}`))] });

/** Operators that no fixture holds, as graphs of one node. */
async function made(): Promise<KernelModel[]> {
  const normalize = new GraphBuilder("test", "normalize"), gather = new GraphBuilder("test", "gatherElements");
  normalize.output(normalize.add("normalize", [normalize.input("x", "float32", [3, 6, 4])], { axes: [2], epsilon: 1e-5 })!);
  gather.output(gather.add("gatherElements", [gather.input("x", "float32", [6, 4]), gather.input("i", "float32", [6, 1])], { axis: 0 }));
  const models = { normalizeF32: normalize.graph, gatherElementsF32: gather.graph };
  return Promise.all(Object.entries(models).map(async ([kernel, graph]) => ({ name: kernel, model: await withSelfTest((await compile(graph)).model, scalar.module()), kernels: [kernel] })));
}

/** Each file adds a kernel, or an operator of one, that no earlier file has. */
export async function kernelModels(): Promise<KernelModel[]> {
  const chosen: KernelModel[] = [], seen = new Set<string>();
  const consider = (m: KernelModel) => {
    if (m.kernels.every((k) => seen.has(k))) return;
    m.kernels.forEach((k) => seen.add(k));
    chosen.push(m);
  };
  for (const { name, bytes, options } of sources()) consider(described(name, await convert(bytes, { name, ...options })));
  (await made()).forEach(consider);
  return chosen;
}
