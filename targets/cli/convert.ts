/** `octavo convert MODEL -o OUT.octavo` */
import { basename } from "node:path";
import { Option, type Command } from "commander";
import type { ConvertOptions, Precision, Progress as StageProgress } from "../../converter/convert.ts";
import type { TypedArray } from "../../converter/ir/graph.ts";
import type { Agreement, Report } from "../../converter/report/report.ts";
import { lossKinds, type LossKind } from "../../converter/ir/ops.train.ts";
import { optimizers, type Optimizer } from "../../converter/train/optimizers.ts";
import { OctavoError } from "../../sdk/errors.ts";
import { checkWritable, readBytes, readJson, writeWhole } from "./files.ts";
import { judgeOf } from "./judge.ts";
import { measureErrors, measureTimes } from "./measure.ts";
import { metricNames, type MetricName } from "./metrics.ts";
import { isModelFile } from "./open.ts";
import { checkPreprocess, type Preprocess } from "./media.ts";
import { byteSize, points, positive, positiveNumber, repeated } from "./options.ts";
import { readSamples, type Port, type Samples } from "./samples.ts";
import { convertOptions, withSource, type SourceOptions } from "./source.ts";
import { bytesText, countText, millisText, shorten, terminal, withSpeech, type SpeechOptions, type Terminal } from "./terminal.ts";

const methods = ["minmax", "percentile", "entropy", "mse"] as const;

interface Options extends SourceOptions, SpeechOptions {
  output: string; calibrate?: string[]; method?: (typeof methods)[number]; precision?: Precision; rounding?: "fast" | "tflite"; weightBits?: "7" | "8";
  trainable?: string; weights?: string; trainMemory?: number; trainBatch: number; trainPart?: number; loss?: LossKind; lossParameter?: number; optimizer: Optimizer;
  maxDrop: number; data?: string[]; labels?: string; metric: MetricName; spareClasses?: number; classes?: string; preprocess?: string; report?: string;
}

export function define(command: Command): void {
  command.argument("<MODEL>", ".onnx .tflite .h5 .keras model.json .pt2, .pt .safetensors with --architecture, or an architecture file with --init-seed")
    .requiredOption("-o, --output <FILE>", "the .octavo file to write")
    .option("--calibrate <[NAME=]FILE>", "representative inputs, .npy or .npz, first axis = samples (repeat for several inputs)", repeated)
    .addOption(new Option("--method <NAME>", "how ranges follow from the samples").choices(methods))
    .addOption(new Option("--precision <NAME>", "arithmetic of the kernels (default: int8)").choices(["int8", "int8x16", "float32", "auto"]))
    .addOption(new Option("--max-drop <POINTS>", "auto: what the metric may lose against float (points; per cent of mse and mae)").argParser(points).default(0.5))
    .option("--data <[NAME=]FILE>", "auto: inputs to measure on (repeat for several inputs)", repeated)
    .option("--labels <FILE>", "auto: the truth about them")
    .addOption(new Option("--metric <NAME>", "auto: figure of merit").choices(metricNames).default("top1"))
    .addOption(new Option("--rounding <NAME>", "tflite: bit-exact with TFLite's reference kernels (default: fast)").choices(["fast", "tflite"]))
    .addOption(new Option("--weight-bits <N>", "7: one instruction on hosts with relaxed SIMD (default: 8)").choices(["8", "7"]))
    .option("--trainable <LAYERS>", "layers that the device may train: last, all, or names separated by commas")
    .addOption(new Option("--train-batch <N>", "rows of a training batch").argParser(positive).default(16))
    .addOption(new Option("--train-part <N>", "rows of it that are computed at a time, for a smaller arena (default: all; with --train-memory what fits)").argParser(positive))
    .addOption(new Option("--train-memory <SIZE>", "memory that training may take, e.g. 256KB: chooses what of the trainable layers to update (default layers: all)").argParser(byteSize))
    .addOption(new Option("--loss <NAME>", "what training minimizes (default: by the model's output)").choices(lossKinds))
    .addOption(new Option("--loss-parameter <NUMBER>", "δ of huber (default: 1), temperature of distillation (default: 4)").argParser(positiveNumber))
    .addOption(new Option("--optimizer <NAME>", "optimizer whose state is reserved").choices(optimizers).default("adam"))
    .option("--weights <FILE>", "parameters that octavo train --weights wrote, in place of the model's own")
    .option("--spare-classes <N>", "so many classes more, to be learned on the device", positive)
    .option("--classes <FILE>", "names of the classes, one per line, kept in the model file")
    .option("--preprocess <FILE>", "JSON that says how raw data become inputs, kept in the model file")
    .option("--report <FILE>", "write an HTML page about sizes, errors, memory and time");
  withSpeech(withSource(command)).action((path: string, options: Options) => {
    if (options.precision === "auto" && !(options.data && options.labels)) command.error("error: --precision auto needs --data and --labels", { exitCode: 2 });
    return convertFile(path, options);
  });
}

async function convertFile(path: string, options: Options): Promise<void> {
  const out = terminal(options), start = performance.now();
  for (const target of [options.output, options.report]) if (target) await checkWritable(target);
  const bytes = await readBytes(path);
  if (isModelFile(bytes)) throw new OctavoError("ERR_OCTAVO_FORMAT", `octavo: file "${path}" is a model file already, expected a source model. Convert the model that it came from.`);
  const { convert } = await import("../converter.ts"), wanted = await settings(path, options), calibration = new Calibration(options.calibrate ?? [], wanted.preprocess);
  const bar = await stageBar(out, basename(path), calibration);
  const judge = options.precision === "auto" ? { judge: judgeOf(options.data!, options.labels!, options.metric, options.maxDrop) } : {};
  let result;
  try {
    result = await convert(bytes, { ...wanted, ...judge, ...calibration.option, onProgress: bar.update });
  } finally {
    bar.stop();
  }
  const { model, report } = result;
  checkPreprocess(wanted.preprocess, report.inputs);
  await writeWhole(options.output, model);
  if (calibration.samples && report.precision !== "float32") await measureErrors({ bytes, options: wanted }, model, report, calibration.samples, options.report !== undefined);
  if (options.report) {
    await measureTimes(model, report);
    await writeWhole(options.report, (await import("../../converter/report/html.ts")).renderReport(report, basename(path)));
  }
  const ms = performance.now() - start;
  out.answer({ file: path, output: options.output, milliseconds: ms, ...(options.report && { page: options.report }), ...report }, options.quiet ? "" : describe(options.output, report, ms));
}

/** `--calibrate` as `convert` takes it: read when the model's inputs are known. */
class Calibration {
  /** After the model was read. */
  samples: Samples | undefined;
  readonly option: Pick<ConvertOptions, "samples">;

  constructor(specs: readonly string[], preprocess: Preprocess | undefined) {
    this.option = specs.length ? { samples: async (ports: readonly Port[]) => {
      this.samples = await readSamples(specs, ports, "--calibrate", preprocess);
      return maps(this.samples, ports);
    } } : {};
  }
}

function* maps(samples: Samples, ports: readonly Port[]): Generator<Record<string, TypedArray>> {
  const real = (x: ReturnType<Samples["at"]>): TypedArray => (x instanceof Uint32Array ? Float64Array.from(x) : x);
  for (let i = 0; i < samples.count; i++) yield Object.fromEntries(ports.map((p, k) => [p.name, real(samples.at(k, i))]));
}

async function settings(path: string, options: Options): Promise<ConvertOptions> {
  const { method, precision, rounding, weightBits, weights, spareClasses, classes, preprocess, trainMemory, trainable, trainBatch, trainPart, loss, lossParameter, optimizer } = options;
  return {
    ...(await convertOptions(path, options)),
    ...(method && { method }), ...(precision && { precision }), ...(rounding && { rounding }), ...(weightBits && { weightBits: weightBits === "7" ? 7 : 8 }),
    ...(trainable && { trainable }), ...(trainMemory && { trainMemory }), ...(trainPart && { trainPart }), ...(loss && { loss }), ...(lossParameter && { lossParameter }), trainBatch, optimizer,
    ...(weights && { weights: (await import("../../converter/train/weights-file.ts")).readWeights(await readBytes(weights)) }),
    ...(spareClasses && { spareClasses }), ...(classes && { classes: await readClasses(classes) }), ...(preprocess && { preprocess: await readPreprocess(preprocess) }),
  };
}

async function readClasses(path: string): Promise<string[]> {
  const lines = new TextDecoder().decode(await readBytes(path)).split(/\r?\n/);
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

async function readPreprocess(path: string): Promise<Record<string, unknown>> {
  const value = await readJson(path);
  if (typeof value === "object" && value && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new OctavoError("ERR_OCTAVO_FORMAT", `json: file "${path}": found ${Array.isArray(value) ? "an array" : typeof value}, expected an object.`);
}

/** One bar over all stages; calibration, the long one, has a step per sample. */
async function stageBar(out: Terminal, name: string, calibration: Calibration): Promise<{ update: (p: StageProgress) => void; stop: () => void }> {
  const steps = { read: 0, optimise: 1, calibrate: 2, choose: 8, quantize: 8, compile: 9 }, bar = await out.progress(name, 10);
  const within = ({ stage, done }: StageProgress) => (stage === "calibrate" && calibration.samples ? (6 * done) / calibration.samples.count : 0);
  return { update: (p) => bar.update(steps[p.stage] + within(p), `${name}: ${p.stage}${p.stage === "choose" ? ` layer ${p.done}` : ""}`), stop: () => bar.stop() };
}

function describe(output: string, { source, model, memory, layers, precision, notes, training, agreement }: Report, ms: number): string {
  const ratio = source.bytes / model.bytes, float = precision === "float32" ? [] : layers.filter((l) => l.precision === "float32" && l.floatBecause);
  return [
    `${output}: ${bytesText(source.bytes)} (${source.format}) → ${bytesText(model.bytes)} (${precision}), ${ratio.toFixed(1)} ×, in ${millisText(ms)}`,
    `weights ${bytesText(model.weightBytes)}, arena ${bytesText(memory.arenaBytes)} (least possible ${bytesText(memory.largestLive)}), ${countText(model.macs)} multiply-accumulates, ${layers.length} kernel calls`,
    ...(training ? [trainingText(training)] : []),
    ...(agreement ? [agreementText(precision, agreement)] : []),
    ...float.slice(0, LISTED).map((l) => `float32: ${shorten(l.name, 48)} (${l.op}): ${l.floatBecause}`),
    ...(float.length > LISTED ? [`float32: ${float.length - LISTED} more, which --json and --report list`] : []),
    ...notes,
  ].join("\n");
}

/** So many float layers are told one by one. */
const LISTED = 12;

/** Below this, a fifth of the answer is noise. */
const POOR = 14;

function agreementText(precision: string, { samples, outputs }: NonNullable<Report["agreement"]>): string {
  const figure = ({ output, sqnr }: Agreement) => `${outputs.length > 1 ? `${shorten(output, 32)} ` : ""}${sqnr === Infinity ? "equal" : `${sqnr.toFixed(1)} dB`}`;
  const advice = outputs.some((o) => o.sqnr < POOR) ? "; below 14 dB a fifth is lost: look where with --report, keep layers in float with --precision auto, or ask for --precision int8x16" : "";
  return `${precision} against float on ${samples} calibration samples: signal to noise ${outputs.map(figure).join(", ")}${advice}`;
}

/** Of one layer, what is trained where not all is: "weight 3,8:16" are channels 3 and 8 … 15. */
function partText(roles: readonly string[]): string {
  const [, channels] = roles.map((r) => / ([\d:,]+)$/.exec(r)).find(Boolean) ?? [];
  if (channels !== undefined) return ` (channels ${channels.replace(/:(\d+)/g, (_, end) => ` to ${end - 1}`).replaceAll(",", ", ")})`;
  return roles.every((r) => /^(bias|recurrentBias)/.test(r)) ? " (bias)" : "";
}

/** What a device can learn with the file, and what that takes. */
function trainingText({ layers, parameters, batch, part, optimizer, loss, memory, macs }: NonNullable<Report["training"]>): string {
  const learned = parameters.filter((p) => !p.name.endsWith("/activation")), count = learned.reduce((n, p) => n + p.size, 0);
  const rolesOf = (layer: string) => learned.filter((p) => p.name.startsWith(`${layer}/`)).map((p) => p.name.slice(layer.length + 1)), names = layers.map((l) => shorten(l, 32) + partText(rolesOf(l))).join(", ");
  return `trains ${names}: ${countText(count)} parameters, ${loss}, batch ${batch}${part < batch ? ` in parts of ${part}` : ""}, ${optimizer}; ${bytesText(memory.total)} beyond inference (state ${bytesText(memory.state)}), ${countText(macs)} multiply-accumulates per step`;
}
