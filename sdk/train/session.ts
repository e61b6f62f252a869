/** What training works on: the instance, the rate, and where a fit stands. All of it goes into a checkpoint. */
import { OctavoError } from "../errors.ts";
import type { Position } from "./fit-options.ts";
import { hyperOf, isHyper, setLearningRate, writeHyper, HYPER_BYTES, type Hyperparameters } from "./hyper.ts";
import type { Memory } from "./memory.ts";

/** The part of a checkpoint that is JSON. */
export interface Facts { learningRate: number; accumulate: number; classWeights: number[] | null; pending: number; position: Position | null }

export class Session {
  readonly memory: Memory;
  learningRate = 0;
  accumulate: number;
  classWeights: ArrayLike<number> | undefined;
  /** Batches of `step` whose gradients wait for the optimizer. */
  pending = 0;
  position: Position | undefined;
  /** State of the best epoch, or of the last that was good. */
  kept: Uint8Array | undefined;

  constructor(memory: Memory, options: Hyperparameters & { accumulate?: number; classWeights?: ArrayLike<number> }) {
    this.memory = memory;
    this.accumulate = options.accumulate ?? 1;
    this.classWeights = options.classWeights;
    this.configure(options);
  }

  /** Hyperparameters anew: those that are not named get their defaults. The state of the optimizer starts at zero. */
  configure(options: Hyperparameters): void {
    const { task: { info }, hyper, state } = this.memory, h = hyperOf(options, info);
    state.fill(0, HYPER_BYTES + 8 * info.count);
    writeHyper(hyper, h);
    this.learningRate = h.learningRate;
  }

  /** @returns the rate that is in force now */
  setRate(factor: number): number {
    const rate = this.learningRate * factor;
    setLearningRate(this.memory.hyper, rate);
    return rate;
  }

  facts(): Facts {
    const { learningRate, accumulate, classWeights, pending, position } = this;
    return { learningRate, accumulate, classWeights: classWeights ? Array.from(classWeights) : null, pending, position: position ?? null };
  }

  /** @throws OctavoError ERR_OCTAVO_FORMAT if this is no state of this file; nothing changed */
  restore(facts: unknown, state: Uint8Array, kept: Uint8Array): void {
    const { memory } = this, size = memory.state.length, { slots } = memory.task.info, hyper = new DataView(state.buffer, state.byteOffset, state.byteLength);
    if (state.length !== size || ![0, size].includes(kept.length) || !isHyper(hyper, slots) || !isFacts(facts)) {
      throw new OctavoError("ERR_OCTAVO_FORMAT", `checkpoint: its state of ${state.length} bytes is none of this model, which has ${size}. Take one that trainer.checkpoint() made.`);
    }
    memory.state.set(state);
    Object.assign(this, { ...facts, classWeights: facts.classWeights ?? undefined, position: facts.position ?? undefined, kept: kept.length ? kept.slice() : undefined });
  }
}

const areNumbers = (...values: unknown[]): boolean => values.every((v) => typeof v === "number");

function isFacts(v: unknown): v is Facts {
  const f = v as Facts | null;
  return typeof f === "object" && f !== null && areNumbers(f.learningRate, f.accumulate, f.pending)
    && (f.classWeights === null || (Array.isArray(f.classWeights) && areNumbers(...f.classWeights))) && (f.position === null || isPosition(f.position));
}

function isPosition({ epoch, batch, sums, history, best, plan }: Position): boolean {
  return areNumbers(epoch, batch, sums?.loss, sums?.weight, sums?.hits, sums?.samples, plan?.samples, plan?.seed, plan?.batchSize, plan?.accumulate)
    && Array.isArray(history) && (best === undefined || areNumbers(best?.epoch, best?.value));
}
