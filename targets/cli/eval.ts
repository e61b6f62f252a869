/** `octavo eval FILE --data X.npy --labels Y.npy` */
import { Option, type Command } from "commander";
import { OctavoError } from "../../sdk/errors.ts";
import type { Model } from "../../sdk/model.ts";
import { metricNames, metricOf, type MetricName } from "./metrics.ts";
import { buildNames, openModel, type OpenOptions } from "./open.ts";
import type { NpyArray } from "./npy.ts";
import { repeated } from "./options.ts";
import { runnerOf } from "./runner.ts";
import { readArray, readSamples, type Samples } from "./samples.ts";
import { withSource } from "./source.ts";
import { millisText, terminal, withSpeech, type SpeechOptions } from "./terminal.ts";

interface Options extends OpenOptions, SpeechOptions { data: string[]; labels: string; metric: MetricName }

export function define(command: Command): void {
  command.argument("<FILE>", "an .octavo file, or a source model, which then runs in float32")
    .requiredOption("--data <[NAME=]FILE>", ".npy or .npz, first axis = samples; .png .jpg .wav, a sample each (may be repeated)", repeated)
    .requiredOption("--labels <FILE>", ".npy: classes for top1, top5 and auc, wanted outputs for mse and mae")
    .addOption(new Option("--metric <NAME>", "figure of merit").choices(metricNames).default("top1"))
    .addOption(new Option("--build <NAME>", "kernels to run").choices(buildNames));
  withSpeech(withSource(command)).action(evaluate);
}

async function evaluate(file: string, options: Options): Promise<void> {
  const out = terminal(options), { model, converted } = await openModel(file, options);
  const samples = await readSamples(options.data, model.inputs, "--data", model.metadata.preprocess), labels = await readArray(options.labels);
  const progress = await out.progress("eval", samples.count), start = performance.now();
  let result;
  try {
    result = score(model, samples, labels, options.metric, progress.update);
  } finally {
    progress.stop();
  }
  const { value, raw } = result, ms = performance.now() - start, { precision } = model.metadata;
  const figure = ["top1", "top5"].includes(options.metric) ? `${(100 * value).toFixed(2)} %` : value.toPrecision(6);
  out.answer({ metric: options.metric, value, count: samples.count, model: file, precision, build: model.build, raw, converted, milliseconds: ms },
    `${options.metric} ${figure} of ${samples.count} samples (${precision}, ${model.build}, ${millisText(ms / samples.count)} each)`);
}

/** The metric over all samples. */
export function score(model: Model, samples: Samples, labels: NpyArray, name: MetricName, onSample: (done: number) => void = () => {}): { value: number; raw: boolean } {
  const runner = runnerOf(model, samples), metric = metricOf(name, labels, samples.count, model.outputs[0]!.shape);
  for (let i = 0; i < samples.count; i++) {
    const { x, y } = runner.real(i, runner.run(i)[0]!);
    metric.add(i, y, x);
    onSample(i + 1);
  }
  const value = metric.value();
  if (!Number.isFinite(value)) throw new OctavoError("ERR_OCTAVO_NAN", `eval: ${name} is ${value}: the model's answers or the labels are not finite. Look at them with octavo run.`);
  return { value, raw: runner.raw };
}
