/** The stages in order: read, optimise, calibrate, quantize, compile. Each is a function of what the one before gave. */
import { sensitiveLayers, type Judge } from "./auto.ts";
import { compile, type Compiled } from "./compile.ts";
import { modelError } from "./ir/error.ts";
import { checkGraph } from "./ir/check.ts";
import { isConstant, tensorOf, type Graph, type TypedArray } from "./ir/graph.ts";
import { readModel } from "./formats/index.ts";
import type { ReadOptions } from "./formats/reader.ts";
import { withLayout, type Layout } from "./layout.ts";
import type { Rounding } from "./lower/context.ts";
import { optimise } from "./optimise/index.ts";
import { calibrate, type Ranges, type Sample, type Samples } from "./quantize/calibrate.ts";
import type { Method } from "./quantize/clip.ts";
import { correctBiases, samplesWorth } from "./quantize/correct-bias.ts";
import { importQuantized } from "./quantize/import.ts";
import { quantize } from "./quantize/quantize.ts";
import { weightLimit, type WeightBits } from "./quantize/weights.ts";
import { withSpareClasses } from "./spare-classes.ts";
import { chooseWithin, divisors } from "./train/budget.ts";
import { chooseLayers, type Choice } from "./train/parameters.ts";
import type { LossKind } from "./ir/ops.train.ts";
import type { Optimizer } from "./train/optimizers.ts";
import { planTraining } from "./train/plan.ts";
import { withWeights, type Weights } from "./train/weights.ts";
import { withSelfTest } from "./write/self-test.ts";
import { describe, portsOf, precisionOf } from "./report/describe.ts";
import type { PortReport, Report } from "./report/report.ts";

export type SampleValues = Iterable<Record<string, TypedArray>> | AsyncIterable<Record<string, TypedArray>>;
export type Precision = "int8" | "int8x16" | "float32" | "auto";

export interface ConvertOptions extends ReadOptions {
  /** The file's name: for messages, and for formats whose content does not tell. */
  name?: string;
  /**
   * Representative inputs, one sample each, by input name and in the source's layout. Needed for int8 of a float model.
   * A function gets the model's inputs first, so that it can check shapes.
   */
  samples?: SampleValues | ((inputs: PortReport[]) => SampleValues | Promise<SampleValues>);
  /** How ranges are chosen from the samples; default mse. */
  method?: Method;
  /** Default int8; a model that is quantized already keeps its integers. `auto`: int8 but for the layers that `judge` cannot spare. */
  precision?: Precision;
  /** For precision auto: given the float model file, how good others are. */
  judge?: (float: Uint8Array) => Judge | Promise<Judge>;
  /** `tflite`: bit-exact with TFLite's reference kernels. Default fast. */
  rounding?: Rounding;
  /** 7: weights in [−63, 63], exact in one instruction on hosts with relaxed SIMD. Default 8. */
  weightBits?: WeightBits;
  /** Layers that the device may train, "last", "all" or names: the file then holds the programs of docs/training.md. */
  trainable?: string | readonly string[];
  /** Rows of a training batch; default 16. */
  trainBatch?: number;
  /** Rows of it that are computed at a time, a divisor: a smaller arena. Default: all, with `trainMemory` what fits. */
  trainPart?: number;
  /** Bytes that training may take beyond inference: what to update is chosen among the trainable layers. */
  trainMemory?: number;
  /** What training minimizes; default: by the model's output. */
  loss?: LossKind;
  /** δ of huber (default 1), temperature of distillation (default 4). */
  lossParameter?: number;
  /** Class indices or a value per output; default: indices for softmaxCrossEntropy. */
  trainLabels?: "index" | "values";
  /** The optimizer whose state is reserved; default adam. */
  optimizer?: Optimizer;
  /** Trained parameters, as `trainer.parameters()` gives them: they replace those of the source. */
  weights?: Weights;
  /** Tensors that a stream carries: output by the input that takes it in the next run. */
  states?: Record<string, string>;
  /** Order of image axes for inputs and outputs; default: that of the source model. */
  layout?: Layout;
  /** So many classes more behind those of the model, to be learned on the device; they never win before. */
  spareClasses?: number;
  /** Names of the classes, kept in the metadata. */
  classes?: string[];
  /** How raw data become inputs, kept in the metadata. */
  preprocess?: Record<string, unknown>;
  /** A compiled build of the kernels: its answers become the golden digest of `model.selfTest()`. `octavo/converter` has one. */
  kernels?: WebAssembly.Module;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

/** `done` counts samples while calibrating and layers while choosing precisions, and is 0 elsewhere. */
export interface Progress { stage: Stage; done: number }
export type Stage = "read" | "optimise" | "calibrate" | "choose" | "quantize" | "compile";

export interface Conversion { model: Uint8Array; report: Report }

/**
 * Converts a trained model to a model file.
 * @throws OctavoError ERR_OCTAVO_FORMAT, _OPERATOR, _SHAPE, _DTYPE for the model, ERR_OCTAVO_NAN and _SHAPE for the samples
 */
export async function convert(bytes: Uint8Array, options: ConvertOptions = {}): Promise<Conversion> {
  const clock = new StageClock(options);
  const read = await clock.run("read", () => readModel(bytes, { ...options, hybrid: options.rounding === "tflite" })), source = options.layout ? withLayout(read, options.layout) : read;
  checkGraph(source);
  const float = await clock.run("optimise", () => withWeights(withSpareClasses(optimise(withStates(source, options.states)), options.spareClasses ?? 0), options.weights));
  const { graph, ...how } = await toPrecision(float, options, clock);
  const compiled = await clock.run("compile", () => compileWith(graph, float, options));
  const model = options.kernels ? await withSelfTest(compiled.model, options.kernels) : compiled.model;
  return { model, report: describe({ bytes, source, float, compiled, ...how, options, times: clock.times }) };
}

const isTrainable = ({ trainable, trainMemory }: ConvertOptions): boolean => trainable !== undefined || trainMemory !== undefined;

async function compileWith(graph: Graph, float: Graph, options: ConvertOptions): Promise<Compiled> {
  const rounding = options.rounding ?? "fast", own = { rounding, metadata: metadataOf(options, graph) };
  const trainable = options.trainable ?? (isTrainable(options) ? "all" : undefined);
  if (trainable === undefined) return compile(graph, own);
  if (rounding === "tflite") throw modelError("ERR_OCTAVO_OPERATOR", graph.format, `model "${graph.name}"`, "training under TFLite's rounding", "Convert with --rounding fast to train.");
  const all = chooseLayers(graph, trainable), training = {
    batch: options.trainBatch ?? 16, loss: options.loss, lossParameter: options.lossParameter, labels: options.trainLabels, optimizer: options.optimizer, limit: weightLimit(options.weightBits ?? 8),
  };
  const trained = (choice: Choice, part?: number) => {
    const { graph: ordered, ...parts } = planTraining(graph, float, choice, { ...training, part });
    return compile(ordered, { ...own, training: parts });
  };
  if (options.trainMemory === undefined) return trained(all, options.trainPart);
  const memory = async (choice: Choice, part: number) => (await trained(choice, part)).training!.memory.total, parts = options.trainPart === undefined ? divisors(training.batch) : [options.trainPart];
  const { choice, part } = await chooseWithin(graph, all, parts, options.trainMemory, memory);
  return trained(choice, part);
}

/** A graph whose numbers are integers already, wholly or in part. */
export const isQuantized = (graph: Graph): boolean =>
  graph.nodes.some((n) => n.op === "quantize" || n.op === "requantize" || "hybrid" in n.attributes || [...n.outputs, ...n.inputs.slice(0, 1)].some((name) => name && !isConstant(graph, name) && tensorOf(graph, name).quantization));

async function toPrecision(float: Graph, options: ConvertOptions, clock: StageClock): Promise<{ graph: Graph; ranges?: Ranges; calibration?: Report["calibration"]; kept?: ReadonlySet<string> }> {
  const precision = options.precision ?? "int8";
  if (isQuantized(float)) return { graph: await clock.run("quantize", () => importQuantized(float, { exact: options.rounding === "tflite", trainable: isTrainable(options) })) };
  if (precision === "float32") return { graph: float };
  if (!options.samples) throw modelError("ERR_OCTAVO_SHAPE", float.format, `model "${float.name}"`, "no calibration data, and int8 needs the range of every activation", "Pass representative inputs (--calibrate X.npy), or ask for --precision float32.");
  const type = precision === "int8x16" ? "int16" : "int8", { method, signal } = options;
  const samples = typeof options.samples === "function" ? await options.samples(portsOf(float, float.inputs)) : options.samples;
  const calibration = { samples: 0, method: method ?? "mse" }, first: Sample[] = [], worth = samplesWorth(float);
  const ranges = await clock.run("calibrate", () => calibrate(float, keepFirst(sampleMaps(float, samples), first, worth), {
    ...(method && { method }), ...(signal && { signal }), levels: type === "int8" ? 256 : 65536, onSample: (done) => { calibration.samples = done; options.onProgress?.({ stage: "calibrate", done }); },
  }));
  const integers = (keepFloat: ReadonlySet<string>) => quantize(float, ranges, { type, weightBits: options.weightBits ?? 8, keepFloat });
  const kept = precision === "auto" ? await clock.run("choose", () => chooseKept(float, integers, options)) : new Set<string>();
  return { graph: await clock.run("quantize", () => correctBiases(float, integers(kept), first)), ranges, calibration, kept };
}

async function chooseKept(float: Graph, integers: (keepFloat: ReadonlySet<string>) => Graph, options: ConvertOptions): Promise<Set<string>> {
  if (!options.judge) throw modelError("ERR_OCTAVO_SHAPE", float.format, `model "${float.name}"`, "precision auto has nothing to measure", "Pass data and labels (--data X.npy --labels Y.npy).");
  const file = async (graph: Graph) => (await compile(graph, { rounding: options.rounding ?? "fast", metadata: metadataOf(options, graph) })).model;
  const whole = integers(new Set()), names = new Set(whole.nodes.filter((n) => !conversions.has(n.op) && tensorOf(whole, n.outputs.find(Boolean)!).quantization).map((n) => n.name));
  return sensitiveLayers({
    candidates: float.nodes.map((n) => n.name).filter((name) => names.has(name)), build: (kept) => file(integers(kept)), judge: await options.judge(await file(float)),
    onStep: (done) => options.onProgress?.({ stage: "choose", done }), signal: options.signal,
  });
}

const conversions = new Set<string>(["quantize", "dequantize", "requantize"]);

async function* sampleMaps(graph: Graph, samples: SampleValues): Samples & AsyncGenerator<Map<string, TypedArray>> {
  for await (const sample of samples) yield new Map(Object.entries(sample).filter(([name]) => graph.tensors.has(name)));
}

/** Passes samples on and keeps the first `count` of them. */
async function* keepFirst(samples: AsyncIterable<Sample>, kept: Sample[], count: number): AsyncGenerator<Sample> {
  for await (const sample of samples) {
    if (kept.length < count) kept.push(sample);
    yield sample;
  }
}

/** Input/output pairs become states of the graph, starting at zero. */
function withStates(graph: Graph, pairs: Record<string, string> = {}): Graph {
  const entries = Object.entries(pairs);
  for (const [input, output] of entries) {
    const problem = !graph.inputs.includes(input) ? `"${input}" is no input` : !graph.outputs.includes(output) ? `"${output}" is no output` : "";
    if (problem) throw modelError("ERR_OCTAVO_SHAPE", graph.format, `state ${input}=${output}`, `${problem}; inputs are ${graph.inputs.join(", ")}, outputs ${graph.outputs.join(", ")}`, "Name an input and the output that feeds it.");
  }
  const states = entries.map(([input, output]) => ({ input, output, initial: new Float32Array(tensorOf(graph, input).shape.reduce((n, d) => n * d, 1)) }));
  const ins = new Set(Object.keys(pairs)), outs = new Set(Object.values(pairs));
  return { ...graph, inputs: graph.inputs.filter((i) => !ins.has(i)), outputs: graph.outputs.filter((o) => !outs.has(o)), states: [...graph.states, ...states] };
}

const metadataOf = (options: ConvertOptions, graph: Graph): Record<string, unknown> => ({
  precision: precisionOf(graph),
  ...(options.classes && { classes: options.classes }), ...(options.preprocess && { preprocess: options.preprocess }),
});

/** Runs stages: reports them, times them, and lets the event loop turn between them. */
class StageClock {
  readonly times: { stage: string; ms: number }[] = [];
  private readonly options: ConvertOptions;

  constructor(options: ConvertOptions) {
    this.options = options;
  }

  async run<T>(stage: Stage, work: () => T | Promise<T>): Promise<T> {
    this.options.signal?.throwIfAborted();
    this.options.onProgress?.({ stage, done: 0 });
    await new Promise((resolve) => setTimeout(resolve));
    const start = performance.now(), result = await work();
    this.times.push({ stage, ms: performance.now() - start });
    return result;
  }
}

export type { Compiled };
