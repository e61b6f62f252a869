/** Samples → runs of a model, in real numbers or in the model's own integers. */
import type { Model, Named, TensorInfo, Values } from "../../sdk/model.ts";
import { OctavoError } from "../../sdk/errors.ts";
import { arrays } from "../../sdk/values.ts";
import type { Elements, NpyArray } from "./npy.ts";
import { joinOutputs, type Samples } from "./samples.ts";

export interface Runner {
  /** The arrays hold the model's integers, so that answers are integers too. */
  raw: boolean;
  /** Per output of the model, in its order: new arrays. */
  run(i: number): Values[];
  /** Element type of output `k`. */
  dtype(k: number): NpyArray["dtype"];
  /** The first input of sample `i` and the first output `y` in real numbers. */
  real(i: number, y: Values): { x: ArrayLike<number>; y: ArrayLike<number> };
}

const isRaw = (array: NpyArray, port: TensorInfo) => port.dtype === "float32" && port.rawDtype === array.dtype;

/** Arrays of the integer type behind a float input are taken for the model's integers, all others for real numbers. */
export function runnerOf(model: Model, samples: Samples): Runner {
  const { inputs, outputs } = model, integers = inputs.map((p, k) => isRaw(samples.arrays[k]!, p));
  const raw = integers.every(Boolean) && outputs.every((p) => p.rawDtype);
  const convert = inputs.map((port, k) => (raw ? (x: Elements) => x as Values : integers[k] ? dequantizer(port) : converter(port)));
  const realX = integers[0] ? dequantizer(inputs[0]!) : (x: Elements) => x, realY = raw ? dequantizer(outputs[0]!) : (y: Values) => y;
  return {
    raw,
    real: (i, y) => ({ x: realX(samples.at(0, i)), y: realY(y) }),
    dtype: (k) => (raw ? outputs[k]!.rawDtype! : outputs[k]!.dtype),
    run: (i) => {
      const given = Object.fromEntries(inputs.map((p, k) => [p.name, convert[k]!(samples.at(k, i))]));
      const answer = (raw ? model.runRaw(given) : model.run(given)) as Record<string, Values>;
      return outputs.map((p) => answer[p.name]!);
    },
  };
}

const dequantizer = ({ scale = 1, zeroPoint = 0 }: TensorInfo) => (x: Elements): Values => Float32Array.from(x, (q) => scale * (q - zeroPoint));

const converter = (port: TensorInfo) => (x: Elements): Values => {
  const wanted = arrays[port.dtype];
  if (x instanceof wanted) return x;
  const y = wanted.from(x as never) as Values;
  if (port.dtype !== "float32" && y.some((v, i) => v !== x[i])) throw new OctavoError("ERR_OCTAVO_DTYPE", `octavo: input "${port.name}" is ${port.dtype}; the array holds values that are not.`);
  return y;
};

/** Every sample as `run` takes it, in real numbers. */
export function* convertedSamples(model: Model, samples: Samples): Generator<Named> {
  const convert = model.inputs.map((port, k) => (isRaw(samples.arrays[k]!, port) ? dequantizer(port) : converter(port)));
  for (let i = 0; i < samples.count; i++) yield Object.fromEntries(model.inputs.map((p, k) => [p.name, convert[k]!(samples.at(k, i))]));
}

/** Of every sample in turn, the outputs in their order; streams begin anew. */
export function answers(model: Model, samples: Samples): Values[][] {
  model.reset();
  return [...convertedSamples(model, samples)].map((x) => Object.values(model.run(x) as Named));
}

/** All samples in turn. */
export function runAll(runner: Runner, model: Model, samples: Samples, onSample: (done: number) => void): Record<string, NpyArray> {
  const results = model.outputs.map((): Values[] => []);
  for (let i = 0; i < samples.count; i++) {
    runner.run(i).forEach((y, k) => results[k]!.push(y));
    onSample(i + 1);
  }
  return Object.fromEntries(model.outputs.map((port, k) => {
    const dtype = runner.dtype(k), parts = dtype === "int64" ? results[k]!.map((y) => Float64Array.from(y)) : results[k]!;
    return [port.name, joinOutputs(parts, port, samples.single, dtype)];
  }));
}
