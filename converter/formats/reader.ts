/** What every source format provides, and what a caller may tell it. */
import type { OctavoError } from "../ir/error.ts";
import type { Graph, TypedArray } from "../ir/graph.ts";

export interface ReadOptions {
  /** Sizes of free axes, by input name, in the source's layout; -1 keeps what the file says. */
  inputShapes?: Record<string, number[]>;
  /** Inputs fixed to a value: they become constants. One element fits an input of any rank. */
  constants?: Record<string, { data: TypedArray; shape: number[] }>;
  /** Tensors or layers that the model ends with, in place of its outputs: what only others need is left out. */
  cut?: readonly string[];
  /** Side files of the model (external data, shards), by path relative to the model's folder. */
  resolve?: (path: string) => Promise<Uint8Array>;
  /** One time step per run; states stay inside. */
  stateful?: boolean;
  /** TFLite: layers that quantize their input in every run are read as that, not as float layers. */
  hybrid?: boolean;
  /** The parsed JSON of `--architecture`. */
  architecture?: unknown;
  /** For an architecture file that is read as the model: parameters are drawn from this seed, 0 … 2^32 − 1. */
  initSeed?: number;
  /** For a look at a model: gets what cannot be read, and the graph holds the rest. Without it that is an error. */
  refused?: (problem: OctavoError) => void;
}

export interface Reader {
  /** First word of every error about a file of this format. */
  name: string;
  /** With the dot, lower case. */
  extensions: readonly string[];
  /** Whether the content looks like this format: cheap, and never throws. */
  sniff: (bytes: Uint8Array) => boolean;
  read: (bytes: Uint8Array, options: ReadOptions) => Graph | Promise<Graph>;
}
