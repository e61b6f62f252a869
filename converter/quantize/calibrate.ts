/** Float graph and samples → the range of every activation. One sample is in memory at a time. */
import { OctavoError, modelError } from "../ir/error.ts";
import { evaluate, type EvaluateOptions } from "../ir/eval.ts";
import type { Graph, Tensor, TypedArray } from "../ir/graph.ts";
import { clipRange, type Method } from "./clip.ts";
import { nameHiddenStates } from "./copy.ts";
import { isHeavy } from "./integer-ops.ts";
import { createHistogram, record, type Histogram } from "./histogram.ts";

/** What an activation needs: bounds after clipping, and what they were chosen from. */
export interface Range {
  low: number;
  high: number;
  histogram: Histogram;
  /** Of tensors that matrix products read, per index of the last axis. */
  channels?: Channels;
}
/** Mean of x and of x², least and greatest x. */
export interface Channels { means: Float64Array; squares: Float64Array; min: Float64Array; max: Float64Array }
/** Float activations by name. A tensor that was infinite somewhere, never computed or empty has no range and stays float. */
export type Ranges = Map<string, Range>;

export type Sample = Map<string, TypedArray>;
export type Samples = Iterable<Sample> | AsyncIterable<Sample>;
export interface CalibrationOptions {
  method?: Method;
  /** Per cent kept by `percentile`. */
  percentile?: number;
  /** Steps of the integers that the ranges are for. */
  levels?: number;
  signal?: AbortSignal;
  onSample?: (count: number) => void;
}

/**
 * Inputs and outputs of the model are not clipped, and given room unless by `minmax`: their extremes are what its user
 * gives and wants.
 * @param samples values of every graph input by name; states are carried from one sample to the next
 * @throws OctavoError ERR_OCTAVO_NAN naming sample and tensor; ERR_OCTAVO_SHAPE for no samples
 */
export async function calibrate(graph: Graph, samples: Samples, options: CalibrationOptions = {}): Promise<Ranges> {
  const seen = await observe(nameHiddenStates(graph), samples, options);
  const { method = "mse", percentile = 99.99, levels = 256 } = options, ends = new Set([...graph.inputs, ...graph.outputs]);
  return new Map([...seen].map(([name, { histogram, channels }]) => {
    const [low, high] = ends.has(name) && method !== "minmax" ? withReserve(histogram) : clipRange(histogram, { method, percentile, levels });
    return [name, { low, high, histogram, ...(channels && { channels: perElement(channels, histogram.total) }) }];
  }));
}

/** Values that an input or output may take after calibration until one lies beyond its range, if its tails are normal. */
const UNSEEN = 1e5;

/** What was seen, widened by the ratio of the extremes of UNSEEN normal values to those of as many as were seen. */
function withReserve({ min, max, total }: Histogram): [low: number, high: number] {
  const factor = Math.max(1, Math.sqrt(Math.log(UNSEEN) / Math.log(Math.max(total, 10))));
  return [min < 0 ? min * factor : min, max > 0 ? max * factor : max];
}

/** While it is being observed, `means` and `squares` are sums. */
interface Seen { histogram: Histogram; channels: Channels | undefined }

const noSamples = "found no samples, expected at least one. Give a file with typical inputs; about 100 are enough.";

async function observe(graph: Graph, samples: Samples, options: CalibrationOptions): Promise<Map<string, Seen>> {
  const multiplied = new Set(graph.nodes.filter(isHeavy).map((n) => n.inputs[0]!));
  const seen = new Map<string, Seen>(), infinite = new Set<string>(), breathe = breather();
  let count = 0;
  const see = (tensor: Tensor, data: TypedArray) => {
    if (tensor.dtype === "float32" && !tensor.data) observeTensor(graph, seen, infinite, tensor, data, count, multiplied.has(tensor.name));
  };
  for await (const _ of runs(graph, samples, { keep: new Set(), onTensor: see })) {
    options.signal?.throwIfAborted();
    count++;
    options.onSample?.(count);
    await breathe();
  }
  if (!count) throw new OctavoError("ERR_OCTAVO_SHAPE", `calibration: ${noSamples}`);
  for (const name of infinite) seen.delete(name);
  return seen;
}

function observeTensor(
  graph: Graph, seen: Map<string, Seen>, infinite: Set<string>, { name, shape }: Tensor, data: TypedArray, sample: number, byChannel: boolean,
): void {
  if (!data.length) return;
  if (!seen.has(name)) seen.set(name, { histogram: createHistogram(), channels: byChannel ? noChannels(shape.at(-1) ?? 1) : undefined });
  const { histogram, channels } = seen.get(name)!;
  if (!record(histogram, data)) return observeOdd(graph, infinite, name, data, sample);
  if (channels) addChannels(channels, data);
}

function observeOdd(graph: Graph, infinite: Set<string>, name: string, data: TypedArray, sample: number): void {
  const odd = firstNonFinite(data);
  if (Number.isNaN(data[odd]!) || graph.inputs.includes(name)) refuse(graph, name, data[odd]!, odd, sample);
  infinite.add(name);
}

const noChannels = (C: number): Channels =>
  ({ means: new Float64Array(C), squares: new Float64Array(C), min: new Float64Array(C).fill(Infinity), max: new Float64Array(C).fill(-Infinity) });

function addChannels({ means, squares, min, max }: Channels, data: TypedArray): void {
  const C = means.length;
  for (let i = 0; i < data.length; i += C) {
    for (let c = 0; c < C; c++) {
      const v = data[i + c]!;
      means[c]! += v;
      squares[c]! += v * v;
      if (v < min[c]!) min[c] = v;
      if (v > max[c]!) max[c] = v;
    }
  }
}

function perElement({ means, squares, min, max }: Channels, total: number): Channels {
  const count = total / means.length;
  return { means: means.map((s) => s / count), squares: squares.map((s) => s / count), min, max };
}

/** Index of the first NaN or infinity, NaN before infinity; −1 where all is finite. */
function firstNonFinite(data: TypedArray): number {
  let infinite = -1;
  for (let i = 0; i < data.length; i++) {
    const v = data[i]!;
    if (v !== v) return i;
    if (infinite < 0 && (v === Infinity || v === -Infinity)) infinite = i;
  }
  return infinite;
}

function refuse(graph: Graph, name: string, value: number, index: number, sample: number): never {
  const where = `calibration sample ${sample}, ${graph.inputs.includes(name) ? "input" : "tensor"} "${name}"`;
  const remedy = "Remove the sample, or what makes the model overflow on it.";
  throw modelError("ERR_OCTAVO_NAN", graph.format, where, `element ${index} is ${value}, expected finite numbers`, remedy);
}

/** Evaluates each sample in turn; what a state's output was is its input in the next sample. */
export async function* runs(graph: Graph, samples: Samples, options: EvaluateOptions): AsyncGenerator<Map<string, TypedArray>> {
  const states = new Map(graph.states.map((s) => [s.input, s.initial]));
  const keep = options.keep && new Set([...options.keep, ...graph.states.map((s) => s.output)]);
  for await (const sample of samples) {
    const values = evaluate(graph, new Map([...states, ...sample]), { ...options, ...(keep && { keep }) });
    for (const state of graph.states) states.set(state.input, values.get(state.output)!);
    yield values;
  }
}

/** Lets other work of the event loop run, about 20 times a second. */
export function breather(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < 50) return;
    await new Promise((resolve) => setTimeout(resolve));
    last = performance.now();
  };
}
