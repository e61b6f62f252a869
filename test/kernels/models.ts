/** Float models of ../shared: read, optimised, compiled and run in every build, against the evaluator. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { compile } from "../../converter/compile.ts";
import { readModel } from "../../converter/formats/index.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { sizeOf, tensorOf, type Graph, type TypedArray } from "../../converter/ir/graph.ts";
import { optimise } from "../../converter/optimise/index.ts";
import { load, type Values } from "../../targets/node/index.ts";
import { random } from "./random.ts";
import { builds, relativeError } from "./run.ts";

const shared = process.env.OCTAVO_SHARED ?? path.resolve(import.meta.dirname, "../../../shared");
export const models = path.join(shared, "models");

/** Every float model file below models/, by path. */
export function floatModels(): string[] {
  if (!existsSync(models)) return [];
  const files = readdirSync(models, { recursive: true, encoding: "utf8" }).filter((f) => /\.(onnx|tflite|h5|keras|pt2)$/.test(f));
  return files.filter((f) => !/int8|u8|drq|_dyn|dynamic/.test(path.basename(f)) && !/lying|broken/.test(f)).sort();
}

export interface Comparison { error: number; sameBytes: boolean; macs: number; calls: number; arena: number; lowerBound: number; ms: Record<string, number> }

/** Numbers in [−1, 1), or small whole ones for integer inputs. */
export function randomInputs(graph: Graph, seed = 5): Map<string, TypedArray> {
  const r = random(seed);
  return new Map(graph.inputs.map((name) => {
    const { shape, dtype } = tensorOf(graph, name), n = sizeOf(shape);
    return [name, dtype === "float32" ? r.floats(n) : Int32Array.from({ length: n }, () => r.whole(0, 7))];
  }));
}

export async function compareModel(file: string, inputShapes?: Record<string, number[]>): Promise<Comparison> {
  const source = await readModel(new Uint8Array(readFileSync(path.join(models, file))), { name: file, ...(inputShapes && { inputShapes }), resolve: async (side) => new Uint8Array(readFileSync(path.join(models, path.dirname(file), side))) });
  const graph = optimise(source), inputs = randomInputs(source), want = evaluate(source, inputs, { keep: new Set(source.outputs) });
  const { model, program, arena } = await compile(graph), results: Record<string, Values>[] = [], ms: Record<string, number> = {};
  for (const build of builds) {
    const loaded = await load(model, { builds: [build] }), given = Object.fromEntries(inputs) as Record<string, Values>;
    results.push(loaded.run(given) as Record<string, Values>);
    const start = performance.now();
    loaded.reset();
    loaded.run(given);
    ms[build.name] = performance.now() - start;
  }
  const bytes = (v: Values) => Buffer.from(v.buffer, v.byteOffset, v.byteLength);
  return {
    error: Math.max(...source.outputs.map((name) => relativeError(results[0]![name]!, want.get(name)!))),
    sameBytes: results.every((r) => source.outputs.every((name) => bytes(r[name]!).equals(bytes(results[0]![name]!)))),
    macs: program.calls.reduce((n, c) => n + c.macs, 0), calls: program.calls.length, arena: arena.bytes, lowerBound: arena.lowerBound, ms,
  };
}
