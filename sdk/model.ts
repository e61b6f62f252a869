/// <reference lib="esnext.disposable" preserve="true" />
/** A loaded model: one instance of the kernels with its own memory. */
import type { BuildName } from "./build.ts";
import { OctavoError } from "./errors.ts";
import { INFER, type Exports } from "./exports.ts";
import { hex64, sameModel, type Metadata, type ModelFile, type Port, type PortDType } from "./model-file.ts";
import { arrays, type Named, type Values } from "./values.ts";

export type { Named, Values };

/** An input or output. `scale` and `zeroPoint` say what `runRaw`'s integers mean: real = scale · (q − zeroPoint). */
export interface TensorInfo {
  name: string;
  shape: number[];
  /** "nchw", "nhwc", or "" where the axes have no such meaning. */
  layout: string;
  dtype: PortDType;
  rawDtype?: PortDType;
  scale?: number;
  zeroPoint?: number;
}

export interface ProfileRow { name: string; op: string; kernel: string; microseconds: number; macs: number }

/** A port with a view of its bytes in linear memory. */
interface Bound { info: TensorInfo; view: Values; raw?: Values }

const product = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);

export class Model<Inputs extends Named = Named, Outputs extends Named = Named> {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly metadata: Metadata;
  /** The kernels that run: "scalar", "simd" or "relaxed". */
  readonly build: BuildName;
  /** Bytes: model file, packed weights, arena, linear memory. */
  readonly memory: Readonly<{ file: number; weights: number; arena: number; linear: number }>;

  private exports: Exports | undefined;
  private readonly loaded: ModelFile;
  /** `loaded`, with the weights of now. */
  private file: ModelFile;
  private ins: Bound[];
  private outs: Bound[];

  constructor(file: ModelFile, exports: Exports, build: BuildName) {
    this.loaded = this.file = file;
    this.exports = exports;
    this.build = build;
    this.metadata = file.metadata;
    const bind = (kind: Port["kind"], infos: Metadata["inputs"]) => file.ports.filter((p) => p.kind === kind).map((p, i) => bindPort(p, infos[i], exports.memory.buffer));
    this.ins = bind("input", file.metadata.inputs);
    this.outs = bind("output", file.metadata.outputs);
    this.inputs = this.ins.map((b) => b.info);
    this.outputs = this.outs.map((b) => b.info);
    this.memory = { file: file.bytes.length, weights: file.weightBytes, arena: file.arenaBytes, linear: exports.memory.buffer.byteLength };
  }

  /**
   * Runs the model once per sample.
   * @param input float32 (or the input's integer dtype), `inputs[0].shape` in the source model's layout and in the units used in
   * training, or several times that for several samples; by name where the model has several inputs. Copied in.
   * @returns `outputs[0].shape` per sample, a new array; by name where the model has several outputs
   * @throws OctavoError ERR_OCTAVO_SHAPE, ERR_OCTAVO_DTYPE, ERR_OCTAVO_DISPOSED
   */
  run(input: Float32Array): Float32Array;
  run(input: Inputs): Outputs;
  run(input: Values | Named): Values | Named;
  run(input: Values | Named): Values | Named {
    const given = this.given(input), samples = this.samples(given, "view");
    const results = this.outs.map((o) => new arrays[o.info.dtype](samples * o.view.length) as Values);
    this.each(given, samples, "view", results);
    return this.answer(input, results);
  }

  /**
   * Like `run`, in the model's own integers: no quantization, no dequantization.
   * @throws OctavoError ERR_OCTAVO_DTYPE where an input or output is not quantized
   */
  runRaw(input: Values | Named): Values | Named {
    const given = this.given(input);
    const unquantized = [...this.ins, ...this.outs].find((b) => !b.raw);
    if (unquantized) throw new OctavoError("ERR_OCTAVO_DTYPE", `runRaw: "${unquantized.info.name}" is ${unquantized.info.dtype} and has no integers behind it. Use run().`);
    const samples = this.samples(given, "raw");
    const results = this.outs.map((o) => new arrays[o.info.rawDtype!](samples * o.raw!.length) as Values);
    this.each(given, samples, "raw", results);
    return this.answer(input, results);
  }

  /**
   * One sample without any allocation.
   * @param input `inputs[0].shape` values · @param output `outputs[0].shape` values, overwritten
   */
  runInto(input: Values, output: Values): void {
    const exports = this.alive();
    const x = this.ins[0]!, y = this.outs[0]!;
    if (this.ins.length !== 1 || this.outs.length !== 1) throw new OctavoError("ERR_OCTAVO_SHAPE", "runInto: the model has several inputs or outputs. Use run({ name: values }).");
    check(x.info.name, x.info.shape, input, x.view, false);
    check(y.info.name, y.info.shape, output, y.view, false);
    x.view.set(input);
    exports.octavo_run();
    output.set(y.view);
  }

  /** Microseconds and multiply-accumulates of every kernel call of one run, in order. */
  profile(input: Values | Named): ProfileRow[] {
    const exports = this.alive(), given = this.given(input);
    this.samples(given, "view");
    this.ins.forEach((b, i) => b.view.set(given[i]!.subarray(0, b.view.length)));
    return Array.from({ length: this.file.callCount }, (_, i) => {
      const start = performance.now();
      exports.octavo_run_calls(INFER, i, i + 1);
      const microseconds = 1000 * (performance.now() - start), layer = this.metadata.layers[i];
      return { name: layer?.name ?? "", op: layer?.op ?? "", kernel: layer?.kernel ?? "", macs: layer?.macs ?? 0, microseconds };
    });
  }

  /** For tools: one run, call by call; after each, `visit` may read the arena, where `metadata.layers[call].outputs` lie. */
  trace(input: Values | Named, visit: (call: number, arena: Uint8Array) => void): void {
    const exports = this.alive(), given = this.given(input);
    this.samples(given, "view");
    this.ins.forEach((b, i) => copySample(b.view, given[i]!, 0));
    for (let i = 0; i < this.file.callCount; i++) {
      exports.octavo_run_calls(INFER, i, i + 1);
      visit(i, new Uint8Array(exports.memory.buffer, this.file.stateAddress - this.file.arenaBytes, this.file.arenaBytes));
    }
  }

  /**
   * Does this host compute the same bytes as the one that converted the model? States are kept.
   * @returns the kernels that ran, and the digest of their answers to made inputs: see docs/model-file.md
   * @throws OctavoError ERR_OCTAVO_FORMAT if the file has no golden digest
   */
  selfTest(): { passed: boolean; build: BuildName; digest: string } {
    const exports = this.alive(), { selfTest } = this.file, states = this.getState();
    if (/^0*$/.test(selfTest)) throw new OctavoError("ERR_OCTAVO_FORMAT", "selfTest: the model file holds no golden digest. Convert the model again.");
    const digest = hex64(exports.octavo_self_test());
    this.setState(states);
    return { passed: digest === selfTest, build: this.build, digest };
  }

  /** States of a stream back to their start. */
  reset(): void {
    this.alive().octavo_reset();
  }

  /** A copy of the states: with setState, one model serves many streams. */
  getState(): Uint8Array {
    return this.states().slice();
  }

  /** @throws OctavoError ERR_OCTAVO_SHAPE if these are not the states of this model */
  setState(bytes: Uint8Array): void {
    const states = this.states();
    if (bytes.length !== states.length) throw new OctavoError("ERR_OCTAVO_SHAPE", `setState: ${bytes.length} bytes, expected the ${states.length} that getState() of this model gives.`);
    states.set(bytes);
  }

  /** The model file with the weights of now, a copy. */
  save(): Uint8Array {
    this.alive();
    return this.file.bytes.slice();
  }

  /** The model file as it was loaded, a copy: deltas and checkpoints of octavo/train are told by it. */
  base(): Uint8Array {
    this.alive();
    return this.loaded.bytes.slice();
  }

  /**
   * Takes the weights of another state of this model: a file that was trained from it. States of a stream are kept.
   * @param bytes copied; their SHA-256 is not compared
   * @throws OctavoError ERR_OCTAVO_FORMAT for another model and for a damaged file; the weights are then as before
   */
  update(bytes: Uint8Array): void {
    const exports = this.alive(), file = sameModel(this.loaded, bytes.slice()), states = this.getState();
    const isRefused = ({ image, base }: ModelFile) => {
      new Uint8Array(exports.memory.buffer).set(image, base);
      return exports.octavo_load(base, image.length);
    }, refused = isRefused(file);
    if (refused) isRefused(this.file);
    else {
      this.outs.forEach((o, i) => { if (o.raw) o.info.scale = file.ports[this.ins.length + i]!.raw!.scale; });
      this.file = file;
    }
    this.setState(states);
    if (refused) throw new OctavoError("ERR_OCTAVO_FORMAT", `update: refused by the checks of load (code ${refused}); the weights are as before.`);
  }

  /** Lets the memory go; any later call throws ERR_OCTAVO_DISPOSED. */
  dispose(): void {
    this.exports = undefined;
    this.ins = this.outs = [];
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private alive(): Exports {
    if (!this.exports) throw new OctavoError("ERR_OCTAVO_DISPOSED", "The model was disposed. Load it again.");
    return this.exports;
  }

  private states(): Uint8Array {
    return new Uint8Array(this.alive().memory.buffer, this.file.stateAddress, this.file.stateBytes);
  }

  /** The values in the order of the inputs. */
  private given(input: Values | Named): Values[] {
    this.alive();
    if (ArrayBuffer.isView(input)) {
      if (this.ins.length !== 1) throw missing(this.ins.map((b) => b.info.name), "one array");
      return [input];
    }
    const named = input ?? {}, unknown = Object.keys(named).find((name) => !this.ins.some((b) => b.info.name === name));
    if (unknown !== undefined) throw missing(this.ins.map((b) => b.info.name), `"${unknown}"`);
    return this.ins.map((b) => named[b.info.name] ?? fail(missing(this.ins.map((i) => i.info.name), Object.keys(named).join(", ") || "nothing")));
  }

  /** How many samples the inputs hold. */
  private samples(given: readonly Values[], side: "view" | "raw"): number {
    const counts = this.ins.map((b, i) => {
      check(b.info.name, b.info.shape, given[i]!, b[side]!, true);
      return b[side]!.length ? given[i]!.length / b[side]!.length : 1;
    });
    if (counts.some((n) => n !== counts[0])) throw new OctavoError("ERR_OCTAVO_SHAPE", `run: the inputs hold ${counts.join(", ")} samples, expected the same number of each.`);
    return counts[0] ?? 1;
  }

  private each(given: readonly Values[], samples: number, side: "view" | "raw", results: readonly Values[]): void {
    const exports = this.alive();
    for (let n = 0; n < samples; n++) {
      this.ins.forEach((b, i) => copySample(b[side]!, given[i]!, n));
      if (side === "view") exports.octavo_run();
      else exports.octavo_run_raw();
      this.outs.forEach((b, i) => results[i]!.set(b[side]!, n * b[side]!.length));
    }
  }

  private answer(input: Values | Named, results: Values[]): Values | Named {
    if (ArrayBuffer.isView(input) && results.length === 1) return results[0]!;
    return Object.fromEntries(this.outs.map((b, i) => [b.info.name, results[i]!]));
  }
}

function copySample(view: Values, values: Values, n: number): void {
  view.set(values.length === view.length ? values : values.subarray(n * view.length, (n + 1) * view.length));
}

function bindPort(port: Port, info: Metadata["inputs"][number] | undefined, buffer: ArrayBuffer): Bound {
  const C = arrays[port.dtype], length = port.bytes / C.BYTES_PER_ELEMENT, shape = info?.shape ?? [length];
  if (!Number.isInteger(length) || product(shape) !== length) throw new OctavoError("ERR_OCTAVO_FORMAT", `octavo: "${info?.name}" has shape [${shape.join(",")}] and ${port.bytes} bytes of ${port.dtype}. Convert the model again.`);
  const raw = port.raw && { rawDtype: port.raw.dtype, scale: port.raw.scale, zeroPoint: port.raw.zeroPoint };
  const bound: Bound = { info: { name: info?.name ?? "", shape, layout: info?.layout ?? "", dtype: port.dtype, ...raw }, view: new C(buffer, port.address, length) };
  return port.raw ? { ...bound, raw: new arrays[port.raw.dtype](buffer, port.raw.address, length) } : bound;
}

/** `several`: a multiple of the view's length will do. */
function check(name: string, shape: readonly number[], values: Values, view: Values, several: boolean): void {
  if (!ArrayBuffer.isView(values) || Object.getPrototypeOf(values) !== Object.getPrototypeOf(view)) throw new OctavoError("ERR_OCTAVO_DTYPE", `"${name}": found ${(values as Values | undefined)?.constructor?.name ?? typeof values}, expected ${view.constructor.name}.`);
  const fits = several && view.length ? values.length > 0 && values.length % view.length === 0 : values.length === view.length;
  if (!fits) throw new OctavoError("ERR_OCTAVO_SHAPE", `"${name}": found ${values.length} values, expected ${view.length} (shape [${shape.join(",")}])${several ? " or a multiple for several samples" : ""}.`);
}

const missing = (names: readonly string[], found: string) => new OctavoError("ERR_OCTAVO_SHAPE", `run: found ${found}, expected the inputs { ${names.join(", ")} } by name.`);
const fail = (error: Error): never => { throw error; };
