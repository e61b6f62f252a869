/** Fills in what only runs can tell: `report.layers` and the calls of the model are the same list. */
import type { ConvertOptions } from "../../converter/convert.ts";
import type { Agreement, Report } from "../../converter/report/report.ts";
import type { Model } from "../../sdk/model.ts";
import { noise, profile } from "./bench.ts";
import { layerErrors } from "./layer-errors.ts";
import { loadBuild } from "./open.ts";
import { answers, convertedSamples } from "./runner.ts";
import type { Samples } from "./samples.ts";

/** Sets `microseconds` of every layer. */
export async function measureTimes(bytes: Uint8Array, report: Report): Promise<void> {
  const model = await loadBuild(bytes), input = noise(model);
  for (let i = 0; i < 3; i++) model.run(input);
  profile(model, input).forEach((row, i) => { report.layers[i]!.microseconds = row.microseconds; });
  model.dispose();
}

/** Enough for an estimate that differs little from that of all samples. */
const COMPARED_SAMPLES = 16;

/** Sets `agreement`, and, where `layers` is asked for, `error` of every layer, on the first samples of the calibration. */
export async function measureErrors(source: { bytes: Uint8Array; options: ConvertOptions }, bytes: Uint8Array, report: Report, samples: Samples, layers: boolean): Promise<void> {
  const { convert } = await import("../../converter/convert.ts"), { model: floatBytes } = await convert(source.bytes, { ...source.options, precision: "float32" });
  const float = await loadBuild(floatBytes), model = await loadBuild(bytes), some = { ...samples, count: Math.min(samples.count, COMPARED_SAMPLES) };
  report.agreement = { samples: some.count, outputs: agreement(float, model, some) };
  if (layers) for (const { layer, sqnr, largest, mean, saturated } of layerErrors(float, model, convertedSamples(model, some))) report.layers[layer]!.error ??= { sqnr, largest, mean, saturated };
  float.dispose();
  model.dispose();
}

function agreement(float: Model, model: Model, samples: Samples): Agreement[] {
  const truth = answers(float, samples), found = answers(model, samples);
  return float.outputs.map(({ name }, k) => {
    const sum = (term: (wanted: number, got: number) => number) => truth.reduce((all, y, i) => all + (y[k] as Float32Array).reduce((part, v, at) => part + term(v, found[i]![k]![at]!), 0), 0);
    const count = sum(() => 1), mean = count > 1 ? sum((v) => v) / count : 0, noise = sum((v, y) => (v - y) ** 2);
    return { output: name, sqnr: noise === 0 ? Infinity : 10 * Math.log10(sum((v) => (v - mean) ** 2) / noise) };
  });
}
