/** Data and options of a fit → batches, steps and orders. All checks are made here. */
import { OctavoError } from "../errors.ts";
import type { FitOptions, Position } from "./fit-options.ts";
import { sampleWeights, type Dataset, type Samples } from "./samples.ts";
import { constant } from "./schedule.ts";
import type { Session } from "./session.ts";
import { inOrder, shuffled } from "./shuffle.ts";

export interface Plan extends Required<Pick<FitOptions, "epochs" | "schedule">> {
  options: FitOptions;
  train: Samples;
  validation: Samples | undefined;
  /** What each sample counts. */
  weights: Float64Array;
  fixed: Position["plan"];
  /** Batches, and steps of the optimizer, per epoch. */
  batches: number;
  steps: number;
  order: (epoch: number) => ArrayLike<number>;
}

export const refuse = (problem: string): never => { throw new OctavoError("ERR_OCTAVO_SHAPE", `fit: ${problem}`); };

function whole(name: string, value: number, least: number, most = Infinity): number {
  return Number.isInteger(value) && value >= least && value <= most ? value : refuse(`${name} is ${value}, expected a whole number from ${least}${most < Infinity ? ` to ${most}` : " on"}.`);
}

/** @param check a data set → samples */
export function planOf(s: Session, dataset: Dataset, options: FitOptions, check: (d: Dataset) => Samples): Plan {
  const { task } = s.memory, { train, held } = parts(check(dataset), options.validation ?? 0, task.labelSize, check), { count } = train, { batch } = task.info;
  const { epochs = 1, seed = 0, accumulate = s.accumulate, batchSize = batch, schedule = constant(), shuffle = true } = options;
  if (batchSize > batch) refuse(`batchSize is ${batchSize}, the file's batch has ${batch} rows. Use accumulate, or convert again with --train-batch ${batchSize}.`);
  const fixed = { samples: count, seed: whole("seed", seed, -(2 ** 31), 2 ** 32), batchSize: whole("batchSize", batchSize, 1), accumulate: whole("accumulate", accumulate, 1) }, batches = Math.ceil(count / batchSize);
  return {
    options, train, validation: held, weights: sampleWeights(train, task, options.classWeights ?? s.classWeights), fixed, schedule, epochs: whole("epochs", epochs, 1),
    batches, steps: Math.ceil(batches / accumulate), order: (epoch) => orderOf(shuffle, count, seed, epoch),
  };
}

function parts(all: Samples, validation: Dataset | number, labelSize: number, check: (d: Dataset) => Samples): { train: Samples; held: Samples | undefined } {
  if (typeof validation !== "number") return { train: all, held: check(validation) };
  if (!(validation >= 0 && validation < 1)) refuse(`validation is ${validation}, expected a fraction from 0 to below 1, or a data set.`);
  const held = Math.round(all.count * validation), count = all.count - held;
  if (count < 1) refuse(`validation takes all ${all.count} samples, none is left to train on.`);
  return { train: { ...all, count }, held: held ? tail(all, count, labelSize) : undefined };
}

/** Samples from number `from` on. */
const tail = (s: Samples, from: number, labelSize: number): Samples =>
  ({ count: s.count - from, input: (k, n) => s.input(k, from + n), labels: Array.prototype.slice.call(s.labels, from * labelSize) });

function orderOf(shuffle: NonNullable<FitOptions["shuffle"]>, count: number, seed: number, epoch: number): ArrayLike<number> {
  if (typeof shuffle !== "function") return shuffle ? shuffled(count, seed, epoch) : inOrder(count);
  const order = shuffle(epoch, count);
  if (order.length !== count) refuse(`shuffle gives ${order.length} positions, expected ${count}.`);
  for (let i = 0; i < count; i++) whole(`position ${i} of shuffle`, order[i]!, 0, count - 1);
  return order;
}
