/** The section that `npm run bench -- --convert` measured. */
import type { Conversions } from "../results.ts";
import { table } from "./table.ts";

export function conversionSection(all: Conversions): string[] {
  const rows = Object.entries(all).flatMap(([name, list]) => list.map((c) => [name, c.source / 1e6, c.model / 1e6, c.ms / 1000, c.source / c.ms / 1000, c.peak / 1e6].map((v) => (typeof v === "number" ? v.toFixed(1) : v))));
  return [`## Conversion

Made ONNX models, each converted in a process of its own: \`wide\` stacks dense layers of 1024, \`deep\` hundreds to thousands of 3 × 3 convolutions of 32 channels. int8 with two calibration samples.
Memory is what the process took beyond the source file at its peak.`,
  table(["model", "source MB", "file MB", "seconds", "MB/s", "memory MB"], rows)];
}
