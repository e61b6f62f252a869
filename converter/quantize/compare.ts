/** A quantized graph against its float one, tensor by tensor, on samples: what reports and the choice of precision read. */
import { isConstant, tensorOf, type Graph, type Tensor, type TypedArray } from "../ir/graph.ts";
import { dequantizeConstant, isQuantized } from "./float-islands.ts";
import { boundsOf, quantizeValues, type ActivationType } from "./integers.ts";
import { runs, type Sample, type Samples } from "./calibrate.ts";

export interface TensorError {
  name: string;
  /** Of the node that writes it; "input" where none does. */
  op: string;
  node: string;
  /** Signal to quantization noise, 10 · log10(Σ float² / Σ error²) in dB; Infinity without error. */
  sqnr: number;
  largestError: number;
  meanError: number;
  /** Share of the float values that lie beyond what the integers reach; 0 for float tensors. */
  saturation: number;
}

interface Sums { signal: number; noise: number; absolute: number; largest: number; beyond: number; count: number }

/** Every float activation that both graphs have, in the order of computation. */
export async function compareGraphs(float: Graph, quantized: Graph, samples: Samples): Promise<TensorError[]> {
  const sums = new Map<string, Sums>(), both = sharedActivations(float, quantized), keep = new Set(both);
  const given: Sample[] = [];
  const other = runs(quantized, quantizedSamples(quantized, given), { keep });
  for await (const reference of runs(float, remember(samples, given), { keep })) {
    const { value } = await other.next();
    for (const name of both) add(sums, tensorOf(quantized, name), reference.get(name)!, (value as Sample).get(name)!);
  }
  const producers = new Map(float.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  return both.map((name) => ({ name, op: producers.get(name)?.op ?? "input", node: producers.get(name)?.name ?? name, ...errorOf(sums.get(name)) }));
}

function sharedActivations(float: Graph, quantized: Graph): string[] {
  const computed = new Set([...quantized.inputs, ...quantized.nodes.flatMap((n) => n.outputs)]);
  const order = [...float.inputs, ...float.nodes.flatMap((n) => n.outputs)];
  return order.filter((name) => name && computed.has(name) && tensorOf(float, name).dtype === "float32" && !isConstant(float, name));
}

/** Passes samples on and keeps the latest, which the other graph then takes. */
async function* remember(samples: Samples, given: Sample[]): AsyncGenerator<Sample> {
  for await (const sample of samples) {
    given.push(sample);
    yield sample;
  }
}

async function* quantizedSamples(graph: Graph, given: Sample[]): AsyncGenerator<Sample> {
  for (let sample = given.shift(); sample; sample = given.shift()) yield integerInputs(graph, sample);
}

/** A sample as the inputs of a quantized graph take it. */
export const integerInputs = (graph: Graph, sample: Sample): Sample =>
  new Map([...sample].map(([name, data]) => [name, asInput(graph.tensors.get(name), data)]));

const asInput = (tensor: Tensor | undefined, data: TypedArray): TypedArray =>
  tensor && isQuantized(tensor) && data instanceof Float32Array ? quantizeValues(data, tensor.quantization!, tensor.dtype as ActivationType) : data;

/** The real numbers of a value of a tensor. */
export const realValues = (tensor: Tensor, data: TypedArray): TypedArray => (isQuantized(tensor) ? dequantizeConstant({ ...tensor, data }) : data);

function add(sums: Map<string, Sums>, tensor: Tensor, reference: TypedArray, data: TypedArray): void {
  const s = sums.get(tensor.name) ?? { signal: 0, noise: 0, absolute: 0, largest: 0, beyond: 0, count: 0 }, real = realValues(tensor, data);
  const [low, high] = reach(tensor);
  for (let i = 0; i < reference.length; i++) {
    const r = reference[i]!, error = Math.abs(real[i]! - r);
    s.signal += r * r;
    s.noise += error * error;
    s.absolute += error;
    if (error > s.largest) s.largest = error;
    if (r < low || r > high) s.beyond++;
  }
  s.count += reference.length;
  sums.set(tensor.name, s);
}

/** Real numbers that round to an integer of the tensor without being clipped. */
function reach(tensor: Tensor): [number, number] {
  if (!isQuantized(tensor)) return [-Infinity, Infinity];
  const [low, high] = boundsOf(tensor.quantization!, tensor.dtype as ActivationType), half = tensor.quantization!.scale[0]! / 2;
  return [low - half, high + half];
}

function errorOf(s: Sums | undefined): Pick<TensorError, "sqnr" | "largestError" | "meanError" | "saturation"> {
  if (!s?.count) return { sqnr: NaN, largestError: NaN, meanError: NaN, saturation: NaN };
  const sqnr = s.noise ? 10 * Math.log10(s.signal / s.noise) : Infinity;
  return { sqnr, largestError: s.largest, meanError: s.absolute / s.count, saturation: s.beyond / s.count };
}
