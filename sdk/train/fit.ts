/** Epochs over a data set: a loop that can stop after any batch and go on from there with the same bytes. */
import { OctavoError } from "../errors.ts";
import type { EarlyStopping, EpochResult, History, Position, Progress } from "./fit-options.ts";
import { refuse, type Plan } from "./fit-plan.ts";
import type { Memory } from "./memory.ts";
import { addPart, evaluation, metricsOf, noSums, type Metrics } from "./metrics.ts";
import { gradientOf } from "./parts.ts";
import type { Samples } from "./samples.ts";
import type { Session } from "./session.ts";
import { slicer } from "./slices.ts";

const atStart = (plan: Plan): Position => ({ epoch: 0, batch: 0, sums: noSums(), history: [], plan: plan.fixed });

function resumed(position: Position | undefined, plan: Plan): Position {
  if (!position || plan.options.resume === false) return atStart(plan);
  const differs = (Object.keys(plan.fixed) as (keyof Position["plan"])[]).find((k) => plan.fixed[k] !== position.plan[k]);
  if (differs) refuse(`the fit to go on with had ${differs} ${position.plan[differs]}, found ${plan.fixed[differs]}. Give the same data and options, or resume: false.`);
  return position;
}

/** @throws OctavoError ERR_OCTAVO_NAN, the signal's reason; the trainer is then as after the last good step or epoch */
export async function fit(s: Session, plan: Plan): Promise<History> {
  const { options } = plan, pause = slicer(options.budgetMs ?? 10), at = (s.position = resumed(s.position, plan));
  if (at.batch === 0 && at.epoch === 0) {
    s.memory.gradients.fill(0);
    s.pending = 0;
    s.kept = s.memory.state.slice();
  }
  while (at.epoch < plan.epochs && !isEnough(at, options.earlyStopping)) {
    const order = plan.order(at.epoch);
    while (at.batch < plan.batches) {
      options.signal?.throwIfAborted();
      const progress = trainBatch(s, plan, at, order);
      if (progress) await options.onProgress?.(progress);
      await pause();
    }
    await endEpoch(s, plan, at, pause);
  }
  return finish(s, at, options.earlyStopping);
}

/** One batch, and after the last of a group the optimizer's step. */
function trainBatch(s: Session, plan: Plan, at: Position, order: ArrayLike<number>): Progress | undefined {
  const { memory: m } = s, { train, fixed: { batchSize } } = plan, { total, isLast } = groupOf(plan, at.batch, order);
  const from = at.batch * batchSize, rows = Math.min(batchSize, train.count - from);
  const loss = gradientOf(m, train, order, from, rows, plan.weights, total, (first, count, own) => addPart(at.sums, m, train, order, first, count, own * total, weightOf(plan, order, first, first + count)));
  if (!Number.isFinite(loss)) throw lost(s, plan, at, `the loss is ${loss}`);
  const learningRate = isLast ? s.setRate(plan.schedule(momentOf(plan, at))) : 0;
  if (isLast && !m.update()) throw lost(s, plan, at, "a gradient is not finite");
  at.batch++;
  return isLast ? { ...metricsOf(m.task, at.sums), epoch: at.epoch, epochs: plan.epochs, step: Math.ceil(at.batch / plan.fixed.accumulate), steps: plan.steps, learningRate } : undefined;
}

/** The batches that share a step of the optimizer with this one: what their samples count together; is this the last? */
function groupOf(plan: Plan, batch: number, order: ArrayLike<number>): { total: number; isLast: boolean } {
  const { accumulate, batchSize } = plan.fixed, first = batch - (batch % accumulate), end = Math.min(first + accumulate, plan.batches);
  return { total: weightOf(plan, order, first * batchSize, Math.min(end * batchSize, plan.train.count)) || 1, isLast: batch + 1 === end };
}

function weightOf({ weights }: Plan, order: ArrayLike<number>, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; i++) total += weights[order[i]!]!;
  return total;
}

const momentOf = (plan: Plan, { epoch, batch }: Position) =>
  ({ step: epoch * plan.steps + Math.floor(batch / plan.fixed.accumulate), steps: plan.epochs * plan.steps, epoch, epochs: plan.epochs });

async function endEpoch(s: Session, plan: Plan, at: Position, pause: () => Promise<void> | undefined): Promise<void> {
  const learningRate = s.learningRate * plan.schedule(momentOf(plan, { ...at, batch: plan.batches - 1 }));
  const result: EpochResult = { epoch: at.epoch, ...metricsOf(s.memory.task, at.sums), learningRate }, validation = plan.validation && await measure(s.memory, plan.validation, pause, plan.options.signal);
  at.history.push(validation ? { ...result, validation } : result);
  const { monitor = "loss", minDelta = 0 } = plan.options.earlyStopping ?? {}, value = valueOf(at.history.at(-1)!, monitor);
  if (!at.best || value < at.best.value - minDelta) {
    at.best = { epoch: at.epoch, value };
    s.kept = s.memory.state.slice();
  }
  Object.assign(at, { epoch: at.epoch + 1, batch: 0, sums: noSums() });
  await plan.options.onEpoch?.(at.history.at(-1)!);
}

async function measure(m: Memory, samples: Samples, pause: () => Promise<void> | undefined, signal?: AbortSignal): Promise<Metrics> {
  const steps = evaluation(m, samples);
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return step.value;
    signal?.throwIfAborted();
    await pause();
  }
}

/** Smaller is better. */
function valueOf({ validation, loss, accuracy }: EpochResult, monitor: "loss" | "accuracy"): number {
  const figures = validation ?? { loss, accuracy };
  return monitor === "loss" ? figures.loss : figures.accuracy === undefined ? refuse("earlyStopping watches the accuracy, which the loss of this file has not. Watch the loss.") : -figures.accuracy;
}

const isEnough = (at: Position, stopping?: EarlyStopping): boolean => stopping !== undefined && at.best !== undefined && at.epoch - 1 - at.best.epoch >= stopping.patience;

function finish(s: Session, at: Position, stopping?: EarlyStopping): History {
  const early = isEnough(at, stopping), { best } = at;
  if (stopping && stopping.restoreBest !== false && best && best.epoch !== at.epoch - 1) s.memory.state.set(s.kept!);
  s.position = s.kept = undefined;
  return { epochs: at.history, stopped: early ? "early" : "done", ...(best && { best: best.epoch }) };
}

/** Training diverged: back to the state that was kept. */
function lost(s: Session, plan: Plan, at: Position, problem: string): OctavoError {
  const rate = s.learningRate * plan.schedule(momentOf(plan, at)), kept = at.best ? `of epoch ${at.best.epoch + 1}` : "from before fit";
  s.memory.state.set(s.kept!);
  s.position = s.kept = undefined;
  const where = `in epoch ${at.epoch + 1}, batch ${at.batch + 1} of ${plan.batches}`;
  return new OctavoError("ERR_OCTAVO_NAN", `fit: ${problem} ${where}. The parameters ${kept} are restored. Lower the learning rate (${rate}) or set clipNorm, and look for inputs that are not finite.`);
}
