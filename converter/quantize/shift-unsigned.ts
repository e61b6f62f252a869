/** Unsigned integers become signed ones of the same meaning: q − 128 (or 32768), and so the zero point. Kernels know signed ones only. */
import { freshName, type DType, type Graph, type Node, type Tensor, type TypedArray } from "../ir/graph.ts";

const signed: Partial<Record<DType, { dtype: DType; shift: number }>> = { uint8: { dtype: "int8", shift: 128 }, uint16: { dtype: "int16", shift: 32768 } };

/** Inputs and outputs of the graph keep their type: a `requantize` stands at the border. */
export function shiftUnsigned(graph: Graph): void {
  const unsigned = [...graph.tensors.values()].filter((t) => signed[t.dtype] && t.quantization && !readsRaw(graph, t.name));
  const ends = new Map(unsigned.filter((t) => isEnd(graph, t.name)).map((t) => [t.name, inside(graph, t)]));
  const swap = (name: string) => ends.get(name) ?? name;
  const nodes = graph.nodes.map((n) => ({ ...n, inputs: n.inputs.map(swap), outputs: n.outputs.map(swap) }) as Node);
  const entries = graph.inputs.filter((i) => ends.has(i)).map((i) => requantize(i, ends.get(i)!));
  const exits = graph.outputs.filter((o) => ends.has(o) && !graph.inputs.includes(o)).map((o) => requantize(ends.get(o)!, o));
  graph.nodes = [...entries, ...nodes, ...exits];
  for (const tensor of unsigned) if (!ends.has(tensor.name)) shift(tensor);
}

const isEnd = (graph: Graph, name: string) => graph.inputs.includes(name) || graph.outputs.includes(name);
/** A cast reads the integers themselves. */
const readsRaw = (graph: Graph, name: string) => graph.nodes.some((n) => n.op === "cast" && n.inputs[0] === name);

/** The signed tensor behind an unsigned input or output. */
function inside(graph: Graph, tensor: Tensor): string {
  const name = freshName(graph, `${tensor.name} signed`), copy = { ...tensor, name, quantization: { ...tensor.quantization! } };
  graph.tensors.set(name, copy);
  shift(copy);
  return name;
}

function shift(tensor: Tensor): void {
  const { dtype, shift: by } = signed[tensor.dtype]!, quantization = tensor.quantization!;
  tensor.dtype = dtype;
  tensor.quantization = { ...quantization, zeroPoint: quantization.zeroPoint.map((z) => z - by), unsigned: true };
  if (tensor.data) tensor.data = shifted(tensor.data, dtype, by);
}

const shifted = (data: TypedArray, dtype: DType, by: number): TypedArray =>
  dtype === "int8" ? Int8Array.from(data, (q) => q - by) : Int16Array.from(data, (q) => q - by);

const requantize = (from: string, to: string): Node => ({ op: "requantize", name: `${to} requantize`, inputs: [from], outputs: [to], attributes: {} });
