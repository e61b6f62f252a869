/** Runs cases of ONNX's own node tests: a model, inputs and outputs as TensorProto files. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readModel } from "../../converter/formats/index.ts";
import { messages, type ModelProto, type TensorProto } from "../../converter/formats/onnx/proto.ts";
import { readTensor, type Value } from "../../converter/formats/onnx/tensor.ts";
import { decode } from "../../converter/formats/wire/protobuf.ts";
import { OctavoError } from "../../converter/ir/error.ts";
import { compile } from "../../converter/compile.ts";
import { checkGraph } from "../../converter/ir/check.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { tensorOf, type Graph, type TypedArray } from "../../converter/ir/graph.ts";
import { optimise } from "../../converter/optimise/index.ts";
import type { Build } from "../../sdk/build.ts";
import { load, type Values } from "../../targets/node/index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const shared = process.env.OCTAVO_SHARED ?? resolve(root, "../shared");
export const suite = process.env.OCTAVO_ONNX_NODE ?? join(shared, "conformance/onnx-node");

export const cases = (): string[] => (existsSync(suite) ? readdirSync(suite).filter((c) => existsSync(join(suite, c, "model.onnx"))).sort() : []);

export interface Case { name: string; ops: string[]; model: Uint8Array; inputs: Map<string, Value>; outputs: Map<string, Value> }

const bytesOf = (path: string) => new Uint8Array(readFileSync(path));
const tensorIn = (path: string): Value => readTensor(decode(bytesOf(path), messages.tensor) as TensorProto, path);

export function readCase(name: string): Case {
  const folder = join(suite, name), model = bytesOf(join(folder, "model.onnx")), graph = (decode(model, messages.model) as ModelProto).graph!;
  const files = (kind: string, names: string[]) =>
    new Map(names.map((n, i) => [n, join(folder, "test_data_set_0", `${kind}_${i}.pb`)] as const).filter(([n, p]) => n && existsSync(p)).map(([n, p]) => [n, tensorIn(p)]));
  const names = (list: { name?: string }[] | undefined) => (list ?? []).map((v) => v.name ?? "");
  const ops = [...new Set((graph.node ?? []).map((n) => n.opType ?? ""))];
  return { name, ops, model, inputs: files("input", names(graph.input)), outputs: files("output", names(graph.output)) };
}

export interface Result { status: "passed" | "refused" | "failed"; reason: string }

/** Values of the graph's outputs. */
export type Compute = (graph: Graph, inputs: Map<string, TypedArray>) => Promise<Map<string, TypedArray>> | Map<string, TypedArray>;
const byEvaluator: Compute = (graph, inputs) => evaluate(graph, inputs, { keep: new Set(graph.outputs) });

/** Optimised, compiled, loaded and run: what a user gets. */
export const byKernels = (build: Build): Compute => async (graph, inputs) => {
  const { model } = await compile(optimise(graph)), loaded = await load(model, { builds: [build] });
  const given = loaded.inputs.map(({ name, dtype }) => [name, dtype === "int64" ? Int32Array.from(inputs.get(name)!) : inputs.get(name)!] as [string, Values]);
  return new Map(Object.entries(loaded.run(Object.fromEntries(given)) as Record<string, Values>));
};

/** Reads, computes and compares by ONNX's own tolerance: 1e-3 of the value and `absolute`. An OctavoError of the reader is a refusal. */
export async function runCase(c: Case, absolute = 1e-7, compute: Compute = byEvaluator): Promise<Result> {
  let graph: Graph, fixed: Set<string>;
  try {
    ({ graph, fixed } = await readFixing(c));
  } catch (e) {
    return e instanceof OctavoError ? { status: "refused", reason: e.message } : { status: "failed", reason: String(e instanceof Error ? e.stack : e) };
  }
  try {
    const inputs = new Map([...c.inputs].filter(([name]) => !fixed.has(name)).map(([name, v]) => [name, v.data]));
    checkGraph(graph);
    const values = await compute(graph, inputs);
    const problem = [...c.outputs].map(([name, v]) => compare(graph, name, v, values.get(name), absolute)).find(Boolean);
    return { status: problem ? "failed" : "passed", reason: problem ?? "" };
  } catch (e) {
    return { status: "failed", reason: String(e instanceof Error ? e.stack : e) };
  }
}

/** The tests give everything as an input. What must be known at conversion (shapes, axes, …) the refusal names, and is fixed. */
async function readFixing(c: Case): Promise<{ graph: Graph; fixed: Set<string> }> {
  const fixed = new Set<string>(), inputShapes = Object.fromEntries([...c.inputs].map(([name, v]) => [name, v.shape]));
  for (;;) {
    const constants = Object.fromEntries([...fixed].map((name) => [name, c.inputs.get(name)!]));
    try {
      return { graph: await readModel(c.model, { inputShapes, constants, name: "model.onnx" }), fixed };
    } catch (e) {
      const wanted = e instanceof OctavoError ? [.../Fix (.*) with the option/.exec(e.message)?.[1]?.matchAll(/"([^"]+)"/g) ?? []].map((m) => m[1]!) : [];
      if (!wanted.length || wanted.every((name) => fixed.has(name))) throw e;
      for (const name of wanted) fixed.add(name);
    }
  }
}

function compare(graph: Graph, name: string, expected: Value, found: TypedArray | undefined, absolute: number): string {
  const shape = tensorOf(graph, name).shape;
  if (!found) return `output "${name}" has no value`;
  if (shape.join() !== expected.shape.join()) return `output "${name}" has shape [${shape}], expected [${expected.shape}]`;
  for (let i = 0; i < found.length; i++) {
    const [y, e] = [found[i]!, expected.data[i]!];
    const same = y === e || (Number.isNaN(y) && Number.isNaN(e)) || Math.abs(y - e) <= absolute + 1e-3 * Math.abs(e);
    if (!same) return `output "${name}"[${i}] is ${y}, expected ${e}`;
  }
  const dtype = tensorOf(graph, name).dtype;
  return dtype === expected.dtype ? "" : `output "${name}" is ${dtype}, expected ${expected.dtype}`;
}
