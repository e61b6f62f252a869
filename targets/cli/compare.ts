/** `octavo compare SOURCE FILE --data X.npy`: where a quantized model departs from its source. */
import { Option, type Command } from "commander";
import { OctavoError } from "../../sdk/errors.ts";
import type { Model } from "../../sdk/model.ts";
import { decibelText } from "../../converter/report/text.ts";
import { isModelFile, buildNames, loadBuild, openModel, type OpenOptions } from "./open.ts";
import { readBytes } from "./files.ts";
import { layerErrors, type LayerErrorRow } from "./layer-errors.ts";
import { repeated } from "./options.ts";
import { convertedSamples } from "./runner.ts";
import { readSamples } from "./samples.ts";
import { withSource } from "./source.ts";
import { shorten, table, terminal, withSpeech, type SpeechOptions } from "./terminal.ts";

interface Options extends OpenOptions, SpeechOptions { data: string[] }

export function define(command: Command): void {
  command.argument("<SOURCE>", "the source model").argument("<FILE>", "the .octavo file made from it")
    .requiredOption("--data <[NAME=]FILE>", ".npy or .npz, first axis = samples; .png .jpg .wav, a sample each (may be repeated)", repeated)
    .addOption(new Option("--build <NAME>", "kernels to run").choices(buildNames));
  withSpeech(withSource(command)).action(compare);
}

async function compare(source: string, file: string, options: Options): Promise<void> {
  const out = terminal(options), bytes = await readBytes(file);
  if (!isModelFile(bytes)) throw new OctavoError("ERR_OCTAVO_FORMAT", `compare: "${file}" is no .octavo file. Make it first: octavo convert ${source} -o OUT.octavo`);
  const { model: float } = await openModel(source, options), quantized = await loadBuild(bytes, options.build);
  checkSame(float, quantized, source, file);
  const samples = await readSamples(options.data, quantized.inputs, "--data", quantized.metadata.preprocess), bar = await out.progress("compare", samples.count);
  let rows: LayerErrorRow[];
  try {
    rows = layerErrors(float, quantized, convertedSamples(quantized, samples), bar.update);
  } finally {
    bar.stop();
  }
  if (!rows.length) throw new OctavoError("ERR_OCTAVO_SHAPE", `compare: "${file}" has no layer in common with "${source}". Was it converted from another model, or by an older version?`);
  rows.sort((a, b) => a.sqnr - b.sqnr);
  out.answer({ source, file, samples: samples.count, layers: rows }, describe(rows));
}

function checkSame(float: Model, quantized: Model, source: string, file: string): void {
  const ports = (m: Model) => JSON.stringify([m.inputs, m.outputs].map((side) => side.map(({ name, shape }) => ({ name, shape }))));
  if (ports(float) !== ports(quantized)) throw new OctavoError("ERR_OCTAVO_SHAPE", `compare: "${file}" has inputs and outputs ${ports(quantized)}, "${source}" has ${ports(float)}. Give the file's own source, and the options it was converted with.`);
}

const percent = (v: number) => `${(100 * v).toFixed(2)} %`;

/** A layer with several outputs is told with the one that is meant. */
const layerText = ({ name, tensor }: LayerErrorRow) => (tensor === name || name.includes(";") ? shorten(name, 48) : `${shorten(name, 30)} → ${shorten(tensor, 30)}`);

function describe(rows: readonly LayerErrorRow[]): string {
  const heads = ["SQNR", "largest error", "mean error", "saturated", "layer", "operator", "kernel"];
  return table([heads, ...rows.map((r) => [decibelText(r.sqnr), r.largest.toPrecision(3), r.mean.toPrecision(3), percent(r.saturated), layerText(r), r.op, r.kernel])]);
}

