/** Fills in what only runs can tell: `report.layers` and the calls of the model are the same list. */
import type { ConvertOptions } from "../../converter/convert.ts";
import type { Report } from "../../converter/report/report.ts";
import { noise, profile } from "./bench.ts";
import { layerErrors } from "./layer-errors.ts";
import { loadBuild } from "./open.ts";
import { convertedSamples } from "./runner.ts";
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

/** Sets `error` of every layer, on the first samples of the calibration. */
export async function measureErrors(source: { bytes: Uint8Array; options: ConvertOptions }, bytes: Uint8Array, report: Report, samples: Samples): Promise<void> {
  const { convert } = await import("../../converter/convert.ts"), { model: floatBytes } = await convert(source.bytes, { ...source.options, precision: "float32" });
  const float = await loadBuild(floatBytes), model = await loadBuild(bytes), some = { ...samples, count: Math.min(samples.count, COMPARED_SAMPLES) };
  for (const { layer, sqnr, largest, mean, saturated } of layerErrors(float, model, convertedSamples(model, some))) report.layers[layer]!.error ??= { sqnr, largest, mean, saturated };
  float.dispose();
  model.dispose();
}
