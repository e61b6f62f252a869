/** Weights and biases of recurrent operators: one constant per gate in the file, one for all gates in the graph. */
import { sizeOf, tensorOf, type DType, type Quantization, type TypedArray } from "../../ir/graph.ts";
import type { TfliteNode } from "./node.ts";
import { show } from "./tensors.ts";

/** Input numbers of one direction. `weights`, `recurrent` and `bias` have one entry per gate; `cell` is the LSTM's. */
export interface Direction { weights: number[]; recurrent: number[]; bias: number[]; hidden: number; cell?: number }

interface Part { data: TypedArray; dtype: DType; shape: number[]; quantization: Quantization | undefined }

/** A constant input with its numbers as they are stored. */
function part(n: TfliteNode, i: number): Part {
  const data = n.value(i), { dtype, shape, quantization } = tensorOf(n.graph.graph, n.stored(i));
  return { data, dtype, shape, quantization };
}

/**
 * Weights of all gates, [1,G·H,I]. An LSTM without its own input gate has i = 1 − f, which is σ of the negated sum:
 * its weights are those of the forget gate, negated.
 */
export function gates(n: TfliteNode, inputs: number[], d: Direction): string {
  const coupled = inputs.length === 4 && !n.has(d.weights[0]!);
  const parts = inputs.map((i, g) => (coupled && g === 0 ? negated(n, part(n, inputs[1]!)) : part(n, i)));
  const [H, I] = parts[0]!.shape as [number, number];
  if (parts.some((p) => p.shape.length !== 2 || p.shape.join() !== `${H},${I}`)) {
    n.damaged(`its gates have weights of ${parts.map((p) => `${show(p.shape)}`).join(", ")}, expected one shape`);
  }
  return stacked(n, parts, [1, parts.length * H, I]);
}

/** [1,G·H]; an absent bias is none at all. */
export function biases(n: TfliteNode, d: Direction, H: number): string {
  if (!d.bias.some((i) => n.has(i))) return "";
  const coupled = d.bias.length === 4 && !n.has(d.weights[0]!);
  const parts = d.bias.map((i, g) => (coupled && g === 0 ? negated(n, part(n, d.bias[1]!)) : part(n, i)));
  if (parts.some((p) => sizeOf(p.shape) !== H)) {
    n.damaged(`its biases have ${parts.map((p) => sizeOf(p.shape)).join(", ")} values, expected ${H} each`);
  }
  return stacked(n, parts, [1, parts.length * H]);
}

function negated(n: TfliteNode, p: Part): Part {
  if (n.dtype(n.stored(0)) !== "float32") {
    n.fail("its input and forget gates are coupled, expected four gates in an operator quantized as a whole", "Keep the input gate.");
  }
  if (p.data.includes(-128) && p.dtype === "int8") {
    n.fail("its input and forget gates are coupled, and a weight is -128, expected -127 to 127", "Keep the input gate.");
  }
  return { ...p, data: p.data.map((v) => -v) as TypedArray };
}

/** One constant of all parts, with a scale per row where they are quantized; integers that a float operator reads are dequantized. */
function stacked(n: TfliteNode, parts: Part[], shape: number[]): string {
  const { dtype } = parts[0]!, rows = sizeOf(shape.slice(0, 2)) / parts.length;
  if (parts.some((p) => p.dtype !== dtype || !p.quantization !== !parts[0]!.quantization)) n.damaged("its gates are of several types, expected one");
  const all = parts[0]!.data.slice(0, 0).constructor as new (length: number) => TypedArray;
  const data = new all(sizeOf(shape));
  parts.forEach((p, g) => data.set(p.data, g * p.data.length));
  const quantization = parts[0]!.quantization && perRow(parts, rows);
  const name = n.graph.constant(`${n.outputName()}_${shape.length === 3 ? "weights" : "bias"}`, dtype, shape, data, quantization);
  return quantization && n.dtype(n.stored(0)) === "float32" ? n.graph.add("dequantize", [name], {}) : name;
}

function perRow(parts: Part[], rows: number): Quantization {
  const each = (values: (q: Quantization) => ArrayLike<number>) => parts.flatMap((p) => Array.from({ length: rows }, (_, i) => {
    const v = values(p.quantization!);
    return v[v.length === 1 ? 0 : i]!;
  }));
  return { scale: Float32Array.from(each((q) => q.scale)), zeroPoint: Int32Array.from(each((q) => q.zeroPoint)), axis: 1 };
}

/** The directions one behind the other: [D,…]. */
export function joined(n: TfliteNode, names: string[]): string {
  if (names.length === 1 || names.every((x) => !x)) return names[0]!;
  if (names.some((x) => !x)) n.damaged("one direction has a bias, the other has none");
  return n.graph.add("concat", names, { axis: 0 });
}
