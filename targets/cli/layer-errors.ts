/** Error of every layer: the float model and the integer model run side by side, call by call, on the same samples. */
import { parseModelFile, type LayerInfo, type PortDType } from "../../sdk/model-file.ts";
import { ABI } from "../../sdk/load.ts";
import type { Model, Named } from "../../sdk/model.ts";
import type { LayerError } from "../../converter/report/report.ts";

export interface LayerErrorRow extends LayerError { layer: number; name: string; op: string; kernel: string; tensor: string; count: number }

/** How stored values become reals. */
interface Decoder { dtype: PortDType; scale: number; zeroPoint: number }
const real: Decoder = { dtype: "float32", scale: 1, zeroPoint: 0 };
interface Sums { signal: number; noise: number; absolute: number; largest: number; outside: number; count: number }

const arrays = { float32: Float32Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array, int64: Int32Array, bool: Uint8Array };
const limits: Partial<Record<PortDType, [number, number]>> = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767] };

/** Of the quantized tensors of a model file; all others hold float32. */
function decodersOf(bytes: Uint8Array): Map<string, Decoder> {
  const { scales, metadata } = parseModelFile(bytes, ABI);
  return new Map((metadata.tensors ?? []).map((t) => [t.name, { dtype: t.dtype, scale: scales[t.at] ?? 1, zeroPoint: scales[t.at + t.count] ?? 0 }]));
}

/** Layer and position of the output, which stay the same when a layer is quantized; the name of the tensor helps where they do not. */
const keysOf = (layer: LayerInfo, k: number): string[] => [`${layer.name}#${k}`, nameOf(layer, k)];
const nameOf = (layer: LayerInfo, k: number): string => layer.outputs![k]!.name ?? layer.name;

/** Every tensor that the float model writes in one run, by its keys. */
function floatTensors(model: Model, input: Named): Map<string, Float32Array> {
  const found = new Map<string, Float32Array>(), { layers } = model.metadata;
  model.trace(input, (call, arena) => layers[call]?.outputs?.forEach(({ at, size }, k) => {
    const values = stored(arena, at, size, "float32");
    if (values) for (const key of keysOf(layers[call]!, k).reverse()) found.set(key, values as Float32Array);
  }));
  return found;
}

/** A copy of `size` elements, or undefined where metadata point outside the arena. */
function stored(arena: Uint8Array, at: number, size: number, dtype: PortDType): ArrayLike<number> | undefined {
  const C = arrays[dtype], bytes = size * C.BYTES_PER_ELEMENT;
  return at >= 0 && size >= 0 && at + bytes <= arena.length ? new C(arena.slice(at, at + bytes).buffer) : undefined;
}

/** Adds one tensor of one sample. */
function add(sums: Sums, truth: Float32Array, stored: ArrayLike<number>, { dtype, scale, zeroPoint }: Decoder): void {
  const [low, high] = limits[dtype] ?? [-Infinity, Infinity], least = scale * (low - 0.5 - zeroPoint), most = scale * (high + 0.5 - zeroPoint);
  for (let i = 0; i < truth.length; i++) {
    const x = truth[i]!, error = x - scale * (stored[i]! - zeroPoint);
    sums.signal += x * x;
    sums.noise += error * error;
    sums.absolute += Math.abs(error);
    if (Math.abs(error) > sums.largest) sums.largest = Math.abs(error);
    if (x < least || x > most) sums.outside++;
  }
  sums.count += truth.length;
}

const decibels = ({ signal, noise }: Sums) => (noise === 0 ? Infinity : 10 * Math.log10(signal / noise));

/**
 * @param float the model converted with precision float32 · @param quantized the other, from the same source
 * @returns a row per layer of `quantized` that the float model has too, in the order of execution
 */
export function layerErrors(float: Model, quantized: Model, samples: Iterable<Named>, onSample: (done: number) => void = () => {}): LayerErrorRow[] {
  const decoders = decodersOf(quantized.save()), layers = quantized.metadata.layers, sums = new Map<string, Sums>();
  let done = 0;
  for (const input of samples) {
    const truth = floatTensors(float, input);
    quantized.trace(input, (call, arena) => layers[call]?.outputs?.forEach(({ at, size }, k) => {
      const x = keysOf(layers[call]!, k).map((key) => truth.get(key)).find(Boolean), decoder = decoders.get(nameOf(layers[call]!, k)) ?? real, y = stored(arena, at, size, decoder.dtype);
      if (!x || !y || x.length !== size) return;
      const key = `${call}#${k}`, s = sums.get(key) ?? { signal: 0, noise: 0, absolute: 0, largest: 0, outside: 0, count: 0 };
      add(s, x, y, decoder);
      sums.set(key, s);
    }));
    onSample(++done);
  }
  return [...sums].map(([key, s]) => {
    const [layer, k] = key.split("#").map(Number) as [number, number], { name, op, kernel } = layers[layer]!;
    return { layer, name, op, kernel, tensor: nameOf(layers[layer]!, k), count: s.count, sqnr: decibels(s), largest: s.largest, mean: s.absolute / s.count, saturated: s.outside / s.count };
  });
}
