/** What one conversion did: the second half of `convert`'s answer, `octavo convert --json`, and all that the HTML page shows. */
import type { TrainingInfo } from "../train/programs.ts";
import type { DType } from "../ir/graph.ts";

/** An input or output as the user of the model sees it. */
export interface PortReport { name: string; dtype: DType; shape: number[]; layout: string }

/** A tensor that a layer writes. `range`: of the real values, seen in calibration; absent where nothing was measured. */
export interface TensorReport {
  name: string;
  dtype: DType;
  shape: number[];
  scale?: number;
  zeroPoint?: number;
  range?: [min: number, max: number];
}

/** Int8 (or int16) against float, over the values of one tensor and all compared samples. */
export interface LayerError {
  /** 10 · log10(Σ float² / Σ (float − int8)²); Infinity where both agree. JSON writes it as null. */
  sqnr: number;
  largest: number;
  mean: number;
  /** Fraction of float values that lie outside what the integers reach. */
  saturated: number;
}

/** `sqnr`: 10 · log10(Σ (float − mean)² / Σ (float − int8)²), in dB; Infinity where both agree. JSON writes it as null. */
export interface Agreement { output: string; sqnr: number }

/** One kernel call of the program, in the order of execution. */
export interface LayerReport {
  name: string;
  op: string;
  kernel: string;
  macs: number;
  weightBytes: number;
  /** Type of the arithmetic: "int8", "int16", "float32"; "" for layers that only move or convert values. */
  precision: string;
  /** Why the layer is in float32 although int8 was asked; absent otherwise. */
  floatBecause?: string;
  outputs: TensorReport[];
  error?: LayerError;
  /** Measured on the machine that converted, per run. */
  microseconds?: number;
}

/** One tensor's place in the arena: `address` is relative to the arena; alive from layer `first` to layer `last`, both included. */
export interface BlockReport { name: string; address: number; bytes: number; first: number; last: number }

export interface MemoryReport {
  arenaBytes: number;
  /** Largest sum of tensors that live at the same time: no plan can be smaller. */
  largestLive: number;
  blocks: BlockReport[];
}

export interface Report {
  name: string;
  /** `parameters`: numbers the source model learned. */
  source: { format: string; bytes: number; parameters: number; operators: Record<string, number> };
  model: { bytes: number; weightBytes: number; macs: number };
  precision: string;
  rounding: string;
  calibration?: { samples: number; method: string };
  inputs: PortReport[];
  outputs: PortReport[];
  layers: LayerReport[];
  /** Of each output, how integers compare with float on the first calibration samples; absent where nothing was compared. */
  agreement?: { samples: number; outputs: Agreement[] };
  memory: MemoryReport;
  /** Where the device may train: what, and what one step takes. */
  training?: TrainingInfo;
  /** Stages in order, milliseconds. */
  times: { stage: string; ms: number }[];
  /** Sentences for people: what was dropped, assumed, left in float. */
  notes: string[];
}
