/** A folder of trained models → a folder with every form that an engine takes, and models.json. */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { convert } from "../../converter/convert.ts";
import { readModel } from "../../converter/formats/index.ts";
import { sizeOf, tensorOf, type Graph, type TypedArray } from "../../converter/ir/graph.ts";
import { optimise } from "../../converter/optimise/index.ts";
import { noiseFor, type Entry, type Port } from "./contenders.ts";
import { fixedTflite, floatOnnx, floatTflite } from "./twins.ts";

/** Names in `models`: NAME_int8.tflite is what a model starts from; NAME_fp32.tflite and .onnx files stand beside it where they exist. */
export const namesIn = (models: string): string[] => readdirSync(models).flatMap((f) => /^(.*)_int8\.tflite$/.exec(f)?.[1] ?? []);

export async function makeFiles(models: string, folder: string, names: readonly string[]): Promise<Entry[]> {
  mkdirSync(folder, { recursive: true });
  const entries: Entry[] = [];
  for (const name of names) entries.push(await makeModel(name, models, folder));
  writeFileSync(path.join(folder, "models.json"), JSON.stringify(entries));
  return entries;
}

async function makeModel(name: string, models: string, folder: string): Promise<Entry> {
  const files: string[] = [], source = (end: string) => path.join(models, `${name}_${end}`), read = (end: string) => (existsSync(source(end)) ? new Uint8Array(readFileSync(source(end))) : undefined);
  const write = (end: string, bytes: Uint8Array | undefined) => {
    if (!bytes) return;
    writeFileSync(path.join(folder, `${name}.${end}`), bytes);
    files.push(end);
  };
  const int8 = fixedTflite(read("int8.tflite")!), published = read("fp32.tflite"), float = published ? fixedTflite(published) : floatTflite(int8), u8 = read("int8_u8.onnx");
  write("int8.tflite", int8);
  write("float.tflite", float);
  write("u8.onnx", u8);
  write("s8.onnx", read("int8_s8.onnx"));
  write("dynamic.onnx", read("int8_dyn.onnx"));
  write("float.onnx", read("fp32.onnx") ?? (u8 && floatOnnx(u8)));
  const graph = optimise(await readModel(int8, { name: `${name}.tflite` })), lstm = graph.nodes.some((n) => n.op === "lstm"), whole = await convert(int8, { name: `${name}.tflite` });
  const entry: Entry = {
    name, kind: lstm ? "lstm" : "cnn", macs: whole.report.model.macs, files, bytes: { float: float.length, octavo: whole.model.length },
    input: portOf(graph, graph.inputs[0]!), output: portOf(graph, graph.outputs[0]!), ...(await onnxPorts(read("fp32.onnx") ?? u8)),
  };
  write("int8.octavo", whole.model);
  write("float.octavo", (await convert(float, { name: `${name}.tflite`, precision: "float32" })).model);
  write("7bit.octavo", (await convert(float, { name: `${name}.tflite`, weightBits: 7, samples: ([port]) => [{ [port!.name]: realNoise(entry) }] })).model);
  if (!lstm) writeTfjs(optimise(await readModel(float, { name: `${name}.tflite` })), write);
  return entry;
}

const realNoise = (entry: Entry): Float32Array => Float32Array.from(noiseFor(entry), (q) => (q - entry.input.zeroPoint) * entry.input.scale);

function portOf(graph: Graph, name: string): Port {
  const { shape, quantization } = tensorOf(graph, name);
  return { shape, scale: quantization?.scale[0] ?? 1, zeroPoint: quantization?.zeroPoint[0] ?? 0 };
}

async function onnxPorts(bytes: Uint8Array | undefined): Promise<Pick<Entry, "onnxShape" | "onnxStates">> {
  if (!bytes) return {};
  const graph = await readModel(bytes, { name: "model.onnx" }), [first, ...rest] = graph.inputs.map((name) => ({ name, shape: tensorOf(graph, name).shape }));
  return { onnxShape: first!.shape, onnxStates: rest };
}

/** Our optimised graph as JSON and weights: engines/tfjs.ts runs it with the fused operators of a converted model. */
function writeTfjs(graph: Graph, write: (end: string, bytes: Uint8Array) => void): void {
  const weights: TypedArray[] = [], constants: Record<string, { at: number; shape: number[] }> = {};
  let at = 0;
  for (const { name, shape, data } of graph.tensors.values()) {
    if (!data) continue;
    constants[name] = { at, shape };
    weights.push(Float32Array.from(data as Float32Array));
    at += sizeOf(shape);
  }
  const shapes = Object.fromEntries([...graph.tensors.values()].map((t) => [t.name, t.shape]));
  write("tfjs.json", new TextEncoder().encode(JSON.stringify({ nodes: graph.nodes, inputs: graph.inputs, outputs: graph.outputs, shapes, constants })));
  write("tfjs.bin", new Uint8Array(Buffer.concat(weights.map((w) => new Uint8Array(w.buffer, w.byteOffset, w.byteLength)))));
}
