/** `octavo bench FILE`: how fast and how large. */
import { Option, type Command } from "commander";
import type { Model, Named, ProfileRow, Values } from "../../sdk/model.ts";
import { arrays } from "../../sdk/values.ts";
import { buildNames, openModel, type OpenOptions } from "./open.ts";
import { positive, repeated } from "./options.ts";
import { readSamples } from "./samples.ts";
import { convertedSamples, runnerOf } from "./runner.ts";
import { withSource } from "./source.ts";
import { bytesText, countText, millisText, table, terminal, withSpeech, type SpeechOptions } from "./terminal.ts";

interface Options extends OpenOptions, SpeechOptions { runs?: number; input?: string[] }

export function define(command: Command): void {
  command.argument("<FILE>", "an .octavo file, or a source model, which then runs in float32")
    .option("--runs <N>", "measured runs (default: as many as fit into two seconds, at least 20)", positive)
    .option("--input <[NAME=]FILE>", "values to run on: .npy or .npz (default: noise)", repeated)
    .addOption(new Option("--build <NAME>", "kernels to run").choices(buildNames));
  withSpeech(withSource(command)).action(bench);
}

const WARM_UP_MS = 200, MEASURE_MS = 2000, FEWEST = 20, MOST = 100_000;

/** Milliseconds of each run, after a warm-up that lets the engine optimise the kernels. */
export function measure(run: (i: number) => void, runs?: number, budget = MEASURE_MS): number[] {
  const begin = performance.now();
  for (let i = 0; i < 3 || performance.now() - begin < Math.min(WARM_UP_MS, budget); i++) run(i);
  const times: number[] = [], from = performance.now();
  for (let i = 0; runs ? i < runs : i < FEWEST || (performance.now() - from < budget && i < MOST); i++) {
    const start = performance.now();
    run(i);
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}

/** The value below which a fraction `p` of the sorted values lies. */
export const quantile = (sorted: readonly number[], p: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(p * sorted.length) - 1)]!;

async function bench(file: string, options: Options): Promise<void> {
  const out = terminal(options), { model, bytes, loadMs } = await openModel(file, options);
  const given = options.input ? await sampleRuns(model, options.input) : noiseRuns(model);
  const times = measure(given.run, options.runs), median = quantile(times, 0.5), p95 = quantile(times, 0.95);
  const rows = profile(model, given.first), macs = rows.reduce((n, r) => n + r.macs, 0), kernels = byKernel(rows);
  const result = {
    model: file, build: model.build, precision: model.metadata.precision, runs: times.length, medianMs: median, p95Ms: p95, gmacPerSecond: macs / median / 1e6, macs, loadMs,
    fileBytes: bytes.length, weightBytes: model.memory.weights, arenaBytes: model.memory.arena, linearMemoryBytes: model.memory.linear, peakProcessBytes: process.resourceUsage().maxRSS * 1024,
    kernels, layers: rows,
  };
  out.answer(result, describe(result, kernels));
}

async function sampleRuns(model: Model, specs: string[]): Promise<{ run: (i: number) => void; first: Named }> {
  const samples = await readSamples(specs, model.inputs, "--input", model.metadata.preprocess), runner = runnerOf(model, samples);
  return { run: (i) => void runner.run(i % samples.count), first: [...convertedSamples(model, { ...samples, count: 1 })][0]! };
}

function noiseRuns(model: Model): { run: (i: number) => void; first: Named } {
  const first = noise(model);
  return { run: () => void model.run(first), first };
}

/** Real inputs in −1 … 1 from a fixed generator; integer inputs, often indices, are 0. */
export function noise(model: Model): Named {
  let seed = 1;
  const next = () => (seed = (Math.imul(seed, 1664525) + 1013904223) | 0) / 2 ** 31;
  return Object.fromEntries(model.inputs.map(({ name, shape, dtype }): [string, Values] => {
    const size = shape.reduce((n, d) => n * d, 1);
    if (dtype === "float32") return [name, Float32Array.from({ length: size }, next)];
    return [name, new arrays[dtype](size)];
  }));
}

const PROFILE_RUNS = 15;

/** Per kernel call the median of several profiled runs. */
export function profile(model: Model, input: Named): ProfileRow[] {
  const runs = Array.from({ length: PROFILE_RUNS }, () => model.profile(input));
  return runs[0]!.map((row, i) => ({ ...row, microseconds: quantile(runs.map((r) => r[i]!.microseconds).sort((a, b) => a - b), 0.5) }));
}

interface KernelRow { kernel: string; calls: number; microseconds: number; macs: number }

function byKernel(rows: readonly ProfileRow[]): KernelRow[] {
  const sums = new Map<string, KernelRow>();
  for (const { kernel, microseconds, macs } of rows) {
    const s = sums.get(kernel) ?? { kernel, calls: 0, microseconds: 0, macs: 0 };
    sums.set(kernel, { kernel, calls: s.calls + 1, microseconds: s.microseconds + microseconds, macs: s.macs + macs });
  }
  return [...sums.values()].sort((a, b) => b.microseconds - a.microseconds);
}

function describe(r: { build: string; precision: string; runs: number; medianMs: number; p95Ms: number; gmacPerSecond: number; macs: number; loadMs: number; fileBytes: number; weightBytes: number; arenaBytes: number; linearMemoryBytes: number; peakProcessBytes: number }, kernels: readonly KernelRow[]): string {
  const total = kernels.reduce((n, k) => n + k.microseconds, 0);
  const rows = kernels.map((k) => [k.kernel, k.calls, (k.microseconds).toFixed(1), `${((100 * k.microseconds) / total).toFixed(1)} %`, k.macs ? (k.macs / k.microseconds / 1e3).toFixed(2) : "-"]);
  return [
    `latency   median ${millisText(r.medianMs)}, p95 ${millisText(r.p95Ms)}, ${r.runs} runs, ${r.build} ${r.precision}`,
    `speed     ${r.gmacPerSecond.toFixed(2)} GMAC/s of ${countText(r.macs)} multiply-accumulates`,
    `loading   ${millisText(r.loadMs)}`,
    `memory    file ${bytesText(r.fileBytes)}, weights ${bytesText(r.weightBytes)}, arena ${bytesText(r.arenaBytes)}, linear memory ${bytesText(r.linearMemoryBytes)}, peak of the process ${bytesText(r.peakProcessBytes)}`,
    "", table([["kernel", "calls", "µs", "share", "GMAC/s"], ...rows]),
  ].join("\n");
}
