/** bench/results → docs/benchmarks.md and its charts. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { insertBetween, root } from "../../scripts/engines/tools.ts";
import { read } from "../results.ts";
import { growthChart, latencyChart } from "./charts.ts";
import { conversionSection } from "./conversions.ts";
import { peersSections } from "./peers.ts";
import { readmeLatency } from "./readme.ts";
import { targetSections } from "./targets.ts";

const at = (file: string) => path.join(root, file);

export function writePage(): void {
  const peers = read("peers"), targets = read("targets"), conversions = read("conversions");
  const sections = [head, ...(peers ? peersSections(peers) : []), ...(targets ? targetSections(targets) : []), ...(conversions ? conversionSection(conversions) : [])];
  writeFileSync(at("docs/benchmarks.md"), `${sections.join("\n\n")}\n`);
  if (peers?.chromium) {
    writeFileSync(at("docs/latency.svg"), latencyChart(peers.models, peers.chromium));
    writeFileSync(at("docs/latency-macs.svg"), growthChart(peers.models, peers.chromium));
    insertBetween("README.md", "latency", readmeLatency(peers));
  }
}

const head = `# Benchmarks

Written by \`npm run bench:peers\` and \`npm run bench:targets\`, which anyone can run again; the figures are kept in \`bench/results\`.
\`npm run bench\` measures Octavo alone and says what became slower.

Latency is that of one inference at batch 1 in one thread: input copied in, run, output copied out. All engines of a table
were in one process at the same time and took turns, window by window (40 windows of 3 ms or of one run); the shortest window
counts. Compare within a table, by ratio: another machine, and another hour on a shared machine, gives other milliseconds.`;
