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

const kb = (bytes: number | undefined) => (bytes === undefined ? "–" : (bytes / 1024).toFixed(1));
const ms = (seconds: number | undefined) => (seconds === undefined ? "–" : (1000 * seconds).toFixed(4));

export const models: Part = {
  name: "models", better: "more", tolerance: 0.1,
  async measure({ only, build }) {
    const figures: Figures = {}, rows: string[][] = [], peak = ceilings().int8.simd;
    for (const name of existsSync(modelsFolder) ? names.filter((n) => n.includes(only)) : []) {
      const int8 = (await converted(`${name}_int8.tflite`))!, float = await converted(`${name}_fp32.tflite`, "float32"), source = path.join(modelsFolder, `${name}_fp32.tflite`);
      const columns = { "float simd": float && [float, simd], "int8 simd": [int8, simd], "int8 relaxed": [int8, relaxed] } as Record<string, [Uint8Array, typeof simd] | undefined>;
      const used = Object.entries(columns).filter(([column, c]) => c && c[1].supported() && (!build || column.includes(build))), loaded: Model[] = [];
      for (const [, c] of used) loaded.push(await load(c![0], { builds: [c![1]] }));
      const times = fastest([...loaded.map(runOf), peak.run], { windows: 60, windowMs: 2 }), ceiling = peak.macs / times.at(-1)!, macs = loaded.at(-1)!.metadata.layers.reduce((n, l) => n + l.macs, 0);
      const seconds = Object.fromEntries(used.map(([column], i) => [column, times[i]!]));
      for (const [column, s] of Object.entries(seconds)) figures[`${name} ${column}`] = macs / s / ceiling;
      rows.push([name, (macs / 1e6).toFixed(2), existsSync(source) ? kb(readFileSync(source).length) : "–", kb(int8.length), kb(loaded.at(-1)!.memory.arena), ...Object.keys(columns).map((c) => ms(seconds[c])), seconds["int8 simd"] ? (macs / seconds["int8 simd"] / 1e9).toFixed(1) : "–"]);
    }
    console.log(rows.length ? `\nmodels, Node ${process.version}\n\n${table(["model", "MMAC", "float source KB", "int8 file KB", "arena KB", "float32 ms", "int8 ms", "int8 relaxed ms", "int8 GMAC/s"], rows)}` : `\nmodels: none are at ${modelsFolder} (OCTAVO_SHARED says where)`);
    return figures;
  },
};
