/** The sections that bench:peers measured. */
import { EMPTY, OURS, type ColdRun } from "../peers/cold.ts";
import { contenders } from "../peers/contenders.ts";
import type { Run } from "../peers/run.ts";
import type { PeerResults } from "../results.ts";
import type { Machine } from "./machine.ts";
import { claims, millisecondsOf, ratioOf, type Ratio, type RunName } from "./ratios.ts";
import { kilobytes, milliseconds, table, times } from "./table.ts";

export function peersSections({ machine, versions, models, chromium, plain, node, cold }: PeerResults): string[] {
  const latency = (title: string, run: Run) => `### ${title}, milliseconds\n\n${latencyTable(models, run)}`;
  return [
    machineSection(machine, versions, chromium?.version, node?.version),
    "## Latency",
    ...(chromium ? [latency(`Chromium ${chromium.version}`, chromium), "![Latency of every model and engine](latency.svg)", "![Latency against multiply-accumulates](latency-macs.svg)"] : []),
    ...(plain ? [latency(`Chromium ${plain.version} without AVX-VNNI`, plain), plainNote] : []),
    ...(node ? [latency(`Node ${node.version}`, node)] : []),
    notes,
    "## Ratios", ...ratioTables({ chromium, plain, node }, models),
    ...(cold ? coldSections(cold) : []),
  ];
}

function machineSection({ processor, cores, memoryGb, system, instructions, date }: Machine, versions: Record<string, string>, chromium = "", node = ""): string {
  const engines = Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ");
  return `## Machine\n\n${processor}, ${cores} cores of a shared virtual machine, ${memoryGb} GB, ${system}; ${instructions.join(", ")}. ${date}. Chromium ${chromium}, Node ${node}; ${engines}.`;
}

const notes = `Files: int8 of Octavo, LiteRT.js and tfjs-tflite is the same published \`.tflite\` with the same integers; ONNX Runtime gets its QDQ twin with uint8 and with
int8 activations (LSTMs: DynamicQuantizeLSTM). Float files hold the published float weights, or the dequantized ones. LiteRT.js refuses every
LSTM file ("Failed to load model"); it takes its relaxed-SIMD build, which on a processor with AVX-VNNI multiplies four bytes at once. TensorFlow.js has
no fused LSTM. "–": the engine refuses the model, or there is no such file.`;

const plainNote = `Chromium was told not to use the processor's AVX-VNNI (\`--js-flags=--no-enable-avx-vnni\`): so it computes on most x86 processors from before 2023. Sums of
two products then saturate, \`load\` takes the \`simd\` build, and LiteRT.js cannot multiply four bytes at once either.`;
const runNames: Record<RunName, string> = { chromium: "Chromium", plain: "Chromium without AVX-VNNI", node: "Node" };

function latencyTable(models: PeerResults["models"], { timings }: Run): string {
  const names = contenders.map((c) => c.name).filter((name) => models.some((m) => timings[m.name]?.[name]));
  return table(["engine", ...models.map((m) => m.name)], names.map((name) => [name, ...models.map((m) => milliseconds(millisecondsOf(timings[m.name], name)))]));
}

function ratioTables(runs: Partial<Record<RunName, Run | undefined>>, models: PeerResults["models"]): string[] {
  const all = claims.flatMap((claim) => (runs[claim.run] ? [ratioOf(claim, models, runs[claim.run]!.timings)] : [])).filter((r) => r.ratios.length);
  const asked = ({ claim: { asked } }: Ratio) => [asked.each && `each ≥ ${asked.each}`, asked.mean && `mean ≥ ${asked.mean}`].filter(Boolean).join(", ") || "–";
  const each = ({ models: names, ratios }: Ratio) => names.map((m, i) => `${m} ${ratios[i]!.toFixed(2)}`).join(", ");
  const rows = all.map((r) => [r.claim.what, runNames[r.claim.run], each(r), times(r.least), `**${times(r.mean)}**`, asked(r)]);
  return ["How many times as fast as the peer (time of the peer / time of Octavo); the mean is geometric; \"goal\" is what the project set itself.", table(["Octavo : peer", "in", "models", "least", "mean", "goal"], rows)];
}

type Times = { ms: number; medianMs: number };
/** The shortest time, and how far it and the median lie beyond those of nothing. */
const beyond = (t: Times | undefined, empty: Times): string[] =>
  t ? [t.ms, Math.max(0, t.ms - empty.ms), Math.max(0, t.medianMs - empty.medianMs)].map(milliseconds) : ["–", "–", "–"];

function coldSections({ chromium, node }: ColdRun): string[] {
  const page = chromium[EMPTY]!, program = node[EMPTY]!;
  const names = [...new Set([...Object.keys(chromium), ...Object.keys(node)])].filter((n) => n !== EMPTY);
  const rows = names.map((name) => {
    const c = chromium[name], n = node[name];
    return [name === OURS ? `**${name}**` : name, ...beyond(c, page), ...beyond(n, program), c ? kilobytes(c.shipped) : "–", c ? kilobytes(c.wasmBytes) : "–"];
  });
  return [`## Cold start, ship size, memory

Keyword spotting (kws). Chromium: a fresh browser and profile each time, from navigation to the first answer, everything served from this machine, the
model file preloaded by a \`<link>\` in every engine's page; an empty page takes ${milliseconds(page.ms)} ms (median ${milliseconds(page.medianMs)}). Node 26: from spawn to exit of a fresh process; \`node -e 0\` takes ${milliseconds(program.ms)} ms (median ${milliseconds(program.medianMs)}).
Contenders took turns; shortest of all rounds, and how far it lies beyond the empty page or process (shortest − shortest, median − median). Ship size: gzip of all
code that the page fetched. Memory: WebAssembly linear memory after the first answer.`,
  table(["engine", "page, ms", "beyond empty", "median", "process, ms", "beyond `node -e 0`", "median", "code, gzip", "linear memory"], rows)];
}
