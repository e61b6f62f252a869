/** `octavo run FILE --input X.npy` */
import { Option, type Command } from "commander";
import { OctavoError } from "../../sdk/errors.ts";
import type { Model } from "../../sdk/model.ts";
import { checkWritable, writeWhole } from "./files.ts";
import { buildNames, openModel, type OpenOptions } from "./open.ts";
import { positive, repeated } from "./options.ts";
import { runAll, runnerOf } from "./runner.ts";
import { encodeArrays, readSamples } from "./samples.ts";
import { withSource } from "./source.ts";
import { millisText, shapeText, table, terminal, withSpeech, type SpeechOptions } from "./terminal.ts";
import type { NpyArray } from "./npy.ts";

interface Options extends OpenOptions, SpeechOptions { input?: string[]; selfTest?: true; output?: string; top?: number }

export function define(command: Command): void {
  command.argument("<FILE>", "an .octavo file, or a source model, which then runs in float32")
    .option("--input <[NAME=]FILE>", ".npy or .npz, first axis = samples; .png .jpg .wav, a sample each (may be repeated)", repeated)
    .option("--self-test", "does this host compute the same bytes as the one that converted the model?")
    .option("-o, --output <FILE>", "write the answers: .npy, or .npz for several outputs")
    .option("--top <N>", "print the N largest outputs of each sample", positive)
    .addOption(new Option("--build <NAME>", "kernels to run").choices(buildNames));
  withSpeech(withSource(command)).action((file: string, options: Options) => {
    if (options.selfTest) return selfTest(file, options);
    if (!options.input) command.error("error: required option '--input <[NAME=]FILE>' not specified", { exitCode: 2 });
    return run(file, options as Options & { input: string[] });
  });
}

async function selfTest(file: string, options: Options): Promise<void> {
  const { model } = await openModel(file, options), found = model.selfTest();
  terminal(options).answer(found, `${found.passed ? "passed" : "failed"}: ${found.build} ${found.digest}`);
  if (!found.passed) throw new OctavoError("ERR_OCTAVO_HOST", `octavo: file "${file}": this host computes other bytes (${found.digest}) than the one that converted the model. Try another --build, and report which host this is.`);
}

async function run(file: string, options: Options & { input: string[] }): Promise<void> {
  const out = terminal(options);
  if (options.output) await checkWritable(options.output);
  const { model } = await openModel(file, options), samples = await readSamples(options.input, model.inputs, "--input", model.metadata.preprocess);
  const runner = runnerOf(model, samples), progress = await out.progress("run", samples.count), start = performance.now();
  let outputs: Record<string, NpyArray>;
  try {
    outputs = runAll(runner, model, samples, progress.update);
  } finally {
    progress.stop();
  }
  const ms = performance.now() - start;
  if (options.output) await writeWhole(options.output, await encodeArrays(outputs, options.output));
  const shapes = Object.entries(outputs).map(([name, a]) => `${name} ${shapeText(a.shape)} ${a.dtype}`).join(", ");
  const summary = { model: file, build: model.build, count: samples.count, milliseconds: ms, raw: runner.raw };
  const said = `${samples.count} samples in ${millisText(ms)} (${model.build}): ${shapes}`;
  if (options.output) return out.answer({ ...summary, output: options.output, outputs: shapesOf(outputs) }, options.quiet ? "" : `${said} → ${options.output}`);
  out.answer({ ...summary, outputs: withValues(outputs, samples.count, options.top) }, `${said}\n${show(model, outputs, samples.count, options.top)}`);
}

const shapesOf = (outputs: Record<string, NpyArray>) => Object.fromEntries(Object.entries(outputs).map(([name, { dtype, shape }]) => [name, { dtype, shape }]));

const withValues = (outputs: Record<string, NpyArray>, count: number, top?: number) => Object.fromEntries(Object.entries(outputs).map(([name, a]) =>
  [name, { dtype: a.dtype, shape: a.shape, values: [...a.data], ...(top && { top: rows(a, count).map((y) => largest(y, top)) }) }]));

/** One row of values per sample. */
function rows({ data }: NpyArray, count: number): ArrayLike<number>[] {
  const size = data.length / count;
  return Array.from({ length: count }, (_, i) => data.subarray(i * size, (i + 1) * size));
}

/** Indices of the `n` largest values, largest first. */
const largest = (y: ArrayLike<number>, n: number): number[] =>
  Array.from(y, (_, i) => i).sort((a, b) => y[b]! - y[a]! || a - b).slice(0, n);

const MOST_ROWS = 20, MOST_VALUES = 8;
const valueText = (v: number) => (Number.isInteger(v) ? String(v) : v.toPrecision(4));

/** A short table: the largest values by class with --top or class names, the first values otherwise. */
function show(model: Model, outputs: Record<string, NpyArray>, count: number, top?: number): string {
  const classes = model.metadata.classes, ranked = top ?? (classes ? 1 : 0);
  const label = (i: number) => classes?.[i] ?? `class ${i}`;
  const row = (y: ArrayLike<number>) => ranked ? largest(y, ranked).map((i) => `${label(i)} ${valueText(y[i]!)}`) : [...Array.from(y).slice(0, MOST_VALUES).map(valueText), ...(y.length > MOST_VALUES ? [`… ${y.length} values`] : [])];
  return Object.entries(outputs).map(([name, array]) => {
    const lines = rows(array, count).slice(0, MOST_ROWS).map((y, i) => [i, ...row(y)]);
    const width = Math.max(...lines.map((l) => l.length)), heads = ["sample", name, ...Array.from({ length: width - 2 }, () => "")];
    return table([heads, ...lines]) + (count > MOST_ROWS ? `\n… ${count - MOST_ROWS} more; --output writes them all` : "");
  }).join("\n");
}
