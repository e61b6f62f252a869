/** `--convert`: time and memory of a conversion against the size of the model, each in a process of its own. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Figures, Part } from "../figures.ts";
import { madeModel, type Shape } from "../convert/made.ts";
import { writePage } from "../report/page.ts";
import { conversionCells, conversionHeads } from "../report/conversions.ts";
import { table } from "../report/table.ts";
import { keep, type Conversions } from "../results.ts";

/** Bytes of weights; a layer of `long` has 64. */
const sizes: Record<Shape, number[]> = { wide: [3e6, 10e6, 30e6, 100e6], deep: [3e6, 10e6, 30e6, 100e6], long: [64e3, 128e3, 320e3, 640e3] };
const script = path.join(import.meta.dirname, "../convert/one.ts");
/** Source bytes, milliseconds, and the most memory of the process beyond what it had with the source in hand. */
export interface Converted { source: number; model: number; ms: number; peak: number }

export const conversion: Part = {
  name: "conversion", better: "less", tolerance: 0.25,
  async measure() {
    const folder = mkdtempSync(path.join(os.tmpdir(), "octavo-convert-")), figures: Figures = {}, all: Conversions = {};
    for (const shape of Object.keys(sizes) as Shape[]) for (const precision of ["int8", "float32"]) {
      const rows: Converted[] = [];
      for (const bytes of sizes[shape]) {
        const file = path.join(folder, `${shape}-${bytes}.onnx`);
        writeFileSync(file, madeModel(shape, bytes));
        rows.push(JSON.parse(execFileSync(process.execPath, [script, file, precision], { encoding: "utf8" })) as Converted);
      }
      const [small, large] = [rows[1]!, rows.at(-1)!], name = `${shape}, ${precision}`;
      all[name] = rows;
      figures[`${name}: growth of time per byte, second size to last`] = large.ms / large.source / (small.ms / small.source);
      figures[`${name}: bytes of memory per byte of the largest source`] = large.peak / large.source;
      console.log(`\nconversion, ${name}\n\n${table(conversionHeads, rows.map(conversionCells))}`);
    }
    rmSync(folder, { recursive: true });
    keep("conversions", all);
    writePage();
    return figures;
  },
};
