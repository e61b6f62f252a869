/**
 * What to update within a budget of memory: as many of the last layers as fit, then output channels of a layer before them (Lin
 * et al., On-Device Training Under 256KB Memory, 2022), then the biases of others before (Cai et al., TinyTL, 2020). Memory only
 * grows with what is trained, so each is searched by halves.
 */
import { modelError, OctavoError } from "../ir/error.ts";
import { isConstant, tensorOf, type Graph, type Node } from "../ir/graph.ts";
import { dequantize, isQuantized } from "../ir/eval/quantize.ts";
import { trainableLayers, type Choice } from "./parameters.ts";

/**
 * What is trained, and of how many rows at a time: as much as fits in the smallest parts of a batch, then the largest parts with that.
 * @param parts rows that may be computed at a time, ascending · @param memory bytes beyond inference that a choice needs
 * @throws OctavoError ERR_OCTAVO_MEMORY where the last layer alone needs more, or why it cannot be trained
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

type Fits = (choice: Choice) => Promise<boolean>;

/** What cannot be trained does not fit: layers behind it may. */
const within = (budget: number, memory: (choice: Choice) => Promise<number>): Fits => (choice) =>
  memory(choice).then((bytes) => bytes <= budget, (e) => {
    if (e instanceof OctavoError) return false;
    throw e;
  });

async function largest(graph: Graph, candidates: Choice, budget: number, memory: (choice: Choice) => Promise<number>): Promise<Choice> {
  const layers = trainableLayers(graph).filter((name) => candidates.has(name)), fits = within(budget, memory), last = (k: number): Choice => new Map(layers.slice(layers.length - k).map((name) => [name, "all"]));
  const whole = await most(layers.length, (k) => fits(last(k)));
  if (whole === 0) {
    const least = await memory(last(1));
    const problem = `training its last layer "${layers.at(-1)}" alone takes ${least} bytes, the budget is ${budget}`;
    throw modelError("ERR_OCTAVO_MEMORY", graph.format, `model "${graph.name}"`, problem, "Raise --train-memory.");
  }
  const before = layers.slice(0, layers.length - whole), partly = await withChannels(graph, before, last(whole), fits);
  return withBiases(before.filter((name) => !partly.has(name)), partly, fits);
}

/** As many channels as fit of the last of these layers that has some. */
async function withChannels(graph: Graph, layers: readonly string[], chosen: Choice, fits: Fits): Promise<Choice> {
  const node = graph.nodes.findLast((n) => layers.includes(n.name) && hasChannels(graph, n));
  if (!node) return chosen;
  const order = channelsByUse(graph, node), by = (count: number): Choice => new Map([[node.name, order.slice(0, count).sort((a, b) => a - b)], ...chosen]);
  const count = await most(order.length - 1, (k) => fits(by(k)));
  return count ? by(count) : chosen;
}

/** The biases of as many layers as fit, the last first. */
async function withBiases(layers: readonly string[], chosen: Choice, fits: Fits): Promise<Choice> {
  const by = (count: number): Choice => new Map([...layers.slice(layers.length - count).map((name): [string, "bias"] => [name, "bias"]), ...chosen]);
  return by(await most(layers.length, (k) => fits(by(k))));
}

/** Layers whose output channels have weights of their own and all of the input. */
function hasChannels(graph: Graph, node: Node): boolean {
  return (node.op === "dense" || (node.op === "conv2d" && node.attributes.groups === 1)) && isConstant(graph, node.inputs[1]!);
}

/**
 * Output channels, those with the smallest weights (Σ w²) first: the model makes least use of them, so they have most to learn and
 * least to forget. Those whose weights sum up to less than −‖w‖ come last: to inputs of one sign they hardly ever answer, and behind
 * a ReLU their gradient is zero.
 */
function channelsByUse(graph: Graph, node: Node): number[] {
  const w = tensorOf(graph, node.inputs[1]!), values = isQuantized(w) ? dequantize(w, w.data!) : w.data!, O = w.shape[0]!, K = values.length / O;
  const sums = new Float64Array(O), squares = new Float64Array(O);
  for (let i = 0; i < values.length; i++) {
    const v = Number(values[i]), o = Math.floor(i / K);
    sums[o]! += v;
    squares[o]! += v * v;
  }
  const isSilent = (o: number) => !(sums[o]! > -Math.sqrt(squares[o]!));
  return [...squares.keys()].sort((a, b) => Number(isSilent(a)) - Number(isSilent(b)) || squares[a]! - squares[b]! || a - b);
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
