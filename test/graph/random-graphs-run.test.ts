/** Random graphs through the whole float path: optimise, compile, load, the kernels of the best build. */
import { describe, expect, test } from "vitest";
import { compile } from "../../converter/compile.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import type { Graph } from "../../converter/ir/graph.ts";
import { optimise } from "../../converter/optimise/index.ts";
import { load } from "../../targets/node/index.ts";
import { randomGraph } from "./random-graphs.ts";
import { inputsOf, opsOf } from "./support.ts";

/** More by OCTAVO_RANDOM_RUNS=4000. */
const count = Number(process.env["OCTAVO_RANDOM_RUNS"] ?? 200), perTest = 50;

async function run(graph: Graph): Promise<Record<string, Float32Array>> {
  const { model: bytes } = await compile(optimise(graph)), model = await load(bytes), inputs = inputsOf(graph) as Map<string, Float32Array>;
  try {
    const y = model.run(Object.fromEntries(inputs));
    return (y instanceof Float32Array ? { [graph.outputs[0]!]: y } : y) as Record<string, Float32Array>;
  } finally {
    model.dispose();
  }
}

/** Largest difference relative to the largest value, which counts as at least 0.01: inputs are of order 1. */
function errorOf(found: Float32Array, expected: ArrayLike<number>): number {
  let range = 1e-2, worst = found.length === expected.length ? 0 : Infinity;
  for (let i = 0; i < expected.length; i++) {
    range = Math.max(range, Math.abs(expected[i]!));
    if (!(Math.abs(found[i]! - expected[i]!) <= worst)) worst = Math.abs(found[i]! - expected[i]!);
  }
  return worst / range;
}

describe("random graphs run as they evaluate", () => {
  for (let first = 0; first < count; first += perTest) test(`seeds ${first} to ${first + perTest - 1}`, async () => {
    for (let seed = first; seed < first + perTest; seed++) {
      const graph = randomGraph(seed);
      if (opsOf(graph).includes("quantize")) continue;               // rounding there may fall either way
      const found = await run(graph), expected = evaluate(graph, inputsOf(graph), { keep: new Set(graph.outputs) });
      for (const name of graph.outputs) expect(errorOf(found[name]!, expected.get(name)!), `seed ${seed}, output "${name}"`).toBeLessThan(1e-4);
    }
  }, 60_000);
});
