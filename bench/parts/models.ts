/** `--models`: latency and size of trained models, float32 and int8 in every build, all in turn beside the peak loop. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { convert } from "../../converter/convert.ts";
import { load, relaxed, simd, type Model } from "../../targets/node/index.ts";
import { noise } from "../../targets/cli/bench.ts";
import type { Figures, Part } from "../figures.ts";
import { ceilings, fastest } from "../kernels/ceilings.ts";
import { table } from "../report/table.ts";
import { modelsFolder } from "../trained.ts";

const names = ["kws", "resnet8", "vww", "ad", "strww", "person", "mnistlstm", "speechlstm", "dtln", "mbv2"];

async function converted(file: string, precision?: "float32"): Promise<Uint8Array | undefined> {
  const source = path.join(modelsFolder, file);
  return existsSync(source) ? (await convert(new Uint8Array(readFileSync(source)), { name: file, ...(precision && { precision }) })).model : undefined;
}

/** Ready to run on noise. */
function runOf(model: Model): () => void {
  const x = noise(model);
  return () => void model.run(x);
}

/** Where a model is at hand as float, that file runs in float; the int8 one runs in both builds. */
const columns = { "float simd": { build: simd, peak: "float" }, "int8 simd": { build: simd, peak: "simd" }, "int8 relaxed": { build: relaxed, peak: "relaxed" } } as const;
type Column = keyof typeof columns;
interface Row { macs: number; source: number | undefined; int8: number; arena: number; seconds: Partial<Record<Column, number>>; shares: Partial<Record<Column, number>> }

async function measure(name: string, peaks: ReturnType<typeof ceilings>, only: string | undefined): Promise<Row> {
  const int8 = (await converted(`${name}_int8.tflite`))!, float = await converted(`${name}_fp32.tflite`, "float32"), source = path.join(modelsFolder, `${name}_fp32.tflite`);
  const fileOf = (column: Column) => (column === "float simd" ? float : int8), used = (Object.keys(columns) as Column[]).filter((c) => fileOf(c) && columns[c].build.supported() && c.includes(only ?? ""));
  const models = await Promise.all(used.map((c) => load(fileOf(c)!, { builds: [columns[c].build] }))), limits = used.map((c) => (columns[c].peak === "float" ? peaks.float.simd : peaks.int8[columns[c].peak]));
  const times = fastest([...models.map(runOf), ...limits.map((l) => l.run)], { windows: 60, windowMs: 2 }), { metadata, memory } = models[0]!, macs = metadata.layers.reduce((n, l) => n + l.macs, 0);
  const row: Row = { macs, source: existsSync(source) ? readFileSync(source).length : undefined, int8: int8.length, arena: memory.arena, seconds: {}, shares: {} };
  used.forEach((c, i) => {
    row.seconds[c] = times[i]!;
    row.shares[c] = macs / times[i]! / (limits[i]!.macs / times[used.length + i]!);
  });
  return row;
}

const kb = (bytes: number | undefined) => (bytes === undefined ? "–" : (bytes / 1024).toFixed(1));
const ms = (seconds: number | undefined) => (seconds === undefined ? "–" : (1000 * seconds).toFixed(4));

export const models: Part = {
  name: "models", better: "more", tolerance: 0.1,
  async measure({ only, build }) {
    const figures: Figures = {}, rows: string[][] = [], peaks = ceilings();
    for (const name of existsSync(modelsFolder) ? names.filter((n) => n.includes(only)) : []) {
      const { macs, source, int8, arena, seconds, shares } = await measure(name, peaks, build);
      for (const [column, share] of Object.entries(shares)) figures[`${name} ${column}`] = share;
      rows.push([name, (macs / 1e6).toFixed(2), kb(source), kb(int8), kb(arena), ...(Object.keys(columns) as Column[]).map((c) => `${ms(seconds[c])} (${(100 * (shares[c] ?? 0)).toFixed(0)} %)`)]);
    }
    const heads = ["model", "MMAC", "float source KB", "int8 file KB", "arena KB", ...Object.keys(columns).map((c) => `${c}, ms (of its peak)`)];
    console.log(rows.length ? `\nmodels, Node ${process.version}\n\n${table(heads, rows)}` : `\nmodels: none are at ${modelsFolder} (OCTAVO_SHARED says where)`);
    return figures;
  },
};
