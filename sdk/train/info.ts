/** `metadata.training`: what the converter says about the training programs of a file. */
import { OctavoError } from "../errors.ts";
import type { Metadata } from "../model-file.ts";
import { optimizerNames, type OptimizerName } from "./hyper.ts";

export const lossNames = ["softmaxCrossEntropy", "sigmoidCrossEntropy", "meanSquaredError", "meanAbsoluteError", "huber", "distillation"] as const;
export type LossName = (typeof lossNames)[number];

/** A trainable tensor: `size` floats of `shape`, from float `at` of the masters on. */
export interface ParameterInfo { name: string; shape: number[]; at: number; size: number }

export interface TrainingInfo {
  loss: LossName;
  /** `index`: a class per row. `values`: as many numbers as the output has. */
  labels: "index" | "values";
  /** The optimizer of `convert`; its state is reserved. */
  optimizer: OptimizerName;
  /** Floats per parameter that the file reserves for optimizer state. */
  slots: number;
  /** Rows of one batch. */
  batch: number;
  /** Rows of it that are computed at a time, a divisor: what the training arena has room for. */
  part: number;
  layers: string[];
  parameters: ParameterInfo[];
  /** Floats of all masters, padding included. */
  count: number;
  /** Of the training forward pass, per sample. `activation`: what it leaves away of the model's own output. */
  outputs: { name: string; shape: number[]; activation: string }[];
  /** Bytes beyond those of inference: state and arena together in `total`. */
  memory: { state: number; arena: number; total: number };
  /** Multiply-accumulates of one step. */
  macs: number;
}

const isSize = (v: unknown): v is number => Number.isInteger(v) && (v as number) >= 0 && (v as number) < 2 ** 32;
const isList = <T>(v: unknown, test: (item: T) => boolean): boolean => Array.isArray(v) && v.every((item) => typeof item === "object" && item !== null && test(item as T));
const isShape = (v: unknown): boolean => Array.isArray(v) && v.every(isSize);

function isTraining(v: unknown): v is TrainingInfo {
  const t = v as TrainingInfo;
  return lossNames.includes(t.loss) && ["index", "values"].includes(t.labels) && optimizerNames.includes(t.optimizer) && [t.slots, t.batch, t.part, t.count].every(isSize) && t.part > 0 && t.batch > 0 && t.batch % t.part === 0
    && Array.isArray(t.layers) && isList<ParameterInfo>(t.parameters, (p) => typeof p.name === "string" && isShape(p.shape) && isSize(p.at) && isSize(p.size) && p.at + p.size <= t.count)
    && isList<TrainingInfo["outputs"][number]>(t.outputs, (o) => typeof o.name === "string" && isShape(o.shape)) && t.outputs.length > 0
    && typeof t.memory === "object" && t.memory !== null && [t.memory.state, t.memory.arena, t.memory.total].every(isSize);
}

/** Files of an earlier converter have no parts. @throws OctavoError ERR_OCTAVO_FORMAT if the file holds no training programs */
export function trainingOf(metadata: Metadata): TrainingInfo {
  const { training } = metadata;
  if (training === undefined || training === null) throw new OctavoError("ERR_OCTAVO_FORMAT", `train: "${metadata.name}" holds no training programs. Convert it again with --trainable last, all or the names of layers.`);
  const info = { part: (training as TrainingInfo).batch, ...(training as Partial<TrainingInfo>) };
  if (!isTraining(info)) throw new OctavoError("ERR_OCTAVO_FORMAT", `train: metadata.training of "${metadata.name}" is not as the converter writes it. Convert the model again.`);
  return info;
}
