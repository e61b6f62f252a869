/**
 * What to update within a budget of memory: as many of the last layers as fit, then the biases of layers before them
 * (Cai et al., TinyTL, 2020). Memory only grows with what is trained, so both are searched by halves.
 */
import { modelError } from "../ir/error.ts";
import type { Graph } from "../ir/graph.ts";
import { trainableLayers, type Choice } from "./parameters.ts";

/** @param memory bytes beyond inference that a choice needs, Infinity where it cannot be trained */
export async function chooseWithin(graph: Graph, candidates: Choice, budget: number, memory: (choice: Choice) => Promise<number>): Promise<Choice> {
  const layers = trainableLayers(graph).filter((name) => candidates.has(name)), n = layers.length;
  const choice = (whole: number, biases: number): Choice => new Map(layers.slice(n - whole - biases).map((name, i) => [name, i < biases ? "bias" : "all"]));
  const fits = async (c: Choice) => (await memory(c)) <= budget;
  const whole = await most(n, (k) => fits(choice(k, 0)));
  if (whole === 0) {
    const least = await memory(choice(1, 0));
    const problem = `training its last layer "${layers.at(-1)}" alone takes ${least} bytes, the budget is ${budget}`;
    throw modelError("ERR_OCTAVO_MEMORY", graph.format, `model "${graph.name}"`, problem, "Raise --train-memory, or lower --train-batch.");
  }
  return choice(whole, await most(n - whole, (k) => fits(choice(whole, k))));
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
