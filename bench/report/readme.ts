/** The README's table of latencies. */
import type { Cold } from "../cold.ts";
import { EMPTY, OURS, type ColdRun } from "../peers/cold.ts";
import type { PeerResults } from "../results.ts";
import { claims, millisecondsOf, ratioOf } from "./ratios.ts";
import { kilobytes, milliseconds, table, times } from "./table.ts";

const columns: Record<string, string> = { "int8": "Octavo simd, int8", "int8, relaxed": "Octavo relaxed, int8", "float": "Octavo simd, float", "LiteRT.js int8": "LiteRT.js, int8", "tfjs-tflite int8": "tfjs-tflite, int8", "onnxruntime-web float": "onnxruntime-web, float" };

export function readmeLatency(results: PeerResults): string {
  const { machine, models, chromium, cold } = results, { version, timings } = chromium!;
  const cells = (name: string) => Object.values(columns).map((c) => milliseconds(millisecondsOf(timings[name], c)));
  const rows = [...models].sort((a, b) => a.macs - b.macs).map(({ name, macs, bytes }) => [name, (macs / 1e6).toFixed(2), kilobytes(bytes.float), kilobytes(bytes.octavo), ...cells(name)]);
  const ratios = claims.filter((c) => c.run === "chromium").map((c) => ratioOf(c, models, timings)).filter((r) => r.ratios.length);
  return `Milliseconds per inference in Chromium ${version}, one thread, shortest of many windows, all engines in one page in turn; ${machine.processor}
(${machine.instructions.join(", ")}), ${machine.cores} shared cores, ${machine.date}; [everything that was measured, and how](docs/benchmarks.md), \`npm run bench:peers\`:

${table(["model", "MMAC", "float source", "int8 file", ...Object.keys(columns)], rows)}

${table(["times as fast as the peer", "least", "geometric mean"], ratios.map((r) => [r.claim.what, times(r.least), times(r.mean)]))}${cold ? `\n\n${coldWords(cold)}` : ""}`;
}

function coldWords({ chromium: pages, node: processes }: ColdRun): string {
  const peers = [pages["LiteRT.js, int8"]!, pages["onnxruntime-web, uint8"]!], ours = pages[OURS]!, empty = pages[EMPTY]!, beyond = (c: Cold) => (c.ms - empty.ms).toFixed(0);
  const [litert, ort] = peers.map((c) => ({ ms: beyond(c), shipped: kilobytes(c.shipped), memory: kilobytes(c.wasmBytes) })) as [Words, Words];
  return `First answer of kws: ${beyond(ours)} ms beyond an empty page (LiteRT.js ${litert.ms}, onnxruntime-web ${ort.ms}), ${(processes[OURS]!.ms - processes[EMPTY]!.ms).toFixed(0)} ms beyond \`node -e 0\`.
Code that a page fetches, gzip: ${kilobytes(ours.shipped)} (${litert.shipped}, ${ort.shipped}); linear memory ${kilobytes(ours.wasmBytes)} (${litert.memory}, ${ort.memory}).`;
}
interface Words { ms: string; shipped: string; memory: string }
