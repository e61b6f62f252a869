/**
 * Latency and size of the trained models in ../shared, float32 against int8, one thread: `npm run bench -- --models`.
 * A figure is the shortest of many windows of 2 ms; both precisions are measured in turn, in the same run.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { convert } from "../converter/convert.ts";
import { load, relaxed, simd, type Model } from "../targets/node/index.ts";
import { noise } from "../targets/cli/bench.ts";
import type { Build } from "../sdk/build.ts";

const shared = process.env.OCTAVO_SHARED ?? path.resolve(import.meta.dirname, "../../shared"), WINDOWS = 60, WINDOW_MS = 2;
const names = ["kws", "resnet8", "vww", "ad", "strww", "person", "mnistlstm", "speechlstm", "dtln"];

interface Row { name: string; macs: number; source: number; float: number; int8: number; arena: number; floatMs: number; int8Ms: number }

async function converted(file: string, precision?: "float32"): Promise<Uint8Array> {
  const bytes = new Uint8Array(readFileSync(path.join(shared, "models", file)));
  return (await convert(bytes, { name: file, ...(precision && { precision }) })).model;
}

/** Milliseconds per run in one window. */
function window(model: Model, x: ReturnType<typeof noise>): number {
  const start = performance.now();
  let runs = 0, elapsed = 0;
  for (; elapsed < WINDOW_MS; elapsed = performance.now() - start, runs++) model.run(x);
  return elapsed / runs;
}

function shortest(models: readonly Model[]): number[] {
  const inputs = models.map(noise), best = models.map(() => Infinity);
  for (let w = 0; w < WINDOWS; w++) models.forEach((model, i) => { best[i] = Math.min(best[i]!, window(model, inputs[i]!)); });
  return best;
}

async function measure(name: string, build: Build): Promise<Row> {
  const float = await converted(`${name}_fp32.tflite`, "float32"), int8 = await converted(`${name}_int8.tflite`);
  const models = [await load(float, { builds: [build] }), await load(int8, { builds: [build] })], [floatMs, int8Ms] = shortest(models) as [number, number];
  const macs = models[1]!.metadata.layers.reduce((n, l) => n + l.macs, 0), source = readFileSync(path.join(shared, "models", `${name}_fp32.tflite`)).length;
  return { name, macs, source, float: float.length, int8: int8.length, arena: models[1]!.memory.arena, floatMs, int8Ms };
}

const kb = (bytes: number) => (bytes / 1024).toFixed(1);

/** Rows of a Markdown table. */
export async function table(build: Build): Promise<string> {
  const rows = ["| model | MMAC | float source KB | int8 file KB | arena KB | float32 ms | int8 ms | int8 GMAC/s |", "|---|--:|--:|--:|--:|--:|--:|--:|"];
  for (const name of names) {
    const r = await measure(name, build);
    rows.push(`| ${r.name} | ${(r.macs / 1e6).toFixed(2)} | ${kb(r.source)} | ${kb(r.int8)} | ${kb(r.arena)} | ${r.floatMs.toFixed(4)} | ${r.int8Ms.toFixed(4)} | ${(r.macs / r.int8Ms / 1e6).toFixed(1)} |`);
  }
  return rows.join("\n");
}

if (!existsSync(path.join(shared, "models"))) console.log(`The trained models are not at ${shared} (OCTAVO_SHARED says where): nothing to measure.`);
else for (const build of [simd, relaxed].filter((b) => b.supported())) console.log(`\n${build.name}, Node ${process.version}\n\n${await table(build)}`);
