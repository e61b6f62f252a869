/**
 * Bias correction: rounding, clipping and pooling of rounded values shift the output of a layer on average. The shift is
 * measured on samples, where the float output lies within its clamp (elsewhere it is without effect), and taken out of
 * the bias; layer by layer, so that each one sees what is left of the errors before it. After Nagel et al., "Data-free
 * quantization through weight equalization and bias correction" (2019), section 4.2, which measures before the clamp.
 */
import { evaluate } from "../ir/eval.ts";
import { isConstant, sizeOf, tensorOf, type Graph, type Node, type Tensor, type TypedArray } from "../ir/graph.ts";
import { breather, type Sample } from "./calibrate.ts";
import { integerInputs, realValues } from "./compare.ts";
import { copyGraph } from "./copy.ts";
import { dequantizeConstant } from "./float-islands.ts";

type Constant = Tensor & { data: TypedArray };
type Layer = Node<"conv2d"> | Node<"convTranspose2d"> | Node<"dense">;

/** Most samples that are worth it, and the multiplications that all together may take. */
const MOST_SAMPLES = 32, FEWEST_SAMPLES = 8, MOST_PRODUCTS = 1e8;

const isLayer = (node: Node): node is Layer => node.op === "conv2d" || node.op === "convTranspose2d" || node.op === "dense";

/** How many samples `correctBiases` makes use of. */
export function samplesWorth(float: Graph): number {
  const shape = (name: string) => tensorOf(float, name).shape;
  const products = float.nodes.filter(isLayer).reduce((n, l) => n + sizeOf(shape(l.outputs[0]!)) * sizeOf(shape(l.inputs[1]!).slice(1)), 1);
  return Math.max(FEWEST_SAMPLES, Math.min(MOST_SAMPLES, Math.floor(MOST_PRODUCTS / products)));
}

/** A graph with states is returned as it is: its samples depend on each other. */
export async function correctBiases(float: Graph, quantized: Graph, samples: readonly Sample[]): Promise<Graph> {
  if (quantized.states.length || samples.length < 2) return quantized;
  const graph = copyGraph(quantized), layers = correctable(float, graph), breathe = breather();
  const reference = new Walk(float, samples), walk = new Walk(graph, samples.map((s) => integerInputs(graph, s)));
  for (const node of graph.nodes) {
    const layer = layers.get(node);
    if (layer) {
      const expected = reference.until(layer).map((v) => v.get(layer.outputs[0]!)!);
      shiftBias(graph, node, significantShift(graph, node as Layer, layer, expected, walk.compute(node)));
    }
    walk.step(node);
    await breathe();
  }
  return graph;
}

/** Integer layers with a bias, and what they were in float. */
function correctable(float: Graph, graph: Graph): Map<Node, Layer> {
  const originals = new Map(float.nodes.map((n) => [n.name, n]));
  return new Map(graph.nodes.flatMap((node) => {
    const original = originals.get(node.name);
    if (!original || !isLayer(node) || !isLayer(original) || !node.inputs[2] || !isConstant(float, original.inputs[1]!)) return [];
    return tensorOf(graph, node.inputs[1]!).dtype === "int8" ? [[node, original] as const] : [];
  }));
}

/** A graph computed node by node on several samples at once; values are forgotten after their last reader. */
class Walk {
  private readonly graph: Graph;
  private readonly values: Map<string, TypedArray>[];
  private readonly last: Map<string, Node>;
  private next = 0;

  constructor(graph: Graph, samples: readonly Sample[]) {
    this.graph = graph;
    this.values = samples.map((s) => new Map(s));
    this.last = new Map(graph.nodes.flatMap((n) => n.inputs.map((i) => [i, n] as const)));
  }

  /** What a node gives, per sample, without going on. */
  compute(node: Node): TypedArray[] {
    return this.values.map((v) => this.run(node, v).get(node.outputs[0]!)!);
  }

  step(node: Node): void {
    for (const values of this.values) {
      for (const [name, data] of this.run(node, values)) values.set(name, data);
      for (const name of node.inputs) if (this.last.get(name) === node) values.delete(name);
    }
    this.next++;
  }

  /** The values right after a node. */
  until(node: Node): readonly ReadonlyMap<string, TypedArray>[] {
    const end = this.graph.nodes.indexOf(node);
    while (this.next <= end) this.step(this.graph.nodes[this.next]!);
    return this.values;
  }

  private run(node: Node, values: ReadonlyMap<string, TypedArray>): Map<string, TypedArray> {
    return evaluate(this.graph, new Map(node.inputs.filter((i) => values.has(i)).map((i) => [i, values.get(i)!])), { nodes: [node] });
  }
}

/**
 * Mean of float − quantized per channel over the elements strictly inside of the clamp, times max(0, 1 − its variance /
 * its square): what the samples do not tell from chance is shrunk (the positive-part estimator of James and Stein).
 */
function significantShift(graph: Graph, node: Layer, original: Layer, expected: readonly TypedArray[], found: readonly TypedArray[]): Float64Array {
  const y = tensorOf(graph, node.outputs[0]!), C = y.shape.at(-1)!, [low, high] = original.attributes.clamp, N = expected.length;
  const sums = new Float64Array(N * C), counts = new Float64Array(N * C);
  expected.forEach((reference, sample) => {
    const real = realValues(y, found[sample]!), at = sample * C;
    for (let i = 0; i < reference.length; i += C) {
      for (let c = 0; c < C; c++) {
        const expected = reference[i + c]!;
        if (!(expected > low && expected < high)) continue;
        sums[at + c]! += expected - real[i + c]!;
        counts[at + c]!++;
      }
    }
  });
  return Float64Array.from({ length: C }, (_, c) => shrunkMean(N, (n) => [sums[n * C + c]!, counts[n * C + c]!]));
}

/** The mean of sums over counts, with the variance of a ratio of totals over N samples. */
function shrunkMean(N: number, of: (sample: number) => [sum: number, count: number]): number {
  let sum = 0, count = 0, residual = 0;
  for (let n = 0; n < N; n++) [sum, count] = [sum + of(n)[0], count + of(n)[1]];
  const mean = count ? sum / count : 0;
  for (let n = 0; n < N; n++) residual += (of(n)[0] - mean * of(n)[1]) ** 2;
  const variance = count ? (residual * N) / (N - 1) / (count * count) : 0;
  return mean ? mean * Math.max(0, 1 - variance / (mean * mean)) : 0;
}

/** The bias, which is this layer's own, plus a shift in real numbers. */
function shiftBias(graph: Graph, node: Node, shift: Float64Array): void {
  const bias = tensorOf(graph, node.inputs[2]!), scale = bias.quantization!.scale, data = bias.data!.slice();
  for (let c = 0; c < data.length; c++) data[c] = data[c]! + Math.round(shift[c]! / scale[c]!);
  graph.tensors.set(bias.name, { ...bias, data });
}

/**
 * Σ (w − w') · E[x] per output channel: the shift that rounding the weights alone makes, from means taken beforehand.
 * @param w [O, …, C/groups]
 * @param means E[x] per channel of x, [C]
 */
export function meanShift(w: Constant, rounded: Constant, means: Float64Array): Float32Array {
  const O = w.shape[0]!, K = w.data.length / O, inner = w.shape.at(-1)!, perGroup = O / (means.length / inner), real = dequantizeConstant(rounded);
  return Float32Array.from({ length: O }, (_, o) => {
    const first = Math.floor(o / perGroup) * inner;
    let sum = 0;
    for (let k = o * K; k < (o + 1) * K; k++) sum += (w.data[k]! - real[k]!) * means[first + (k % inner)]!;
    return sum;
  });
}

/** a + b, either of which may be absent. */
export function added(a: TypedArray | undefined, b: Float32Array | undefined): TypedArray | undefined {
  return a && b ? Float32Array.from(a, (v, i) => v + b[i]!) : (a ?? b);
}
