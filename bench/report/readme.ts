/** The README's table of latencies. */
import { EMPTY, OURS } from "../peers/cold.ts";
import type { PeerResults } from "../results.ts";
import { claims, millisecondsOf, ratioOf } from "./ratios.ts";
import { kilobytes, milliseconds, table, times } from "./table.ts";

const columns: Record<string, string> = { "int8": "Octavo simd, int8", "int8, relaxed": "Octavo relaxed, int8", "float": "Octavo simd, float", "LiteRT.js int8": "LiteRT.js, int8", "tfjs-tflite int8": "tfjs-tflite, int8", "onnxruntime-web float": "onnxruntime-web, float" };

export function readmeLatency({ machine, models, chromium, node, cold }: PeerResults): string {
  const rows = [...models].sort((a, b) => a.macs - b.macs).map(({ name, macs, bytes }) => [name, (macs / 1e6).toFixed(2), kilobytes(bytes.float), kilobytes(bytes.octavo), ...Object.values(columns).map((c) => milliseconds(millisecondsOf(chromium!.timings[name], c)))]);
  const means = claims.filter((c) => c.run === "chromium").map((c) => ratioOf(c, models, chromium!.timings)).filter((r) => r.ratios.length).map((r) => `| ${r.claim.what} | ${times(r.least)} | ${times(r.mean)} |`);
  const { chromium: pages, node: processes } = cold ?? {};
  return [`Milliseconds per inference in Chromium ${chromium!.version}, one thread, shortest of many windows, all engines in one page in turn; ${machine.processor}
(${machine.instructions.join(", ")}), ${machine.cores} shared cores, ${machine.date}; [everything that was measured, and how](docs/benchmarks.md), \`npm run bench:peers\`:`, "",
  table(["model", "MMAC", "float source", "int8 file", ...Object.keys(columns)], rows), "",
  "| times as fast as the peer | least | geometric mean |", "|---|--:|--:|", ...means,
  ...(pages && processes ? ["", `First answer of kws: ${(pages[OURS]!.ms - pages[EMPTY]!.ms).toFixed(0)} ms beyond an empty page (LiteRT.js ${(pages["LiteRT.js, int8"]!.ms - pages[EMPTY]!.ms).toFixed(0)}, onnxruntime-web ${(pages["onnxruntime-web, uint8"]!.ms - pages[EMPTY]!.ms).toFixed(0)}), ${(processes[OURS]!.ms - processes[EMPTY]!.ms).toFixed(0)} ms beyond \`node -e 0\`. \
Code that a page fetches, gzip: ${kilobytes(pages[OURS]!.shipped)} (${kilobytes(pages["LiteRT.js, int8"]!.shipped)}, ${kilobytes(pages["onnxruntime-web, uint8"]!.shipped)}); linear memory ${kilobytes(pages[OURS]!.wasmBytes)} (${kilobytes(pages["LiteRT.js, int8"]!.wasmBytes)}, ${kilobytes(pages["onnxruntime-web, uint8"]!.wasmBytes)}). Node ${node?.version ?? ""}.`] : [])].join("\n");
}
