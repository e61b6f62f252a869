/** Optimizers and their hyperparameters: options of the user ↔ the struct `Hyper` of docs/training.md. */
import { OctavoError } from "../errors.ts";

/** In the order of their numbers in `Hyper`. */
export const optimizerNames = ["sgd", "momentum", "nesterov", "adam", "adamw", "adagrad", "rmsprop"] as const;
export type OptimizerName = (typeof optimizerNames)[number];

export interface Hyperparameters {
  /** Default: that of `convert`; `momentum` where only a momentum is given. */
  optimizer?: OptimizerName;
  learningRate?: number;
  /** Of momentum and nesterov; default 0.9. */
  momentum?: number;
  /** Of adam and adamw; defaults 0.9 and 0.999. */
  beta1?: number;
  beta2?: number;
  /** Of rmsprop: smoothing of the squares; default 0.99. */
  alpha?: number;
  epsilon?: number;
  /** Coupled (added to the gradient), of adamw decoupled; default 0, of adamw 0.01. */
  weightDecay?: number;
  /** Longest gradient over all parameters (L2 norm); 0: any. */
  clipNorm?: number;
  /** Largest magnitude of each gradient; 0: any. */
  clipValue?: number;
}

export type Hyper = { optimizer: OptimizerName } & Record<Exclude<keyof Hyperparameters, "optimizer">, number>;
type Field = Exclude<keyof Hyperparameters, "optimizer">;

const common = { weightDecay: 0, clipNorm: 0, clipValue: 0 };
const adam = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, ...common };

/** State (floats per parameter) and what may be set, with PyTorch's defaults. */
const optimizers: Record<OptimizerName, { slots: number; defaults: Partial<Record<Field, number>> }> = {
  sgd: { slots: 0, defaults: { learningRate: 1e-3, ...common } },
  momentum: { slots: 1, defaults: { learningRate: 1e-3, momentum: 0.9, ...common } },
  nesterov: { slots: 1, defaults: { learningRate: 1e-3, momentum: 0.9, ...common } },
  adam: { slots: 2, defaults: adam },
  adamw: { slots: 2, defaults: { ...adam, weightDecay: 0.01 } },
  adagrad: { slots: 1, defaults: { learningRate: 1e-2, epsilon: 1e-10, ...common } },
  rmsprop: { slots: 1, defaults: { learningRate: 1e-2, alpha: 0.99, epsilon: 1e-8, ...common } },
};

/** Below 1, or a sum of past gradients never fades. */
const fractions: readonly Field[] = ["momentum", "beta1", "beta2", "alpha"];

const refuse = (code: "DTYPE" | "MEMORY", problem: string): never => { throw new OctavoError(`ERR_OCTAVO_${code}`, `train: ${problem}`); };

/** @param reserved what the file has: its optimizer and the slots of its state */
function optimizerOf({ optimizer, momentum }: Hyperparameters, reserved: { optimizer: OptimizerName; slots: number }): OptimizerName {
  const usesMomentum = optimizers[reserved.optimizer].defaults.momentum !== undefined;
  const wanted = optimizer ?? (momentum === undefined || usesMomentum ? reserved.optimizer : "momentum"), name = wanted === "sgd" && momentum ? "momentum" : wanted;
  if (!optimizerNames.includes(name)) refuse("DTYPE", `optimizer is ${JSON.stringify(name)}, expected one of ${optimizerNames.join(", ")}.`);
  const { slots } = optimizers[name];
  if (slots <= reserved.slots) return name;
  return refuse("MEMORY", `optimizer ${name} keeps ${slots} floats per parameter, the file reserves ${reserved.slots} (for ${reserved.optimizer}). Convert the model again with --optimizer ${name}, or choose ${fitting(reserved.slots)}.`);
}

const fitting = (slots: number) => optimizerNames.filter((n) => optimizers[n].slots <= slots).join(", ");

/**
 * All hyperparameters, those of the user over the defaults.
 * @throws OctavoError ERR_OCTAVO_MEMORY for an optimizer whose state does not fit, ERR_OCTAVO_DTYPE for a value that makes no sense
 */
export function hyperOf(options: Hyperparameters, reserved: { optimizer: OptimizerName; slots: number }): Hyper {
  const optimizer = optimizerOf(options, reserved), { defaults } = optimizers[optimizer], hyper: Record<string, number> = { momentum: 0, beta1: 0, beta2: 0, alpha: 0, epsilon: 0, ...defaults };
  for (const field of ["learningRate", ...fractions, "epsilon", "weightDecay", "clipNorm", "clipValue"] as Field[]) {
    const value = options[field];
    if (value === undefined || (field === "momentum" && value === 0 && optimizer === "sgd")) continue;
    if (defaults[field] === undefined) refuse("DTYPE", `${field} is no hyperparameter of ${optimizer}, which has ${Object.keys(defaults).join(", ")}.`);
    hyper[field] = checked(field, value);
  }
  return { optimizer, ...hyper } as Hyper;
}

function checked(field: Field, value: number): number {
  const most = fractions.includes(field) ? 1 : Infinity;
  return typeof value === "number" && value >= 0 && value < most ? value : refuse("DTYPE", `${field} is ${String(value)}, expected a number from 0 ${most === 1 ? "to below 1" : "on"}.`);
}

export const HYPER_BYTES = 64;

/** Writes the struct of an optimizer that took no step yet. */
export function writeHyper(view: DataView, h: Hyper): void {
  view.setInt32(0, optimizerNames.indexOf(h.optimizer), true);
  [h.learningRate, h.momentum || h.beta1, h.beta2 || h.alpha, h.epsilon, h.weightDecay, h.clipNorm, h.clipValue].forEach((v, i) => view.setFloat32(4 + 4 * i, v, true));
  view.setInt32(32, 0, true);
  for (const at of [40, 48]) view.setFloat64(at, 1, true);
}

export const setLearningRate = (view: DataView, rate: number): void => view.setFloat32(4, rate, true);

/** Could these 64 bytes have been written by a trainer of a file with so many slots? */
export function isHyper(view: DataView, slots: number): boolean {
  const name = optimizerNames[view.getInt32(0, true)], floats = Array.from({ length: 7 }, (_, i) => view.getFloat32(4 + 4 * i, true));
  return name !== undefined && optimizers[name].slots <= slots && [...floats, view.getFloat64(40, true), view.getFloat64(48, true)].every((v) => v >= 0 && v < Infinity) && view.getInt32(32, true) >= 0;
}
