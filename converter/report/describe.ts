/** What a conversion did, from what its stages gave. */
import type { Compiled } from "../compile.ts";
import { bytesOf, sizeOf, tensorOf, type Graph, type Node } from "../ir/graph.ts";
import type { KernelCall } from "../lower/context.ts";
import type { Ranges } from "../quantize/calibrate.ts";
import { hasIntegerKernel } from "../quantize/integer-ops.ts";
import { spectra } from "../quantize/spectra.ts";
import type { LayerReport, PortReport, Report, TensorReport } from "./report.ts";

export interface Conversion {
  bytes: Uint8Array;
  source: Graph;
  float: Graph;
  compiled: Compiled;
  ranges?: Ranges | undefined;
  calibration?: Report["calibration"] | undefined;
  /** Layers that precision auto left in float. */
  kept?: ReadonlySet<string>;
  options: { precision?: string; rounding?: string; method?: string };
  times: { stage: string; ms: number }[];
}

export function describe({ bytes, source, compiled, ranges, calibration, kept = new Set(), options, times }: Conversion): Report {
  const { graph, program, arena } = compiled, layers = layerReports(graph, program.calls, ranges);
  explainFloat(graph, layers, kept);
  return {
    name: graph.name,
    source: { format: source.format, bytes: bytes.length, parameters: parametersOf(source), operators: operatorsOf(source) },
    ...(compiled.training && { training: compiled.training }),
    model: { bytes: compiled.model.length, weightBytes: layers.reduce((n, l) => n + l.weightBytes, 0), macs: program.calls.reduce((n, c) => n + c.macs, 0) },
    precision: precisionOf(graph), rounding: options.rounding ?? "fast", ...(calibration && { calibration }),
    inputs: portsOf(graph, graph.inputs), outputs: portsOf(graph, graph.outputs), layers,
    memory: { arenaBytes: arena.bytes, largestLive: arena.lowerBound, blocks: arena.buffers.map((b) => ({ name: b.id, address: b.offset, bytes: b.bytes, first: b.first, last: b.last })) },
    times, notes: [],
  };
}

/** Numbers that the source model learned: floating-point or quantized constants with more than one value. */
const parametersOf = (graph: Graph): number =>
  [...graph.tensors.values()].reduce((n, t) => (t.data && sizeOf(t.shape) > 1 && (t.dtype === "float32" || t.quantization) ? n + sizeOf(t.shape) : n), 0);

function operatorsOf(graph: Graph): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const node of graph.nodes) counts[node.op] = (counts[node.op] ?? 0) + 1;
  return counts;
}

export const portsOf = (graph: Graph, names: readonly string[]): PortReport[] =>
  names.map((name) => ({ name, dtype: tensorOf(graph, name).dtype, shape: tensorOf(graph, name).shape, layout: graph.layouts[name] ?? "" }));

/** One row per call; a node's tensors stand in the row of its last call. */
function layerReports(graph: Graph, calls: readonly KernelCall[], ranges?: Ranges): LayerReport[] {
  const nodes = new Map(graph.nodes.map((n) => [n.name, n])), lastCalls = new Map(calls.map((c, i) => [c.node, i]));
  return calls.map((call, i) => {
    const node = nodes.get(call.node), last = lastCalls.get(call.node) === i;
    return {
      name: call.node, op: node?.op ?? "state", kernel: call.kernel, macs: call.macs, weightBytes: node && last ? weightBytesOf(graph, node) : 0,
      precision: arithmeticOf(graph, node), outputs: node && last ? node.outputs.filter(Boolean).map((o) => tensorReport(graph, o, ranges)) : [],
    };
  });
}

/** Says of every float layer of an integer model why it is one. */
function explainFloat(graph: Graph, layers: LayerReport[], kept: ReadonlySet<string>): void {
  const nodes = new Map(graph.nodes.map((n) => [n.name, n])), type = precisionOf(graph) === "int8x16" ? "int16" : "int8";
  if (!layers.some((l) => l.precision.startsWith("int"))) return;
  const spectrum = spectra(graph);
  for (const layer of layers) {
    const node = nodes.get(layer.name);
    if (layer.precision !== "float32" || !node) continue;
    layer.floatBecause = kept.has(layer.name) ? "the metric needs it" : spectrum.has(node) ? "a spectrum spans more than integers do" : hasIntegerKernel(node, graph, type) ? "its neighbours are float" : "it has no integer kernel in this form";
  }
}

const weightBytesOf = (graph: Graph, node: Node): number =>
  node.inputs.map((i) => graph.tensors.get(i)).reduce((n, t) => (t?.data ? n + sizeOf(t.shape) * bytesOf(t.dtype) : n), 0);

const movers = new Set<string>(["reshape", "transpose", "slice", "concat", "pad", "expand", "tile", "gather", "quantize", "dequantize", "requantize"]);

/** What the activations of a graph are: in the words of `--precision`. */
export function precisionOf(graph: Graph): "int8" | "int8x16" | "float32" {
  const types = new Set(graph.nodes.flatMap((n) => n.outputs.map((o) => graph.tensors.get(o))).map((t) => (t?.quantization ? t.dtype : "")));
  return types.has("int8") || types.has("uint8") ? "int8" : types.has("int16") ? "int8x16" : "float32";
}

function arithmeticOf(graph: Graph, node: Node | undefined): string {
  if (!node || movers.has(node.op)) return "";
  const dtype = tensorOf(graph, node.inputs.find(Boolean) ?? node.outputs.find(Boolean)!).dtype;
  return dtype === "int8" || dtype === "uint8" ? "int8" : dtype === "int16" ? "int16" : "float32";
}

function tensorReport(graph: Graph, name: string, ranges?: Ranges): TensorReport {
  const { dtype, shape, quantization: q } = tensorOf(graph, name), range = ranges?.get(name) ?? ranges?.get(name.replace(/ quantized$/, "")); // borders.ts names the integers behind a port
  return { name, dtype, shape, ...(q && { scale: q.scale[0]!, zeroPoint: q.zeroPoint[0]! }), ...(range && { range: [range.low, range.high] as [number, number] }) };
}
