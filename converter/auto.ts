/**
 * Precision auto: int8 wherever the metric allows it. Every layer is asked how much closer to the float model all others
 * come when it alone stays float; then the fewest of the most sensitive ones stay float that keep the metric.
 */
import { modelError } from "./ir/error.ts";

export interface Judge {
  /** What the metric loses against the float model, in the unit of `maxDrop`. */
  drop: (model: Uint8Array) => number | Promise<number>;
  /** Mean squared distance of the outputs from those of the float model, over a few samples. */
  distance: (model: Uint8Array) => number | Promise<number>;
  maxDrop: number;
}

export interface Search {
  /** Names of layers that could stay float. */
  candidates: readonly string[];
  /** The model file in which these layers stay float. */
  build: (keepFloat: ReadonlySet<string>) => Promise<Uint8Array>;
  judge: Judge;
  onStep?: (done: number, total: number) => void;
  signal?: AbortSignal | undefined;
}

/** @returns the layers that have to stay float: none where int8 throughout is good enough */
export async function sensitiveLayers(search: Search): Promise<Set<string>> {
  const { build, judge } = search, holds = async (kept: Set<string>) => {
    search.signal?.throwIfAborted();
    return (await judge.drop(await build(kept))) <= judge.maxDrop;
  };
  if (await holds(new Set())) return new Set();
  const order = await bySensitivity(search), first = (count: number) => new Set(order.slice(0, count));
  let fails = 0, enough = 1;
  while (enough < order.length && !(await holds(first(enough)))) [fails, enough] = [enough, enough * 2];
  if (enough >= order.length) {
    enough = order.length;
    if (!(await holds(first(enough)))) throw modelError("ERR_OCTAVO_NAN", "auto", "precision", `the metric drops by more than ${judge.maxDrop} even with every layer in float`, "Raise --max-drop, or check data and labels.");
  }
  while (enough - fails > 1) {
    const middle = (fails + enough) >> 1;
    if (await holds(first(middle))) enough = middle;
    else fails = middle;
  }
  return first(enough);
}

/** The layer whose float form helps most comes first. */
async function bySensitivity({ candidates, build, judge, onStep, signal }: Search): Promise<string[]> {
  const distances: { name: string; left: number }[] = [];
  for (const name of candidates) {
    signal?.throwIfAborted();
    distances.push({ name, left: await judge.distance(await build(new Set([name]))) });
    onStep?.(distances.length, candidates.length);
  }
  return distances.sort((a, b) => a.left - b.left).map((d) => d.name);
}
