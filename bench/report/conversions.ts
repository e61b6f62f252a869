/** The section that `npm run bench -- --convert` measured. */
import type { Conversions } from "../results.ts";
import { table } from "./table.ts";

export const conversionHeads = ["source MB", "file MB", "seconds", "MB/s", "memory MB"];
export const conversionCells = ({ source, model, ms, peak }: Conversions[string][number]): string[] => [source / 1e6, model / 1e6, ms / 1000, source / ms / 1000, peak / 1e6].map((v) => v.toFixed(1));

export function conversionSection(all: Conversions): string[] {
  const rows = Object.entries(all).flatMap(([name, list]) => list.map((c) => [name, ...conversionCells(c)]));
  return [`## Conversion

Made ONNX models, each converted in a process of its own: \`wide\` stacks dense layers of 1024, \`deep\` hundreds to thousands of 3 × 3 convolutions of 32 channels, \`long\` 1,000 to 10,000 dense layers of 4. int8 with two calibration samples.
Memory is what the process took beyond the source file at its peak.`,
  table(["model", ...conversionHeads], rows)];
}
