/** `octavo train FILE --data X.npy --labels Y.npy -o OUT.octavo` */
import { Option, type Command } from "commander";
import { OctavoError } from "../../sdk/errors.ts";
import { optimizerNames } from "../../sdk/train/hyper.ts";
import type { Commit, Dataset, EpochResult, FitOptions, History, Hyperparameters, Metrics, Schedule, Score, Trainer } from "../../sdk/train/index.ts";
import { constant, cosine, linear, stepDecay, warmUp } from "../../sdk/train/schedule.ts";
import { checkWritable, writeWhole } from "./files.ts";
import { openModel } from "./open.ts";
import { amount, integer, positive, repeated } from "./options.ts";
import { bytesText, millisText, terminal, withSpeech, type SpeechOptions, type Terminal } from "./terminal.ts";
import { balanced, parseWeights, readDataset, split } from "./training-data.ts";

const schedules: Record<string, (epochs: number) => Schedule> = { constant, cosine: () => cosine(), linear: () => linear(), step: (epochs) => stepDecay({ every: Math.max(1, Math.ceil(epochs / 3)) }) };
const fine = ["momentum", "beta1", "beta2", "alpha", "epsilon", "weightDecay", "clipNorm", "clipValue"] as const;

interface Options extends SpeechOptions, Hyperparameters {
  data: string[]; labels?: string; teacher?: string; output: string; epochs: number; seed: number; batch?: number; accumulate?: number; classWeights?: "balanced" | number[];
  validation?: string[]; validationLabels?: string; patience?: number; guard?: true; schedule: string; warmUp: number;
  checkpoint?: string; resume?: true; delta?: string; weights?: string; build?: "scalar" | "simd";
}

export function define(command: Command): void {
  command.argument("<FILE>", "an .octavo file made with convert --trainable")
    .requiredOption("--data <[NAME=]FILE>", "samples to train on: .npy or .npz, first axis = samples (repeat for several inputs)", repeated)
    .option("--labels <FILE>", ".npy: a class per sample (or row of a sequence), or wanted outputs")
    .option("--teacher <MODEL>", "instead of --labels, for files with the loss distillation: a model to learn from")
    .requiredOption("-o, --output <FILE>", "the .octavo file to write")
    .option("--epochs <N>", "how often each sample is seen", positive, 1)
    .option("--learning-rate <RATE>", "default: 0.001; of adagrad and rmsprop 0.01", amount)
    .addOption(new Option("--optimizer <NAME>", "default: that of convert").choices(optimizerNames));
  for (const name of fine) command.option(`--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)} <VALUE>`, "of the optimizer: see docs/training.md", amount);
  command.addOption(new Option("--schedule <NAME>", "of the learning rate; step: a tenth after each third").choices(Object.keys(schedules)).default("constant"))
    .option("--warm-up <STEPS>", "steps in which the learning rate rises from 0", integer, 0)
    .option("--batch <N>", "samples per batch (default: the rows of the file's batch)", positive)
    .option("--accumulate <N>", "batches per step of the optimizer", positive)
    .option("--class-weights <balanced|W,W,…>", "what samples of each class count", parseWeights)
    .option("--seed <N>", "of the order of samples", integer, 0)
    .option("--validation <FRACTION|FILE>", "measured after each epoch: a fraction that is left out of training, or samples of their own", repeated)
    .option("--validation-labels <FILE>", "labels of those samples")
    .option("--patience <EPOCHS>", "stop after so many epochs without a lower loss, and take the best", positive)
    .option("--guard", "write nothing if the model does worse on the validation than before")
    .option("--checkpoint <FILE>", "written after each epoch, and when Ctrl-C stops training")
    .option("--resume", "go on from the checkpoint")
    .option("--delta <FILE>", "write what changed against the input file, too")
    .option("--weights <FILE>", "write the float parameters, too: safetensors, for convert --weights")
    .addOption(new Option("--build <NAME>", "training kernels to run").choices(["simd", "scalar"]));
  withSpeech(command).action((file: string, options: Options) => {
    const problem = contradiction(options);
    if (problem) command.error(`error: ${problem}`, { exitCode: 2 });
    return train(file, options);
  });
}

const isFraction = (validation: readonly string[]) => validation.length === 1 && Number(validation[0]) > 0 && Number(validation[0]) < 1;

function contradiction({ labels, teacher, resume, checkpoint, guard, validation, validationLabels }: Options): string {
  if (!labels === !teacher) return "give either --labels or --teacher";
  if (resume && !checkpoint) return "--resume needs --checkpoint FILE";
  if (guard && !validation) return "--guard needs --validation";
  return validation && !isFraction(validation) && !validationLabels && !teacher ? "--validation with files needs --validation-labels" : "";
}

async function train(file: string, options: Options): Promise<void> {
  const out = terminal(options), start = performance.now(), node = await import("../node/train.ts");
  for (const target of [options.output, options.delta, options.weights, options.checkpoint]) if (target) await checkWritable(target);
  const { model } = await openModel(file, {}), trainer = node.trainer(model, { ...hyperparameters(options), ...(options.build && { builds: [node[options.build]] }) });
  const { data, held } = await dataOf(trainer, options), judged = held ?? data;
  if (options.resume) out.say(`goes on from ${(await node.restoreCheckpoint(options.checkpoint!, trainer)) === "newest" ? "the checkpoint" : "the checkpoint before the last, which is damaged"}`);
  const before = trainer.score(judged), history = await epochs(trainer, data, { ...settings(trainer, data, options), ...(held && { validation: held }) }, options, out);
  const float = trainer.evaluate(judged), commit = trainer.commit(options.guard ? { guard: judged } : {}), after = trainer.score(judged);
  if (!commit.committed) throw worse(commit);
  const bytes = model.save(), delta = trainer.delta(), ms = performance.now() - start;
  await writeWhole(options.output, bytes);
  if (options.delta) await writeWhole(options.delta, delta);
  if (options.weights) await writeWhole(options.weights, (await import("../../converter/train/weights-file.ts")).writeWeights(trainer.parameters()));
  const result = {
    file, output: options.output, bytes: bytes.length, ...(options.delta && { delta: options.delta, deltaBytes: delta.length }),
    build: trainer.build, ...history, before, float, after, trainingBytes: trainer.info.memory.total, milliseconds: ms,
  };
  out.answer(result, options.quiet ? "" : describe(result, held !== undefined));
}

/** Samples to train on, and those that are left out or given to measure on. */
async function dataOf({ model, info }: Trainer, options: Options): Promise<{ data: Dataset; held?: Dataset }> {
  const { validation, validationLabels, teacher } = options, data = await readDataset(model, info, options.data, "--data", options);
  if (!validation) return { data };
  if (!isFraction(validation)) return { data, held: await readDataset(model, info, validation, "--validation", validationLabels ? { labels: validationLabels } : { teacher: teacher! }) };
  const parts = split(data, Math.max(1, Math.round(data.count * Number(validation[0]))));
  return { data: parts.train, held: parts.held };
}

function hyperparameters(options: Options): Hyperparameters {
  return Object.fromEntries(["optimizer", "learningRate", ...fine].flatMap((name) => { const v = options[name as keyof Hyperparameters]; return v === undefined ? [] : [[name, v]]; }));
}

function settings({ info }: Trainer, data: Dataset, o: Options): FitOptions {
  const schedule = schedules[o.schedule]!(o.epochs);
  return {
    epochs: o.epochs, seed: o.seed, schedule: o.warmUp ? warmUp(o.warmUp, schedule) : schedule, budgetMs: 100,
    ...(o.batch && { batchSize: o.batch }), ...(o.accumulate && { accumulate: o.accumulate }), ...(o.patience && { earlyStopping: { patience: o.patience } }),
    ...(o.classWeights && { classWeights: o.classWeights === "balanced" ? balanced(data, info) : o.classWeights }),
  };
}

/** A bar and a line per epoch; checkpoints; Ctrl-C stops after the batch that runs, where a checkpoint can keep it. */
async function epochs(trainer: Trainer, data: Dataset, options: FitOptions, { checkpoint, epochs: count }: Options, out: Terminal): Promise<History> {
  const { saveCheckpoint } = await import("../node/train.ts"), stop = new AbortController(), onSignal = () => stop.abort();
  let bar = await out.progress(`epoch 1 of ${count}`, 1);
  if (checkpoint) process.once("SIGINT", onSignal);
  try {
    return await trainer.fit(data, {
      ...options, signal: stop.signal,
      onProgress: ({ epoch, step, steps, loss }) => bar.update(step / steps, `epoch ${epoch + 1} of ${count}, loss ${loss.toPrecision(4)}`),
      onEpoch: async (result) => {
        bar.stop();
        out.say(epochText(result));
        if (checkpoint) await saveCheckpoint(checkpoint, trainer);
        if (result.epoch + 1 < count) bar = await out.progress(`epoch ${result.epoch + 2} of ${count}`, 1);
      },
    });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    await saveCheckpoint(checkpoint!, trainer);
    throw new OctavoError("ERR_OCTAVO_HOST", `train: stopped. "${checkpoint}" holds where it stood; the same command with --resume goes on.`);
  } finally {
    process.removeListener("SIGINT", onSignal);
    bar.stop();
  }
}

const percent = (v: number) => `${(100 * v).toFixed(2)} %`;
const metricsText = ({ loss, accuracy }: Metrics) => `loss ${loss.toPrecision(4)}${accuracy === undefined ? "" : `, accuracy ${percent(accuracy)}`}`;
const scoreText = ({ metric, value }: Score) => (metric === "accuracy" ? `accuracy ${percent(value)}` : `${metric === "meanSquaredError" ? "mean squared" : "mean absolute"} error ${value.toPrecision(4)}`);
const epochText = (r: EpochResult) => `epoch ${r.epoch + 1}: ${metricsText(r)}${r.validation ? `; validation ${metricsText(r.validation)}` : ""}`;

const worse = ({ before, after }: Commit) => new OctavoError("ERR_OCTAVO_NAN",
  `train: trained, the model does worse on the validation than before (${scoreText(after!)}, before ${scoreText(before!)}). Nothing was written. Use more data, a lower --learning-rate or --patience.`);

function describe(r: History & { output: string; bytes: number; deltaBytes?: number; before: Score; float: Metrics; after: Score; build: string; trainingBytes: number; milliseconds: number }, held: boolean): string {
  return [
    ...(r.stopped === "early" ? [`stopped early; epoch ${r.best! + 1} was the best`] : []),
    `${held ? "validation" : "training data"}: before ${scoreText(r.before)}; trained in float ${metricsText(r.float)}; committed ${scoreText(r.after)}`,
    `${r.output}: ${bytesText(r.bytes)}${r.deltaBytes === undefined ? "" : `, delta ${bytesText(r.deltaBytes)}`}; ${r.build}, training memory ${bytesText(r.trainingBytes)}, in ${millisText(r.milliseconds)}`,
  ].join("\n");
}
