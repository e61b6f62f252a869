/**
 * What to update within a budget of memory: as many of the last layers as fit, then the biases of layers before them
 * (Cai et al., TinyTL, 2020), then output channels of those, the last layer first (Lin et al., On-Device Training Under 256KB
 * Memory, 2022). Memory only grows with what is trained, so each is searched by halves.
 */
import { modelError } from "../ir/error.ts";
import { isConstant, tensorOf, type Graph, type Node } from "../ir/graph.ts";
import { dequantize, isQuantized } from "../ir/eval/quantize.ts";
import { trainableLayers, type Channels, type Choice } from "./parameters.ts";

/** Channels are chosen by eighths of a layer. */
const PARTS = 8;

/**
 * What is trained, and of how many rows at a time: as much as fits in the smallest parts of a batch, then the largest parts with that.
 * @param parts rows that may be computed at a time, ascending · @param memory bytes beyond inference that a choice needs
 */
export async function chooseWithin(graph: Graph, candidates: Choice, parts: readonly number[], budget: number, memory: (choice: Choice, part: number) => Promise<number>): Promise<{ choice: Choice; part: number }> {
  const choice = await largest(graph, candidates, budget, (c) => memory(c, parts[0]!));
  return { choice, part: parts[await most(parts.length - 1, async (i) => (await memory(choice, parts[i]!)) <= budget)]! };
}

/** Ascending. */
export function divisors(n: number): number[] {
  const found: number[] = [];
  for (let d = 1; d <= n; d++) if (n % d === 0) found.push(d);
  return found;
}

async function largest(graph: Graph, candidates: Choice, budget: number, memory: (choice: Choice) => Promise<number>): Promise<Choice> {
  const layers = trainableLayers(graph).filter((name) => candidates.has(name)), n = layers.length;
  const choice = (whole: number, biases: number): Choice => new Map(layers.slice(n - whole - biases).map((name, i) => [name, i < biases ? "bias" : "all"]));
  const fits = async (c: Choice) => (await memory(c)) <= budget;
  const whole = await most(n, (k) => fits(choice(k, 0)));
  if (whole === 0) {
    const least = await memory(choice(1, 0));
    const problem = `training its last layer "${layers.at(-1)}" alone takes ${least} bytes, the budget is ${budget}`;
    throw modelError("ERR_OCTAVO_MEMORY", graph.format, `model "${graph.name}"`, problem, "Raise --train-memory.");
  }
  const biases = await most(n - whole, (k) => fits(choice(whole, k)));
  return withChannels(graph, choice(whole, biases), fits);
}

/** As many channels as fit of every layer of which the biases are trained; gradients reach these anyway. */
async function withChannels(graph: Graph, chosen: Choice, fits: (choice: Choice) => Promise<boolean>): Promise<Choice> {
  let best = chosen;
  for (const node of graph.nodes.filter((n) => chosen.get(n.name) === "bias" && hasChannels(graph, n)).reverse()) {
    const rows = rowNorms(graph, node), step = Math.ceil(rows.length / PARTS), by = (k: number): Choice => new Map([...best, [node.name, strongest(rows, Math.min(rows.length, k * step))]]);
    const k = await most(Math.ceil(rows.length / step) - 1, (count) => fits(by(count)));
    if (k > 0) best = by(k);
  }
  return best;
}

/** Layers whose output channels have weights of their own and all of the input. */
function hasChannels(graph: Graph, node: Node): boolean {
  return (node.op === "dense" || (node.op === "conv2d" && node.attributes.groups === 1)) && isConstant(graph, node.inputs[1]!);
}

/** Σ w² of each output channel. */
function rowNorms(graph: Graph, node: Node): number[] {
  const w = tensorOf(graph, node.inputs[1]!), values = isQuantized(w) ? dequantize(w, w.data!) : w.data!, O = w.shape[0]!, K = values.length / O;
  const norms = new Array<number>(O).fill(0);
  values.forEach((v: number | bigint, i: number) => { norms[Math.floor(i / K)]! += Number(v) ** 2; });
  return norms;
}

/** The run of `count` channels with the largest weights: what a layer says most with. */
function strongest(norms: readonly number[], count: number): Channels {
  const sums = norms.slice(0, norms.length - count + 1).map((_, first) => norms.slice(first, first + count).reduce((a, b) => a + b, 0));
  return { first: sums.indexOf(Math.max(...sums)), count };
}

/** The greatest k of 1 … n that passes, 0 where none does; what passes for k passes below. */
async function most(n: number, passes: (k: number) => Promise<boolean>): Promise<number> {
  let low = 0, high = n;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (await passes(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
